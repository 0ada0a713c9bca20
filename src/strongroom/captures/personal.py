"""What was captured of people, for those who ask to see it or to have it erased (a `Holder` of the room `subjects`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

from strongroom.kernel.clock import rfc3339
from strongroom.store import TenantTx
from strongroom.vault import Vault

_COUNT: Final[LiteralString] = """
    select count(*) from capture.entry
    where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or at <= $3)
"""
_ENTRIES: Final[LiteralString] = """
    select session_id, id, at, request_id from capture.entry
    where tenant_id = $1 and subject = $2 order by at desc limit 1000
"""


class CapturedRequests:
    """Captured requests about a person, under a key of theirs."""

    name = "captured requests"
    tables = ("capture.entry",)
    method = "deleted, and their key destroyed; that there was a session stays"

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many there are."""
        count: int = await tx.fetchval(_COUNT, tx.tenant, subject, before)
        return count

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return that there are some, when and of which request: what they say is read under an elevation and nowhere else."""
        del vault
        found = await tx.fetch(_ENTRIES, tx.tenant, subject)
        return [
            {
                "captured_at": rfc3339(row["at"]),
                "request": row["request_id"],
                "capture": str(row["session_id"]),
                "entry": str(row["id"]),
            }
            for row in found
        ]

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Delete them."""
        gone: int = await tx.fetchval("select capture.drop_of_subject($1, $2)", subject, before)
        return gone
