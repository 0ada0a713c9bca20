"""The SQL of rotation. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from strongroom.identity.bindings import Bindings
from strongroom.kernel.ids import KeyId
from strongroom.store import TenantTx


@dataclass(frozen=True, slots=True)
class Held:
    """What a key is checked against, and whose it is."""

    workload: UUID
    fingerprint: bytes
    pepper_version: int

    def __repr__(self) -> str:
        """Show the workload only."""
        return f"Held({self.workload})"


async def held(tx: TenantTx, key_id: KeyId) -> Held | None:
    """Return what the key is checked against, and lock its row until this transaction ends."""
    row = await tx.fetchrow(
        """SELECT workload_id, fingerprint, pepper_version FROM identity.key
           WHERE tenant_id = $1 AND id = $2 FOR UPDATE""",
        tx.tenant,
        key_id,
    )
    return None if row is None else Held(row["workload_id"], row["fingerprint"], row["pepper_version"])


async def bind_key(tx: TenantTx, key_id: KeyId, bindings: Bindings | None) -> None:
    """Write what a key is bound to."""
    await tx.execute(
        "UPDATE identity.key SET bindings = $3 WHERE tenant_id = $1 AND id = $2",
        tx.tenant,
        key_id,
        None if bindings is None else msgspec.json.encode(bindings).decode(),
    )


async def replace_key(tx: TenantTx, key_id: KeyId, successor: str, at: datetime, retires_at: datetime) -> None:
    """Say which key takes over, and until when the old one counts."""
    await tx.execute(
        """UPDATE identity.key SET replaced_by = $3, replaced_at = $4, retires_at = $5
           WHERE tenant_id = $1 AND id = $2 AND replaced_by IS NULL""",
        tx.tenant,
        key_id,
        successor,
        at,
        retires_at,
    )
