"""The SQL of deliveries. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from strongroom.identity.model import Delivery
from strongroom.kernel.ids import KeyId
from strongroom.store import TenantTx


async def insert(tx: TenantTx, delivery: Delivery, key_id: str, sealed: bytes, at: datetime) -> None:
    """Add a delivery of a key."""
    await tx.execute(
        """INSERT INTO identity.delivery (tenant_id, id, key_id, sealed, created_at, expires_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant,
        delivery.id,
        key_id,
        sealed,
        at,
        delivery.expires_at,
    )


async def take(tx: TenantTx, delivery: KeyId, at: datetime) -> tuple[KeyId, bytes] | None:
    """Take out what a delivery carries: the key's id and the sealed text. None: it was opened before."""
    row = await tx.fetchrow(
        """WITH whole AS (
               SELECT tenant_id, id, key_id, sealed FROM identity.delivery
               WHERE tenant_id = $1 AND id = $2 AND opened_at IS NULL FOR UPDATE
           )
           UPDATE identity.delivery d SET opened_at = $3, sealed = ''
           FROM whole WHERE d.tenant_id = whole.tenant_id AND d.id = whole.id
           RETURNING whole.key_id, whole.sealed""",
        tx.tenant,
        delivery,
        at,
    )
    return None if row is None else (KeyId(row["key_id"]), row["sealed"])


async def of_keys(tx: TenantTx, key_ids: Sequence[KeyId]) -> list[KeyId]:
    """Return the credentials that hand over one of these keys, opened or not."""
    rows = await tx.fetch(
        "SELECT id FROM identity.delivery WHERE tenant_id = $1 AND key_id = ANY($2::text[])", tx.tenant, list(key_ids)
    )
    return [KeyId(row["id"]) for row in rows]


async def carries(tx: TenantTx, delivery: KeyId) -> KeyId | None:
    """Return the id of the key that a delivery carries, or carried."""
    found = await tx.fetchval(
        "SELECT key_id FROM identity.delivery WHERE tenant_id = $1 AND id = $2", tx.tenant, delivery
    )
    return None if found is None else KeyId(found)
