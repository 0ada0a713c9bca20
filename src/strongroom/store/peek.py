"""The feed as an administrator of the database reads it: for checks from outside the processes, which have no follower."""

from __future__ import annotations

from strongroom.kernel.ids import TenantId
from strongroom.store import migrate
from strongroom.store.dsn import Dsn
from strongroom.store.feed import FeedEntry


async def documents(admin: Dsn, kind: str) -> list[FeedEntry]:
    """Return every document of one kind that is in force.

    Args:
        admin: a superuser's login; row security does not bind it.
        kind: of the documents.

    Raises:
        Unavailable: when the database does not answer.
    """
    async with migrate.administrator(admin) as connection:
        rows = await connection.fetch(
            "select tenant_id, id, version, body from feed.entry where kind = $1 and not deleted", kind
        )
    return [
        FeedEntry(
            tenant=TenantId(row["tenant_id"]), kind=kind, id=row["id"], version=row["version"], body=row["body"],
            deleted=False,
        )
        for row in rows
    ]  # fmt: skip
