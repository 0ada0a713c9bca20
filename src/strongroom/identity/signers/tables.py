"""The SQL of signers. Every statement binds `tenant_id` itself: the row policy is the second wall, not the first."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from strongroom.identity.model import key_status
from strongroom.identity.signers.model import Signer
from strongroom.kernel.ids import WorkloadId
from strongroom.kernel.principal import Environment
from strongroom.signatures import PublicKey
from strongroom.store import Record, TenantTx

_SELECT: Final = """
    SELECT s.id, s.algorithm, s.public_key, s.label, s.owner, s.created_at, s.expires_at, s.revoked_at, s.revoked_reason,
           w.environment, w.name AS workload
    FROM identity.signer s JOIN identity.workload w ON w.tenant_id = s.tenant_id AND w.id = s.workload_id
    WHERE s.tenant_id = $1 AND ($2::text IS NULL OR s.id = $2)
    ORDER BY s.created_at DESC, s.id
"""


async def insert(tx: TenantTx, workload: WorkloadId, made: Signer, key: PublicKey) -> None:
    """Add a signer of `workload`.

    Raises:
        Conflict: when the tenant has, or had, this very key.
    """
    await tx.execute(
        """INSERT INTO identity.signer (tenant_id, id, workload_id, algorithm, public_key, label, owner, created_at,
                                        expires_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        tx.tenant,
        key.id,
        workload,
        key.algorithm.value,
        key.spki,
        made.label,
        made.owner,
        made.created_at,
        made.expires_at,
    )


async def signers(tx: TenantTx, now: datetime) -> list[Signer]:
    """Return the tenant's signers, newest first, dead ones included."""
    return [_signer(row, now) for row in await tx.fetch(_SELECT, tx.tenant, None)]


async def signer(tx: TenantTx, signer_id: str, now: datetime) -> Signer | None:
    """Return one signer, dead or alive."""
    row = await tx.fetchrow(_SELECT, tx.tenant, signer_id)
    return None if row is None else _signer(row, now)


async def revoke(
    tx: TenantTx, at: datetime, reason: str, *, signer_id: str | None = None, workload: WorkloadId | None = None
) -> list[str]:
    """Revoke one signer, a workload's or (neither given) all of the tenant's; return those that were not yet."""
    rows = await tx.fetch(
        """UPDATE identity.signer SET revoked_at = $2, revoked_reason = $3
           WHERE tenant_id = $1 AND revoked_at IS NULL
             AND ($4::text IS NULL OR id = $4) AND ($5::uuid IS NULL OR workload_id = $5)
           RETURNING id""",
        tx.tenant,
        at,
        reason,
        signer_id,
        workload,
    )
    return [row["id"] for row in rows]


def _signer(row: Record, now: datetime) -> Signer:
    return Signer(
        id=row["id"],
        environment=Environment(row["environment"]),
        workload=row["workload"],
        algorithm=row["algorithm"],
        label=row["label"],
        owner=row["owner"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        status=key_status(now, row["expires_at"], row["revoked_at"]),
        public_key=PublicKey.of(row["public_key"]).pem(),
        revoked_at=row["revoked_at"],
        revoked_reason=row["revoked_reason"],
    )
