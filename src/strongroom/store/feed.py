"""What every process must know within a second: small documents with one version for all of them.

Always true here:
- the version lives in one row that a publisher locks, so commit order is version order and a reader that has seen
  version n has seen everything up to n (a sequence hands out numbers that commit out of order and would lose one);
- what is withdrawn stays as a tombstone, so a reader that was away learns of it;
- the notification carries the version and nothing else: any role may listen.

Publish last in a transaction: the row stays locked until it commits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from strongroom.kernel.ids import TenantId
from strongroom.store.tx import Tx, place

CHANNEL: Final = "strongroom_feed"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One document as a follower gets it.

    Attributes:
        tenant: whose it is; `PLATFORM` for the installation's own.
        version: when it last changed, in the order of all changes.
        body: the document; empty when deleted. Never shown by repr.
        deleted: whether it was withdrawn.
    """

    tenant: TenantId
    kind: str
    id: str
    version: int
    body: bytes
    deleted: bool

    def __repr__(self) -> str:
        """Return everything but the document."""
        gone = " deleted" if self.deleted else ""
        return f"<FeedEntry {self.kind}/{self.id} v{self.version}{gone}>"


async def publish(tx: Tx, kind: str, id: str, body: bytes) -> int:  # noqa: A002 - the column's name
    """Make `body` what followers know as (`kind`, `id`) of this tenant once `tx` commits; return its version.

    A document about a key must have the key's id as its `id`: restoring a backup withdraws by it.
    """
    return await _put(tx, kind, id, body, deleted=False)


async def withdraw(tx: Tx, kind: str, id: str) -> int:  # noqa: A002 - the column's name
    """Make followers forget (`kind`, `id`) of this tenant once `tx` commits; return the version that says so."""
    return await _put(tx, kind, id, b"", deleted=True)


async def find(tx: Tx, kind: str, id: str) -> bytes | None:  # noqa: A002 - the column's name
    """Return what followers know as (`kind`, `id`) of this tenant, as `tx` sees it; None: nothing."""
    body: Any = await tx.fetchval(
        "select body from feed.entry where tenant_id = $1 and kind = $2 and id = $3 and not deleted",
        place(tx),
        kind,
        id,
    )
    return None if body is None else bytes(body)


async def living(tx: Tx, kind: str) -> list[tuple[str, bytes]]:
    """Return every document of `kind` of this tenant that was not withdrawn, with its id."""
    rows = await tx.fetch(
        "select id, body from feed.entry where tenant_id = $1 and kind = $2 and not deleted order by id",
        place(tx),
        kind,
    )
    return [(row["id"], bytes(row["body"])) for row in rows]


async def _put(tx: Tx, kind: str, key: str, body: bytes, *, deleted: bool) -> int:
    # One statement, so that the row lock is taken as late as it can be.
    version: Any = await tx.fetchval(
        """
        with bumped as (
            update feed.version set version = version + 1 returning version
        ), put as (
            insert into feed.entry (tenant_id, kind, id, version, body, deleted)
            select $1, $2, $3, bumped.version, $4, $5 from bumped
            on conflict (tenant_id, kind, id)
            do update set version = excluded.version, body = excluded.body, deleted = excluded.deleted
            returning version
        ), told as (
            select pg_catalog.pg_notify('strongroom_feed', put.version::text) from put
        )
        select put.version from put, told
        """,
        place(tx),
        kind,
        key,
        body,
        deleted,
    )
    return int(version)
