"""Labels that came back for a person's requests, for those who ask to see or erase them (a `Holder` of the room `subjects`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

from strongroom.kernel.clock import rfc3339
from strongroom.store import TenantTx
from strongroom.vault import Vault

_COUNT: Final[LiteralString] = """
    select count(*) from registry.label
    where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or asked_at <= $3)
"""
_LABELS: Final[LiteralString] = """
    select request_id, environment, release_digest, asked_at, label, predicted, score from registry.label
    where tenant_id = $1 and subject = $2 order by asked_at desc limit 5000
"""


class Labels:
    """Labels of requests that named a person."""

    name = "labels of requests"
    tables = ("registry.label",)
    method = "deleted"

    async def count(self, tx: TenantTx, subject: str, before: datetime | None = None) -> int:
        """Return how many there are of requests that were made at `before` or earlier."""
        count: int = await tx.fetchval(_COUNT, tx.tenant, subject, before)
        return count

    async def export(self, tx: TenantTx, subject: str, vault: Vault) -> Sequence[dict[str, Any]]:
        """Return what was told of their requests: the newest 5,000."""
        del vault
        return [
            {
                "request": f"req_{row['request_id'].hex}",
                "asked_at": rfc3339(row["asked_at"]),
                "environment": row["environment"],
                "release": row["release_digest"],
                "label": row["label"],
                "predicted": row["predicted"],
                "score": row["score"],
            }
            for row in await tx.fetch(_LABELS, tx.tenant, subject)
        ]

    async def erase(self, tx: TenantTx, subject: str, before: datetime) -> int:
        """Delete them."""
        gone: int = await tx.fetchval("select registry.drop_labels($1, $2)", subject, before)
        return gone
