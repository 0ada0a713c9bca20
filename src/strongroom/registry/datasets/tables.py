"""The SQL of sources and data sets. All of it is added and never changed, but for the end of a data set and of a grant."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from strongroom.kernel.ids import new_uuid
from strongroom.kernel.principal import Environment
from strongroom.registry.admission.model import Evidence, EvidenceKind
from strongroom.registry.datasets.model import Grant, Kept, Source
from strongroom.store import Record, TenantTx

_DATASET = """SELECT digest, name, version, environment, manifest, verdict, added_at, withdrawn_at, withdrawn_by, withdrawn_for
              FROM registry.dataset WHERE tenant_id = $1"""
_MOST = 1000


async def insert_source(tx: TenantTx, source: Source, statement: bytes) -> None:
    """Add a source."""
    await tx.execute(
        "INSERT INTO registry.source (tenant_id, name, statement, added_at) VALUES ($1, $2, $3, $4)",
        tx.tenant,
        source.name,
        statement,
        source.at,
    )


async def sources(tx: TenantTx) -> list[bytes]:
    """Return the tenant's sources by name, each as it was signed."""
    rows = await tx.fetch("SELECT statement FROM registry.source WHERE tenant_id = $1 ORDER BY name", tx.tenant)
    return [bytes(row["statement"]) for row in rows]


async def source_named(tx: TenantTx, name: str) -> bytes | None:
    """Return a source by its name, as it was signed."""
    found = await tx.fetchval(
        "SELECT statement FROM registry.source WHERE tenant_id = $1 AND name = $2", tx.tenant, name
    )
    return None if found is None else bytes(found)


async def insert(tx: TenantTx, kept: Kept) -> None:
    """Add a data set."""
    await tx.execute(
        """INSERT INTO registry.dataset (tenant_id, digest, name, version, environment, manifest, verdict, added_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant,
        kept.digest,
        kept.name,
        kept.version,
        str(kept.environment),
        kept.manifest,
        kept.verdict,
        kept.added_at,
    )


async def datasets(tx: TenantTx) -> list[Kept]:
    """Return the tenant's data sets, by name, newest first."""
    rows = await tx.fetch(f"{_DATASET} ORDER BY name, added_at DESC, version", tx.tenant)
    return [_kept(row) for row in rows]


async def named(tx: TenantTx, name: str, version: str) -> Kept | None:
    """Return a data set by its name and version."""
    row = await tx.fetchrow(f"{_DATASET} AND name = $2 AND version = $3", tx.tenant, name, version)
    return None if row is None else _kept(row)


async def of_digest(tx: TenantTx, digest: str) -> Kept | None:
    """Return a data set by its digest."""
    row = await tx.fetchrow(f"{_DATASET} AND digest = $2", tx.tenant, digest)
    return None if row is None else _kept(row)


async def count(tx: TenantTx) -> tuple[int, int]:
    """Return how many data sets and how many sources the tenant has."""
    row = await tx.fetchrow(
        """SELECT (SELECT count(*) FROM registry.dataset WHERE tenant_id = $1) AS sets,
                  (SELECT count(*) FROM registry.source WHERE tenant_id = $1) AS sources""",
        tx.tenant,
    )
    assert row is not None  # noqa: S101 - counting always gives a row
    return int(row["sets"]), int(row["sources"])


async def withdraw(tx: TenantTx, digest: str, by: str, because: str, at: datetime) -> bool:
    """End a data set; return whether it had not ended before."""
    status = await tx.execute(
        """UPDATE registry.dataset SET withdrawn_at = $3, withdrawn_by = $4, withdrawn_for = $5
           WHERE tenant_id = $1 AND digest = $2 AND withdrawn_at IS NULL""",
        tx.tenant,
        digest,
        at,
        by,
        because,
    )
    return status != "UPDATE 0"


async def is_held(tx: TenantTx) -> bool:
    """Whether anything holds data of people of the tenant: a legal hold on somebody, on everybody, or on its records."""
    return bool(
        await tx.fetchval(
            """SELECT EXISTS (SELECT FROM subjects.hold WHERE tenant_id = $1 AND released_at IS NULL
                              AND (until IS NULL OR until > now()))
                      OR subjects.held_by('sub_' || repeat('0', 32)) IS NOT NULL""",
            tx.tenant,
        )
    )


async def withdraw_all(tx: TenantTx, by: str, at: datetime) -> None:
    """End every data set and grant, as a tenant's end does."""
    await tx.execute(
        """UPDATE registry.dataset SET withdrawn_at = $2, withdrawn_by = $3, withdrawn_for = 'its tenant ended'
           WHERE tenant_id = $1 AND withdrawn_at IS NULL""",
        tx.tenant,
        at,
        by,
    )
    await tx.execute(
        "UPDATE registry.dataset_grant SET revoked_at = $2 WHERE tenant_id = $1 AND revoked_at IS NULL", tx.tenant, at
    )


async def insert_approval(tx: TenantTx, digest: str, account: UUID, statement: bytes, at: datetime) -> None:
    """Add an approval."""
    await tx.execute(
        """INSERT INTO registry.dataset_approval (tenant_id, id, digest, account_id, statement, made_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant,
        new_uuid(),
        digest,
        account,
        statement,
        at,
    )


async def approvals(tx: TenantTx, digest: str) -> tuple[Evidence, ...]:
    """Return the approvals of a data set, newest first."""
    rows = await tx.fetch(
        """SELECT account_id, statement, made_at FROM registry.dataset_approval
           WHERE tenant_id = $1 AND digest = $2 ORDER BY made_at DESC, id DESC LIMIT $3""",
        tx.tenant,
        digest,
        _MOST,
    )
    return tuple(
        Evidence(
            kind=EvidenceKind.APPROVAL,
            statement=row["statement"],
            account=row["account_id"],
            made_at=row["made_at"],
        )
        for row in rows
    )


class Reader(NamedTuple):
    """A workload that could read training data."""

    id: UUID
    role: str


async def reader(tx: TenantTx, environment: Environment, name: str) -> Reader | None:
    """Return a living workload by its place and name."""
    row = await tx.fetchrow(
        """SELECT id, role FROM identity.workload
           WHERE tenant_id = $1 AND environment = $2 AND name = $3 AND deleted_at IS NULL""",
        tx.tenant,
        str(environment),
        name,
    )
    return None if row is None else Reader(row["id"], row["role"])


async def grant(tx: TenantTx, digest: str, workload: UUID, by: str, at: datetime) -> None:
    """Let a workload read a data set; one that may already keeps its grant."""
    await tx.execute(
        """INSERT INTO registry.dataset_grant (tenant_id, id, digest, workload_id, granted_by, granted_at)
           VALUES ($1, $2, $3, $4, $5, $6)
           ON CONFLICT (tenant_id, digest, workload_id) WHERE revoked_at IS NULL DO NOTHING""",
        tx.tenant,
        new_uuid(),
        digest,
        workload,
        by,
        at,
    )


async def revoke(tx: TenantTx, digest: str, workload: UUID, at: datetime) -> bool:
    """End a workload's grant; return whether it had one."""
    status = await tx.execute(
        """UPDATE registry.dataset_grant SET revoked_at = $4
           WHERE tenant_id = $1 AND digest = $2 AND workload_id = $3 AND revoked_at IS NULL""",
        tx.tenant,
        digest,
        workload,
        at,
    )
    return status != "UPDATE 0"


async def may_read(tx: TenantTx, digest: str, workload: UUID) -> bool:
    """Return whether a workload has a grant that counts."""
    return bool(
        await tx.fetchval(
            """SELECT true FROM registry.dataset_grant
               WHERE tenant_id = $1 AND digest = $2 AND workload_id = $3 AND revoked_at IS NULL""",
            tx.tenant,
            digest,
            workload,
        )
    )


async def grants(tx: TenantTx, digest: str) -> tuple[Grant, ...]:
    """Return who may read a data set, and who could, the newest first."""
    rows = await tx.fetch(
        """SELECT g.workload_id, w.name, g.granted_by, g.granted_at, g.revoked_at
           FROM registry.dataset_grant g
           JOIN identity.workload w ON w.tenant_id = g.tenant_id AND w.id = g.workload_id
           WHERE g.tenant_id = $1 AND g.digest = $2 ORDER BY g.granted_at DESC LIMIT $3""",
        tx.tenant,
        digest,
        _MOST,
    )
    return tuple(
        Grant(
            workload=row["name"],
            workload_id=row["workload_id"],
            by=row["granted_by"],
            at=row["granted_at"],
            revoked_at=row["revoked_at"],
        )
        for row in rows
    )


def _kept(row: Record) -> Kept:
    return Kept(
        digest=row["digest"],
        name=row["name"],
        version=row["version"],
        environment=Environment(row["environment"]),
        manifest=bytes(row["manifest"]),
        verdict=bytes(row["verdict"]),
        added_at=row["added_at"],
        withdrawn_at=row["withdrawn_at"],
        withdrawn_by=row["withdrawn_by"],
        withdrawn_for=row["withdrawn_for"],
    )


class Granted(NamedTuple):
    """A data set that a workload may read."""

    name: str
    version: str


async def granted(tx: TenantTx, environment: Environment, workload: str) -> list[Granted]:
    """Return the data sets that a living workload may read, in order."""
    rows = await tx.fetch(
        """SELECT d.name, d.version FROM registry.dataset_grant g
           JOIN registry.dataset d ON d.tenant_id = g.tenant_id AND d.digest = g.digest
           JOIN identity.workload w ON w.tenant_id = g.tenant_id AND w.id = g.workload_id
           WHERE g.tenant_id = $1 AND w.environment = $2 AND w.name = $3 AND w.deleted_at IS NULL
             AND g.revoked_at IS NULL AND d.withdrawn_at IS NULL
           ORDER BY d.name, d.version""",
        tx.tenant,
        str(environment),
        workload,
    )
    return [Granted(row["name"], row["version"]) for row in rows]
