"""Reading a log as it is sealed: heads, entries with their hashes, receipts, and where the log stands in the anchor.

Every function reads the log of its transaction: the tenant's, or the installation's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from strongroom.audit.export import AnchorPart, PublishedPart
from strongroom.audit.model import Entry
from strongroom.audit.sealing import tables
from strongroom.audit.sealing.model import ANCHOR
from strongroom.audit.sealing.proving import reader
from strongroom.audit.tables import entry_of
from strongroom.audit.tlog import HASH_BYTES, Note, Receipt, inclusion_proof
from strongroom.audit.tlog.anchor import Epoch
from strongroom.audit.tlog.merkle import NodeReader
from strongroom.audit.tlog.tiles import WIDTH
from strongroom.kernel.ids import TenantId
from strongroom.store import Record, TenantTx, Tx
from strongroom.store.tx import place

PAGE: Final = 1000
"""The most sealed entries that one call reads."""

_HISTORY: Final = 64
_LEAF: Final = 64

_EPOCHS: Final[LiteralString] = """
    select epoch, origin, size, signed_size, note, blind, begun_at, ended_at from audit.log where tenant_id = $1 order by epoch
"""
_CHECKPOINTS: Final[LiteralString] = """
    select note from audit.checkpoint where tenant_id = $1 and epoch = $2 and size < $3 order by size desc limit $4
"""
_ENTRIES: Final[LiteralString] = """
    select epoch, seq, id, event from audit.entry
    where tenant_id = $1 and epoch = $2 and seq >= $3 and seq < $4 order by seq
"""
_ENTRIES_PLATFORM: Final[LiteralString] = """
    select epoch, seq, id, event from audit.platform_entry
    where $1::uuid is not null and epoch = $2 and seq >= $3 and seq < $4 order by seq
"""
_ONE: Final[LiteralString] = "select epoch, seq, id, event from audit.entry where tenant_id = $1 and id = $2"
_ONE_PLATFORM: Final[LiteralString] = (
    "select epoch, seq, id, event from audit.platform_entry where $1::uuid is not null and id = $2"
)
_GATHERED: Final[LiteralString] = """
    select action, actor, coalesce(detail ->> 'for', '') as purpose, resource like '%/audit-log/analytics' as sums,
           min(at) as first, max(at) as last
    from audit.entry
    where tenant_id = $1 and at >= $2 and outcome = 'allowed' and action = any($3) and actor <> $4
    group by 1, 2, 3, 4 limit 10000
"""
_SEARCH: Final[LiteralString] = """
    select id, at, actor, credential, action, resource, outcome, reason, request_id, detail::text as detail, epoch, seq
    from audit.entry e
    where tenant_id = $1
      and ($2::text is null or action like $2) and ($3::text is null or actor like $3)
      and ($4::text is null or resource like $4) and ($5::text is null or outcome = $5)
      and ($6::text is null or request_id = $6)
      and ($7::timestamptz is null or at >= $7) and ($8::timestamptz is null or at < $8)
      and ($9::uuid is null or (at, id) < (select b.at, b.id from audit.entry b where b.tenant_id = $1 and b.id = $9::uuid))
    order by at desc, id desc limit $10
"""
_SEARCH_PLATFORM: Final[LiteralString] = """
    select id, at, actor, credential, action, resource, outcome, reason, request_id, detail::text as detail, epoch, seq
    from audit.platform_entry e
    where $1::uuid is not null
      and ($2::text is null or action like $2) and ($3::text is null or actor like $3)
      and ($4::text is null or resource like $4) and ($5::text is null or outcome = $5)
      and ($6::text is null or request_id = $6)
      and ($7::timestamptz is null or at >= $7) and ($8::timestamptz is null or at < $8)
      and ($9::uuid is null or (at, id) < (select b.at, b.id from audit.platform_entry b where b.id = $9::uuid))
    order by at desc, id desc limit $10
"""
_ANCHORS: Final[LiteralString] = """
    select number, epoch, seq, record, leaves from audit.anchor where leaves <> '' order by number desc limit 2
"""
_ANCHORED: Final[LiteralString] = """
    select note, size from audit.checkpoint where tenant_id = $1 and epoch = $2 and anchor <= $3 order by size desc limit 1
"""
_PUBLISHED: Final[LiteralString] = """
    select a.number, a.epoch, a.record, a.leaves, p.size, p.note, p.timestamp
    from audit.publication p join audit.anchor a on a.number = p.number
    where a.leaves <> '' and p.number = (select audit.best_publication())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEpoch:
    """One epoch of a log."""

    epoch: int
    origin: str
    size: int
    signed_size: int
    note: str | None
    blind: bytes
    begun_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed entry: its place, its bytes, and the hash that the log's own tile has there."""

    epoch: int
    seq: int
    id: UUID
    event: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is searched for; a `*` in a text stands for any characters."""

    action: str | None = None
    actor: str | None = None
    resource: str | None = None
    outcome: str | None = None
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def epochs(tx: Tx) -> list[LogEpoch]:
    """Return the epochs of this transaction's log, the oldest first."""
    rows = await tx.fetch(_EPOCHS, place(tx))
    return [LogEpoch(**dict(row)) for row in rows]


async def history(tx: Tx, epoch: int, below: int) -> list[str]:
    """Return signed heads of an epoch below a size, the newest of them, in order of size."""
    rows = await tx.fetch(_CHECKPOINTS, place(tx), epoch, below, _HISTORY)
    return [row["note"] for row in reversed(rows)]


async def sealed(tx: Tx, epoch: int, since: int, limit: int) -> list[Sealed]:
    """Return entries of an epoch from a number on, with the hashes of the log's tiles."""
    until = since + max(1, min(limit, PAGE))
    statement = _ENTRIES if isinstance(tx, TenantTx) else _ENTRIES_PLATFORM
    rows = await tx.fetch(statement, place(tx), epoch, since, until)
    numbers = range(since // WIDTH, (until - 1) // WIDTH + 1)
    found = await tables.tiles(tx, [(place(tx), epoch, 0, number) for number in numbers])
    return [
        Sealed(
            epoch=row["epoch"],
            seq=row["seq"],
            id=row["id"],
            event=row["event"],
            hash=_hash(found.get((place(tx), 0, row["seq"] // WIDTH), b""), row["seq"]),
        )
        for row in rows
    ]


def _hash(tile: bytes, seq: int) -> bytes:
    at = seq % WIDTH * HASH_BYTES
    return tile[at : at + HASH_BYTES]


async def search(
    tx: Tx, wanted: Wanted, limit: int, before: UUID | None = None
) -> list[tuple[Entry, int | None, int | None]]:
    """Return entries that fit, the newest first, each with its place (epoch, number) if it has one yet."""
    rows = await tx.fetch(
        _SEARCH if isinstance(tx, TenantTx) else _SEARCH_PLATFORM,
        place(tx),
        *(_pattern(text) for text in (wanted.action, wanted.actor, wanted.resource)),
        wanted.outcome,
        wanted.request_id,
        wanted.since,
        wanted.until,
        before,
        limit,
    )
    return [(entry_of(row), row["epoch"], row["seq"]) for row in rows]


async def gathered(tx: TenantTx, actions: Sequence[str], since: datetime, unless: str) -> list[Record]:
    """Return who did which of `actions` since a moment, but for the actor `unless`.

    Rows of action, actor, purpose (as the caller said it; empty: it did not), sums (whether it was of the analytics), first
    and last.
    """
    return await tx.fetch(_GATHERED, tx.tenant, since, list(actions), unless)


def _pattern(text: str | None) -> str | None:
    """Return a text with `*` as a pattern of LIKE, in which nothing else is special."""
    if text is None:
        return None
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


async def receipt(tx: Tx, entry: UUID) -> tuple[Sealed, Receipt] | None:
    """Return a sealed entry with its receipt; None when there is no such entry, or the head over it is not signed yet."""
    row = await tx.fetchrow(_ONE if isinstance(tx, TenantTx) else _ONE_PLATFORM, place(tx), entry)
    if row is None or row["seq"] is None:
        return None
    of = next((each for each in await epochs(tx) if each.epoch == row["epoch"]), None)
    if of is None or of.note is None or row["seq"] >= of.signed_size:
        return None
    (found,) = await sealed(tx, row["epoch"], row["seq"], 1)
    path = await _path(tx, place(tx), row["epoch"], row["seq"], of.signed_size)
    return found, Receipt(row["seq"], tuple(path), Note.parse(of.note))


async def _path(tx: Tx, tenant: TenantId, epoch: int, index: int, size: int) -> list[bytes]:
    def use(node: NodeReader) -> list[bytes]:
        return inclusion_proof(node, index, size)

    return use(await reader(tx, tenant, epoch, [use]))


async def anchor(tx: Tx, epoch: LogEpoch) -> AnchorPart | None:
    """Return where a log stands in the newest epoch of the anchor that is signed; None: nowhere yet."""
    top = await tx.fetchrow(
        "select epoch, signed_size, note from audit.log where tenant_id = $1 and ended_at is null", ANCHOR
    )
    if top is None or top["note"] is None:
        return None
    for row in await tx.fetch(_ANCHORS):
        if row["epoch"] != top["epoch"] or row["seq"] >= top["signed_size"]:
            continue
        kept = await tx.fetchrow(_ANCHORED, place(tx), epoch.epoch, row["number"])
        if kept is None:
            return None
        member = _epoch(row["number"], row["leaves"]).member(epoch.blind, Note.parse(kept["note"]).text)
        if member is None:
            continue
        path = await _path(tx, ANCHOR, row["epoch"], row["seq"], top["signed_size"])
        return AnchorPart(
            record=row["record"], receipt=Receipt(row["seq"], tuple(path), Note.parse(top["note"])), member=member
        )
    return None


async def published(tx: Tx, epoch: LogEpoch) -> PublishedPart | None:
    """Return where a log stands in the newest head of the anchor that was put outside; None: nowhere."""
    row = await tx.fetchrow(_PUBLISHED)
    if row is None:
        return None
    kept = await tx.fetchrow(_ANCHORED, place(tx), epoch.epoch, row["number"])
    member = (
        None
        if kept is None
        else _epoch(row["number"], row["leaves"]).member(epoch.blind, Note.parse(kept["note"]).text)
    )
    if member is None:
        return None
    path = await _path(tx, ANCHOR, row["epoch"], row["size"] - 1, row["size"])
    receipt = Receipt(row["size"] - 1, tuple(path), Note.parse(row["note"]))
    return PublishedPart(
        anchor=AnchorPart(record=row["record"], receipt=receipt, member=member), timestamp=row["timestamp"]
    )


def _epoch(number: int, leaves: bytes) -> Epoch:
    return Epoch(number, tuple(leaves[at : at + _LEAF] for at in range(0, len(leaves), _LEAF)))
