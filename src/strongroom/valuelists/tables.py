"""The SQL of lists. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from strongroom.privacy.custom import HASH_BYTES
from strongroom.privacy.kinds import CUSTOM
from strongroom.store import TenantTx
from strongroom.valuelists.model import ValueList


async def every(tx: TenantTx) -> list[ValueList]:
    """Return the tenant's lists by name."""
    rows = await tx.fetch(
        """SELECT name, sum(octet_length(hashes)) AS octets, max(most_words) AS most_words, max(at) AS at,
                  (array_agg(author ORDER BY at DESC))[1] AS author
           FROM rules.value_list WHERE tenant_id = $1 GROUP BY name ORDER BY name""",
        tx.tenant,
    )
    return [
        ValueList(
            name=row["name"],
            type=CUSTOM + row["name"],
            values=row["octets"] // HASH_BYTES,
            most_words=row["most_words"],
            changed_at=row["at"],
            changed_by=row["author"],
        )
        for row in rows
    ]


async def parts(tx: TenantTx, name: str) -> list[tuple[int, bytes]]:
    """Return the parts of a list, in order."""
    rows = await tx.fetch(
        "SELECT part, hashes FROM rules.value_list WHERE tenant_id = $1 AND name = $2 ORDER BY part", tx.tenant, name
    )
    return [(row["part"], bytes(row["hashes"])) for row in rows]


async def insert(
    tx: TenantTx, name: str, part: int, hashes: Sequence[bytes], most_words: int, at: datetime, author: str
) -> None:
    """Add a part; two with one number are a `Conflict`."""
    await tx.execute(
        """INSERT INTO rules.value_list (tenant_id, name, part, hashes, most_words, at, author)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tx.tenant,
        name,
        part,
        b"".join(hashes),
        most_words,
        at,
        author,
    )


async def remove(tx: TenantTx, name: str | None) -> list[tuple[str, int]]:
    """Remove a list, or all of them; return the parts that are gone."""
    rows = await tx.fetch("SELECT list, number FROM rules.drop_value_lists($1)", name)
    return [(row["list"], row["number"]) for row in rows]
