"""Whether somebody is to be paged: incidents open in the transaction of the entry that tells of them, in any process."""

from __future__ import annotations

from strongroom.store import OperatorTx


async def owed(tx: OperatorTx) -> bool:
    """Return whether a notice was stored that nobody has got."""
    found: bool = await tx.fetchval("SELECT EXISTS (SELECT FROM identity.notice WHERE delivered_at IS NULL)")
    return found
