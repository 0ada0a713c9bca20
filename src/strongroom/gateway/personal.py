"""What the gateway keeps of people, for those who ask to see it or to have it erased (a `Holder` of the room `subjects`).

Always true here:
- rows are changed by functions of the database alone, which ask by themselves whether anything holds them;
- a record is parted from its subject and stays: what was sealed into the log is a commitment, and proves as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.kernel.principal import Environment
from strongroom.store import Record, TenantTx
from strongroom.vault import KeysDestroyed, Scope, SealBroken, Use, Vault

_PAGE: Final = 5000
_COUNT_RECORDS: Final[LiteralString] = """
    select count(*) from gateway.record
    where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or at <= $3)
"""
_RECORDS: Final[LiteralString] = """
    select id, at, environment, workload_id, operation, dialect, target, outcome, status, input_tokens, output_tokens,
           release_digest
    from gateway.record where tenant_id = $1 and subject = $2 order by at desc, id desc limit $3
"""
_COUNT_RESPONSES: Final[LiteralString] = """
    select count(*) from gateway.response
    where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or created_at <= $3)
"""
_RESPONSES: Final[LiteralString] = """
    select id, environment, workload_id, created_at, expires_at, sealed from gateway.response
    where tenant_id = $1 and subject = $2 order by created_at desc
"""


class Records:
    """Records of requests that named a person."""

    name = "records of requests"
    tables = ("gateway.record", "gateway.record_default")
    method = "parted from the person: pseudonym and salt are removed; figures and names of workloads stay"

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many there are."""
        count: int = await tx.fetchval(_COUNT_RECORDS, tx.tenant, subject, before)
        return count

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return when they asked what, and what became of it: the newest 5,000."""
        del vault
        return [
            {
                "request": f"req_{row['id'].hex}",
                "at": rfc3339(row["at"]),
                "environment": row["environment"],
                "workload": str(row["workload_id"]),
                "operation": row["operation"],
                "api": row["dialect"],
                "answered_by": row["target"],
                "release": row["release_digest"],
                "outcome": row["outcome"],
                "status": row["status"],
                "input_tokens": row["input_tokens"],
                "output_tokens": row["output_tokens"],
            }
            for row in await tx.fetch(_RECORDS, tx.tenant, subject, _PAGE)
        ]

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Part them from the person, some thousands at a time: a statement has eight seconds."""
        total = 0
        while parted := await tx.fetchval("select gateway.part_records($1, $2, $3)", subject, before, _PAGE):
            total += parted
        return total


class KeptResponses:
    """Kept responses about a person, under a key of theirs."""

    name = "kept responses"
    tables = ("gateway.response",)
    method = "deleted, and their key destroyed"

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many there are."""
        count: int = await tx.fetchval(_COUNT_RESPONSES, tx.tenant, subject, before)
        return count

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return them, opened: the conversation and the answer as its caller was told it."""
        return [await _shown(tx, row, subject, vault) for row in await tx.fetch(_RESPONSES, tx.tenant, subject)]

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Delete them."""
        gone: int = await tx.fetchval("select gateway.drop_responses($1, $2)", subject, before)
        return gone


async def _shown(tx: TenantTx, row: Record, subject: str, vault: Vault) -> dict[str, Any]:
    scope = Scope(tx.tenant, Use.KEPT_RESPONSE, Environment(row["environment"]), subject)
    try:
        plain = await vault.open(scope, bytes(row["sealed"]), str(row["workload_id"]), row["id"])
        content: Any = msgspec.json.decode(plain)
    except (SealBroken, KeysDestroyed, msgspec.MsgspecError):
        content = None  # under a key that is gone: nobody can read it, and the person is told that it is there
    return {
        "response": row["id"],
        "environment": row["environment"],
        "workload": str(row["workload_id"]),
        "kept_at": rfc3339(row["created_at"]),
        "kept_until": rfc3339(row["expires_at"]),
        "content": content,
    }
