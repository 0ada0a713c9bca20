"""What was captured of people, for those who ask to see it or to have it erased (a `Holder` of the room `subjects`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from strongroom.captures.model import Captured
from strongroom.captures.service import scope
from strongroom.kernel.clock import rfc3339
from strongroom.kernel.principal import Environment
from strongroom.store import TenantTx
from strongroom.vault import KeysDestroyed, SealBroken, Vault

_COUNT: Final[LiteralString] = """
    select count(*) from capture.entry
    where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or at <= $3)
"""
_ENTRIES: Final[LiteralString] = """
    select e.session_id, e.id, e.at, e.request_id, e.sealed, s.environment from capture.entry e
    join capture.session s on s.tenant_id = e.tenant_id and s.id = e.session_id
    where e.tenant_id = $1 and e.subject = $2 order by e.at desc limit 1000
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
        """Return them, opened."""
        found = list[dict[str, Any]]()
        for row in await tx.fetch(_ENTRIES, tx.tenant, subject):
            of = scope(tx.tenant, Environment(row["environment"]), subject)
            try:
                plain = await vault.open(of, bytes(row["sealed"]), str(row["session_id"]), str(row["id"]))
                content: Any = msgspec.to_builtins(msgspec.json.decode(plain, type=Captured))
            except (SealBroken, KeysDestroyed, msgspec.MsgspecError):
                content = None  # under a key that is gone: nobody can read it
            found.append({"captured_at": rfc3339(row["at"]), "request": row["request_id"], "content": content})
        return found

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Delete them."""
        gone: int = await tx.fetchval("select capture.drop_of_subject($1, $2)", subject, before)
        return gone
