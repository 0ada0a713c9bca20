"""The SQL of what the log was told about keys that nobody uses."""

from __future__ import annotations

from datetime import datetime

from strongroom.custody.model import Finding
from strongroom.store import TenantTx


async def told(tx: TenantTx) -> dict[tuple[str, str], datetime]:
    """Return when the log was told of which concern about which key."""
    rows = await tx.fetch("SELECT key_id, concern, told_at FROM identity.key_neglect WHERE tenant_id = $1", tx.tenant)
    return {(row["key_id"], row["concern"]): row["told_at"] for row in rows}


async def tell(tx: TenantTx, found: Finding, now: datetime) -> bool:
    """Note that the log is told; False where it had been, and the key was not used since then."""
    done = await tx.fetchval(
        """INSERT INTO identity.key_neglect AS kept (tenant_id, key_id, concern, told_at) VALUES ($1, $2, $3, $4)
           ON CONFLICT (tenant_id, key_id, concern) DO UPDATE SET told_at = $4 WHERE kept.told_at < $5
           RETURNING true""",
        tx.tenant,
        found.key,
        found.concern,
        now,
        found.last_used_at,
    )
    return done is True
