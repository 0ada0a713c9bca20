"""The SQL of identity. Every statement binds `tenant_id` itself: the row policy is the second wall, not the first."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec

from strongroom.identity.bindings import Bindings
from strongroom.identity.model import (
    Environments,
    Key,
    KeyException,
    Tenant,
    Workload,
    confirmation_of,
    key_ends,
    key_status,
    thumbprint_text,
)
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Proof, Role
from strongroom.store import OperatorTx, Record, TenantTx

_KEY_COLUMNS = """k.id, k.label, k.owner, k.created_at, k.expires_at, k.revoked_at, k.revoked_reason, k.exception,
       k.replaced_by, k.replaced_at, k.retires_at, k.proof, k.thumbprint, k.bindings, k.honeytoken,
       w.environment, w.name AS workload, w.role, w.team, w.pager, coalesce(nullif(k.purpose, ''), w.purpose) AS purpose"""


_TENANT = "SELECT tenant_id, name, created_at, business_unit FROM identity.tenant"


async def insert_tenant(tx: OperatorTx, tenant: Tenant) -> None:
    """Add a tenant. Only the installation can: a tenant that could try names would learn which are taken."""
    await tx.execute(
        "INSERT INTO identity.tenant (tenant_id, name, created_at, business_unit) VALUES ($1, $2, $3, $4)",
        tenant.id,
        tenant.name,
        tenant.created_at,
        tenant.business_unit,
    )


async def insert_environments(tx: OperatorTx, tenant: Tenant, limits: dict[Environment, int]) -> None:
    """Add a tenant's environments with the longest life of a key in each, in days."""
    for environment, days in limits.items():
        await tx.execute(
            "INSERT INTO identity.environment (tenant_id, name, max_key_days) VALUES ($1, $2, $3)",
            tenant.id,
            str(environment),
            days,
        )


async def tenant(tx: TenantTx) -> Tenant | None:
    """Return the tenant of this transaction, if it lives."""
    row = await tx.fetchrow(
        f"{_TENANT} WHERE tenant_id = $1 AND deleted_at IS NULL",
        tx.tenant,
    )
    return None if row is None else _tenant(row)


async def living(tx: TenantTx) -> bool:
    """Return whether the tenant lives; if so, it does until this transaction ends: its deletion waits."""
    row = await tx.fetchrow(
        "SELECT tenant_id FROM identity.tenant WHERE tenant_id = $1 AND deleted_at IS NULL FOR SHARE", tx.tenant
    )
    return row is not None


async def tenants(tx: OperatorTx) -> list[Tenant]:
    """Return every living tenant, by name."""
    rows = await tx.fetch(f"{_TENANT} WHERE deleted_at IS NULL ORDER BY name")
    return [_tenant(row) for row in rows]


async def delete_tenant(tx: OperatorTx, tenant_id: TenantId, at: datetime) -> bool:
    """End a tenant; return whether it lived until now."""
    ended = await tx.fetchval(
        "UPDATE identity.tenant SET deleted_at = $2 WHERE tenant_id = $1 AND deleted_at IS NULL RETURNING true",
        tenant_id,
        at,
    )
    return ended is True


async def tenant_ended(tx: OperatorTx, tenant_id: TenantId) -> bool:
    """Return whether there was such a tenant, and it has ended."""
    ended = await tx.fetchval(
        "SELECT true FROM identity.tenant WHERE tenant_id = $1 AND deleted_at IS NOT NULL", tenant_id
    )
    return ended is True


async def delete_workloads(tx: TenantTx, at: datetime) -> None:
    """End every workload of the tenant."""
    await tx.execute(
        "UPDATE identity.workload SET deleted_at = $2 WHERE tenant_id = $1 AND deleted_at IS NULL", tx.tenant, at
    )


async def environments(tx: TenantTx) -> list[Environments]:
    """Return the tenant's environments, dev first."""
    rows = await tx.fetch("SELECT name, max_key_days FROM identity.environment WHERE tenant_id = $1", tx.tenant)
    order = list(Environment)
    found = [Environments(name=Environment(row["name"]), max_key_days=row["max_key_days"]) for row in rows]
    return sorted(found, key=lambda each: order.index(each.name))


async def insert_workload(tx: TenantTx, workload: Workload) -> None:
    """Add a workload."""
    await tx.execute(
        """INSERT INTO identity.workload (tenant_id, id, environment, name, role, owner, created_at, team, pager, purpose)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        tx.tenant,
        workload.id,
        str(workload.environment),
        workload.name,
        str(workload.role),
        workload.owner,
        workload.created_at,
        workload.team,
        workload.pager,
        workload.purpose,
    )


async def workloads(tx: TenantTx) -> list[Workload]:
    """Return the tenant's living workloads, by environment and name."""
    rows = await tx.fetch(
        """SELECT id, environment, name, role, owner, created_at, team, pager, purpose FROM identity.workload
           WHERE tenant_id = $1 AND deleted_at IS NULL ORDER BY environment, name""",
        tx.tenant,
    )
    return [_workload(row) for row in rows]


async def workload_named(tx: TenantTx, environment: Environment, name: str) -> Workload | None:
    """Return a living workload by its name, locked against deletion until this transaction ends."""
    row = await tx.fetchrow(
        """SELECT id, environment, name, role, owner, created_at, team, pager, purpose FROM identity.workload
           WHERE tenant_id = $1 AND environment = $2 AND name = $3 AND deleted_at IS NULL FOR UPDATE""",
        tx.tenant,
        str(environment),
        name,
    )
    return None if row is None else _workload(row)


async def workload_by_id(tx: TenantTx, workload: UUID) -> Workload | None:
    """Return a living workload, locked against deletion until this transaction ends."""
    row = await tx.fetchrow(
        """SELECT id, environment, name, role, owner, created_at, team, pager, purpose FROM identity.workload
           WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE""",
        tx.tenant,
        workload,
    )
    return None if row is None else _workload(row)


async def delete_workload(tx: TenantTx, workload: WorkloadId, at: datetime) -> None:
    """End a workload."""
    await tx.execute(
        "UPDATE identity.workload SET deleted_at = $3 WHERE tenant_id = $1 AND id = $2", tx.tenant, workload, at
    )


async def insert_key(
    tx: TenantTx, workload: WorkloadId, key: Key, fingerprint: bytes, pepper_version: int, *, purpose: str = ""
) -> None:
    """Add a key of `workload` by its fingerprint. `purpose`: where it is narrower than the workload's."""
    bound = confirmation_of(key)
    await tx.execute(
        """INSERT INTO identity.key (tenant_id, id, workload_id, fingerprint, pepper_version, label, owner,
                                     created_at, expires_at, exception, purpose, proof, thumbprint, bindings, honeytoken)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)""",
        tx.tenant,
        key.id,
        workload,
        fingerprint,
        pepper_version,
        key.label,
        key.owner,
        key.created_at,
        key.expires_at,
        None if key.exception is None else msgspec.json.encode(key.exception).decode(),
        purpose,
        None if bound is None else str(bound.proof),
        None if bound is None else bound.thumbprint,
        None if key.bindings is None else msgspec.json.encode(key.bindings).decode(),
        key.honeytoken,
    )


async def keys(tx: TenantTx, now: datetime) -> list[Key]:
    """Return the tenant's keys, newest first, dead ones included."""
    rows = await tx.fetch(
        f"""SELECT {_KEY_COLUMNS} FROM identity.key k
            JOIN identity.workload w ON w.tenant_id = k.tenant_id AND w.id = k.workload_id
            WHERE k.tenant_id = $1 ORDER BY k.created_at DESC, k.id""",  # noqa: S608 - the columns are a constant
        tx.tenant,
    )
    return [_key(row, now) for row in rows]


async def key(tx: TenantTx, key_id: KeyId, now: datetime) -> Key | None:
    """Return one key, dead or alive."""
    row = await tx.fetchrow(
        f"""SELECT {_KEY_COLUMNS} FROM identity.key k
            JOIN identity.workload w ON w.tenant_id = k.tenant_id AND w.id = k.workload_id
            WHERE k.tenant_id = $1 AND k.id = $2""",  # noqa: S608 - the columns are a constant
        tx.tenant,
        key_id,
    )
    return None if row is None else _key(row, now)


async def revoke_keys(
    tx: TenantTx, at: datetime, reason: str, *, key_id: KeyId | None = None, workload: WorkloadId | None = None
) -> list[KeyId]:
    """Revoke one key, a workload's keys or (neither given) all of the tenant's; return those that were not yet."""
    rows = await tx.fetch(
        """UPDATE identity.key SET revoked_at = $2, revoked_reason = $3
           WHERE tenant_id = $1 AND revoked_at IS NULL
             AND ($4::text IS NULL OR id = $4) AND ($5::uuid IS NULL OR workload_id = $5)
           RETURNING id""",
        tx.tenant,
        at,
        reason,
        key_id,
        workload,
    )
    return [KeyId(row["id"]) for row in rows]


def _tenant(row: Record) -> Tenant:
    return Tenant(
        id=row["tenant_id"], name=row["name"], created_at=row["created_at"], business_unit=row["business_unit"]
    )


def _workload(row: Record) -> Workload:
    return Workload(
        id=row["id"],
        environment=Environment(row["environment"]),
        name=row["name"],
        role=Role(row["role"]),
        owner=row["owner"],
        created_at=row["created_at"],
        team=row["team"],
        pager=row["pager"],
        purpose=row["purpose"],
    )


def _key(row: Record, now: datetime) -> Key:
    exception = None if row["exception"] is None else msgspec.json.decode(row["exception"], type=KeyException)
    return Key(
        id=row["id"],
        environment=Environment(row["environment"]),
        workload=row["workload"],
        role=Role(row["role"]),
        label=row["label"],
        owner=row["owner"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        status=key_status(now, key_ends(row["expires_at"], exception, row["retires_at"]), row["revoked_at"]),
        revoked_at=row["revoked_at"],
        revoked_reason=row["revoked_reason"],
        exception=exception,
        team=row["team"],
        pager=row["pager"],
        purpose=row["purpose"],
        proof=None if row["proof"] is None else Proof(row["proof"]),
        thumbprint=None if row["thumbprint"] is None else thumbprint_text(row["thumbprint"]),
        replaced_by=row["replaced_by"],
        replaced_at=row["replaced_at"],
        retires_at=row["retires_at"],
        bindings=None if row["bindings"] is None else msgspec.json.decode(row["bindings"], type=Bindings),
        honeytoken=row["honeytoken"],
    )
