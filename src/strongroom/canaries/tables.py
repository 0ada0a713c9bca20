"""The SQL of canaries. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from strongroom.canaries.model import PlantedCanary
from strongroom.kernel.principal import Environment
from strongroom.store import Record, TenantTx

_COLUMNS = """c.id, c.label, c.deployment_id, d.environment, c.word, c.planted_at, c.planted_by, c.retired_at,
              c.recognised_until"""
_FROM = """FROM registry.canary c
           LEFT JOIN registry.deployment d ON d.tenant_id = c.tenant_id AND d.id = c.deployment_id
           WHERE c.tenant_id = $1"""


async def insert(tx: TenantTx, made: PlantedCanary) -> None:
    """Add a canary; a second one in the instructions of a deployment is a `Conflict`."""
    await tx.execute(
        """INSERT INTO registry.canary (tenant_id, id, deployment_id, label, word, planted_at, planted_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tx.tenant,
        made.id,
        made.deployment,
        made.label,
        made.word,
        made.planted_at,
        made.planted_by,
    )


async def every(tx: TenantTx, now: datetime) -> list[PlantedCanary]:
    """Return the tenant's canaries, the newest first."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} {_FROM} ORDER BY c.planted_at DESC, c.id", tx.tenant)
    return [_canary(row, now) for row in rows]


async def living(tx: TenantTx, now: datetime) -> int:
    """Return how many of the tenant's canaries are recognised."""
    found = await tx.fetchval(
        """SELECT count(*) FROM registry.canary
           WHERE tenant_id = $1 AND (recognised_until IS NULL OR recognised_until > $2)""",
        tx.tenant,
        now,
    )
    return int(found)


async def one(tx: TenantTx, canary: UUID, now: datetime) -> PlantedCanary | None:
    """Return one canary; it does not change until this transaction ends."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} {_FROM} AND c.id = $2 FOR UPDATE OF c", tx.tenant, canary)
    return None if row is None else _canary(row, now)


async def retire(tx: TenantTx, canary: UUID, at: datetime, until: datetime) -> None:
    """Say that another takes a canary's place, and until when it is recognised all the same."""
    await tx.execute(
        """UPDATE registry.canary SET retired_at = $3, recognised_until = $4
           WHERE tenant_id = $1 AND id = $2 AND retired_at IS NULL""",
        tx.tenant,
        canary,
        at,
        until,
    )


def _canary(row: Record, now: datetime) -> PlantedCanary:
    until: datetime | None = row["recognised_until"]
    return PlantedCanary(
        id=row["id"],
        where="document" if row["deployment_id"] is None else "instructions",
        label=row["label"],
        environment=None if row["environment"] is None else Environment(row["environment"]),
        deployment=row["deployment_id"],
        word=row["word"],
        status="planted" if until is None else "recognised" if until > now else "ended",
        planted_at=row["planted_at"],
        planted_by=row["planted_by"],
        retired_at=row["retired_at"],
        recognised_until=until,
    )
