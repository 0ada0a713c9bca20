"""The SQL of system prompts. Prompts and approvals are added; of a prompt the seal alone changes, and a tenant's end erases it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.registry.admission.model import Evidence, EvidenceKind
from strongroom.registry.prompts.model import Kept
from strongroom.store import OperatorTx, Record, TenantTx

_PROMPT = """SELECT digest, name, version, author, sealed, size, created_at FROM registry.prompt
             WHERE tenant_id = $1 AND erased_at IS NULL"""
_MOST = 1000


async def insert(tx: TenantTx, prompt: Kept) -> None:
    """Add a prompt."""
    await tx.execute(
        """INSERT INTO registry.prompt (tenant_id, digest, name, version, author, sealed, size, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant,
        prompt.digest,
        prompt.name,
        prompt.version,
        prompt.author,
        prompt.sealed,
        prompt.size,
        prompt.created_at,
    )


async def prompts(tx: TenantTx) -> list[Kept]:
    """Return the tenant's prompts, by name, newest first."""
    rows = await tx.fetch(f"{_PROMPT} ORDER BY name, created_at DESC, version", tx.tenant)
    return [_kept(row) for row in rows]


async def named(tx: TenantTx, name: str, version: str) -> Kept | None:
    """Return a prompt by its name and version."""
    row = await tx.fetchrow(f"{_PROMPT} AND name = $2 AND version = $3", tx.tenant, name, version)
    return None if row is None else _kept(row)


async def by_digest(tx: TenantTx, digest: str) -> Kept | None:
    """Return a prompt by its digest."""
    row = await tx.fetchrow(f"{_PROMPT} AND digest = $2", tx.tenant, digest)
    return None if row is None else _kept(row)


async def count(tx: TenantTx) -> int:
    """Return how many prompts the tenant has."""
    found = await tx.fetchval(
        "SELECT count(*) FROM registry.prompt WHERE tenant_id = $1 AND erased_at IS NULL", tx.tenant
    )
    return int(found)


async def erase(tx: TenantTx, at: datetime, digest: str | None = None) -> None:
    """Erase the texts of all the tenant's prompts, or that of one."""
    await tx.execute(
        """UPDATE registry.prompt SET sealed = '', erased_at = $2
           WHERE tenant_id = $1 AND erased_at IS NULL AND digest = coalesce($3, digest)""",
        tx.tenant,
        at,
        digest,
    )


async def to_move(tx: OperatorTx) -> list[tuple[TenantId, str, str]]:
    """Return tenant, name and version of what is sealed under the installation's keyring still."""
    rows = await tx.fetch("SELECT tenant_id, name, version FROM registry.prompts_to_move()")
    return [(TenantId(row["tenant_id"]), row["name"], row["version"]) for row in rows]


async def locked(tx: TenantTx, name: str, version: str) -> Kept | None:
    """Return a prompt, which nobody else changes until `tx` ends."""
    row = await tx.fetchrow(f"{_PROMPT} AND name = $2 AND version = $3 FOR UPDATE", tx.tenant, name, version)
    return None if row is None else _kept(row)


async def reseal(tx: TenantTx, digest: str, sealed: bytes) -> None:
    """Put a prompt's seal in the place of the one before."""
    await tx.execute(
        "UPDATE registry.prompt SET sealed = $3 WHERE tenant_id = $1 AND digest = $2", tx.tenant, digest, sealed
    )


async def deployments_of(tx: TenantTx, digest: str) -> list[str]:
    """Return the ids of living deployments that a prompt is pinned to; none of them ends until `tx` does."""
    rows = await tx.fetch(
        """SELECT id FROM registry.deployment
           WHERE tenant_id = $1 AND prompt_digest = $2 AND deleted_at IS NULL ORDER BY id FOR UPDATE""",
        tx.tenant,
        digest,
    )
    return [str(row["id"]) for row in rows]


async def insert_approval(tx: TenantTx, digest: str, account: UUID, statement: bytes, at: datetime) -> None:
    """Add an approval."""
    await tx.execute(
        """INSERT INTO registry.prompt_approval (tenant_id, id, digest, account_id, statement, made_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant,
        new_uuid(),
        digest,
        account,
        statement,
        at,
    )


async def approvals(tx: TenantTx, digest: str) -> tuple[Evidence, ...]:
    """Return the approvals of a prompt, newest first."""
    rows = await tx.fetch(
        """SELECT account_id, statement, made_at FROM registry.prompt_approval
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


async def approver(tx: TenantTx, name: str) -> UUID | None:
    """Return the account of a living approver, by name."""
    found = await tx.fetchval(
        "SELECT id FROM identity.account WHERE name = $1 AND role = 'approver' AND deleted_at IS NULL", name
    )
    return None if found is None else UUID(str(found))


def _kept(row: Record) -> Kept:
    return Kept(
        digest=row["digest"],
        name=row["name"],
        version=row["version"],
        author=row["author"],
        sealed=row["sealed"],
        size=row["size"],
        created_at=row["created_at"],
    )
