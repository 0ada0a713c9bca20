"""The SQL of what deployments lack that serve."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry.serving.model import Lack, Serves
from strongroom.store import OperatorTx, Record, TenantTx

_SINCE: Final = msgspec.json.Decoder(dict[str, Any])
_MOST: Final = 200


async def lacks(tx: TenantTx) -> dict[UUID, Lack]:
    """Return what the tenant's deployments lack, by deployment."""
    rows = await tx.fetch(
        """SELECT deployment_id, digest, state, because, since::text AS since, first_at, until_at
           FROM registry.serving_lack WHERE tenant_id = $1""",
        tx.tenant,
    )
    return {row["deployment_id"]: _lack(row) for row in rows}


async def put(tx: TenantTx, deployment: UUID, lack: Lack) -> None:
    """Write down what a deployment lacks."""
    await tx.execute(
        """INSERT INTO registry.serving_lack
               (tenant_id, deployment_id, digest, state, because, since, first_at, until_at)
           VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8)
           ON CONFLICT (tenant_id, deployment_id) DO UPDATE
           SET digest = excluded.digest, state = excluded.state, because = excluded.because, since = excluded.since,
               first_at = excluded.first_at, until_at = excluded.until_at""",
        tx.tenant,
        deployment,
        lack.digest,
        lack.state,
        lack.because,
        msgspec.json.encode(lack.since).decode(),
        lack.first_at,
        lack.until_at,
    )


async def drop(tx: TenantTx, deployment: UUID) -> bool:
    """Write down that a deployment lacks nothing, or is no more; whether it lacked anything."""
    rows = await tx.fetch(
        "DELETE FROM registry.serving_lack WHERE tenant_id = $1 AND deployment_id = $2 RETURNING deployment_id",
        tx.tenant,
        deployment,
    )
    return bool(rows)


async def of_release(tx: OperatorTx | TenantTx, digest: str) -> tuple[Serves, ...]:
    """Return the living deployments of a release that lack something: the transaction's tenant's, or everybody's."""
    tenant = tx.tenant if isinstance(tx, TenantTx) else None
    rows = await tx.fetch(
        """SELECT l.tenant_id, d.environment, d.name, l.digest, l.state, l.because, l.since::text AS since, l.first_at, l.until_at
           FROM registry.serving_lack l JOIN registry.deployment d ON d.tenant_id = l.tenant_id AND d.id = l.deployment_id
           WHERE l.digest = $1 AND d.deleted_at IS NULL AND ($2::uuid IS NULL OR l.tenant_id = $2)
           ORDER BY l.tenant_id, d.environment, d.name LIMIT $3""",
        digest,
        tenant,
        _MOST,
    )
    return tuple(
        Serves(
            tenant=row["tenant_id"],
            environment=Environment(row["environment"]),
            deployment=row["name"],
            state=row["state"],
            because=row["because"],
            since=row["first_at"],
            until=row["until_at"],
            said=_lack(row).said,
        )
        for row in rows
    )


def _lack(row: Record) -> Lack:
    return msgspec.convert(
        {name: row[name] for name in ("digest", "state", "because", "first_at", "until_at")}
        | {"since": _SINCE.decode(row["since"])},
        Lack,
    )
