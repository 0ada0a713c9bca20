"""The keeper's SQL: entries that wait, heads, tiles, anchors, the pulse."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

from strongroom.audit.model import Entry
from strongroom.audit.sealing.model import Head, Pulse, Trouble
from strongroom.audit.tables import columns_of, entry_of
from strongroom.audit.tlog import EMPTY_ROOT, Tile
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.store import OperatorTx, Record, SealTx, TenantTx

_WAITING: Final[LiteralString] = """
    (select tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail::text as detail
     from audit.entry where sealed_at is null and tenant_id <> all($2::uuid[]) order by at, id limit $1)
    union all
    (select p.tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail::text as detail
     from audit.platform_entry, (select '00000000-0000-0000-0000-000000000000'::uuid as tenant_id) p
     where sealed_at is null and p.tenant_id <> all($2::uuid[]) order by at, id limit $1)
"""

_HEADS: Final[LiteralString] = """
    select tenant_id, epoch, origin, blind, size, root, signed_size, note, begun_at from audit.log
    where ended_at is null and ($1::uuid[] is null or tenant_id = any($1))
    order by tenant_id
"""
_LOCKED_HEADS: Final[LiteralString] = _HEADS + " for update"

_BEGIN: Final[LiteralString] = """
    insert into audit.log (tenant_id, epoch, origin, blind, root) values ($1, $2, $3, $4, $5) returning begun_at
"""

_TILES: Final[LiteralString] = """
    select t.tenant_id, t.level, t.number, t.hashes from audit.tile t
    join unnest($1::uuid[], $2::int[], $3::smallint[], $4::bigint[]) as w (tenant_id, epoch, level, number)
      on t.tenant_id = w.tenant_id and t.epoch = w.epoch and t.level = w.level and t.number = w.number
"""

_PUT_TILES: Final[LiteralString] = """
    insert into audit.tile (tenant_id, epoch, level, number, hashes)
    select * from unnest($1::uuid[], $2::int[], $3::smallint[], $4::bigint[], $5::bytea[])
    on conflict (tenant_id, epoch, level, number) do update set hashes = excluded.hashes
"""

_MOVE: Final[LiteralString] = """
    update audit.log l set size = m.size, root = m.root
    from unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::bytea[]) as m (tenant_id, epoch, old, size, root)
    where l.tenant_id = m.tenant_id and l.epoch = m.epoch and l.size = m.old and l.ended_at is null
"""

# That an entry is not sealed yet is the policy's to say (`keeper_seal`): said here too, it would have the planner look through
# all that waits, by the index of that, for each entry.
_SEAL: Final[LiteralString] = """
    update audit.entry e set epoch = s.epoch, seq = s.seq, event = s.event, sealed_at = now()
    from unnest($1::uuid[], $2::uuid[], $3::int[], $4::bigint[], $5::bytea[]) as s (tenant_id, id, epoch, seq, event)
    where e.tenant_id = s.tenant_id and e.id = s.id
"""
_SEAL_PLATFORM: Final[LiteralString] = """
    update audit.platform_entry e set epoch = s.epoch, seq = s.seq, event = s.event, sealed_at = now()
    from unnest($1::uuid[], $2::int[], $3::bigint[], $4::bytea[]) as s (id, epoch, seq, event)
    where e.id = s.id
"""

_SIGNED: Final[LiteralString] = """
    update audit.log l set note = s.note, signed_size = s.size, signed_at = now()
    from unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[]) as s (tenant_id, epoch, size, note)
    where l.tenant_id = s.tenant_id and l.epoch = s.epoch and l.size >= s.size and l.signed_size <= s.size
"""

_END: Final[LiteralString] = """
    update audit.log set ended_at = now(), size = signed_size, root = $3 where tenant_id = $1 and epoch = $2
"""
_LET_GO: Final[LiteralString] = """
    update audit.entry set epoch = null, seq = null, event = null, sealed_at = null
    where tenant_id = $1 and epoch = $2 and seq >= $3
"""
_LET_GO_PLATFORM: Final[LiteralString] = """
    update audit.platform_entry set epoch = null, seq = null, event = null, sealed_at = null
    where epoch = $1 and seq >= $2
"""

_SEALED_APPEND: Final[LiteralString] = """
    insert into audit.entry (tenant_id, id, at, actor, credential, action, resource, outcome, reason, request_id, detail,
                             epoch, seq, event, sealed_at)
    values ($11, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $12, 0, $13, now())
"""
_SEALED_APPEND_PLATFORM: Final[LiteralString] = """
    insert into audit.platform_entry (id, at, actor, credential, action, resource, outcome, reason, request_id, detail,
                                      epoch, seq, event, sealed_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::text::jsonb, $11, 0, $12, now())
"""

_FIRST: Final[LiteralString] = "select event from audit.entry where tenant_id = $1 and epoch = $2 and seq = 0"
_FIRST_PLATFORM: Final[LiteralString] = "select event from audit.platform_entry where epoch = $1 and seq = 0"
_FIRST_ANCHOR: Final[LiteralString] = "select record from audit.anchor where epoch = $1 and seq = 0"

_ANCHOR: Final[LiteralString] = """
    insert into audit.anchor (number, epoch, seq, record, leaves) values ($1, $2, $3, $4, $5)
"""
_OLD_LEAVES: Final[LiteralString] = """
    update audit.anchor a set leaves = ''
    where a.number = $1 - 2 and a.leaves <> ''
      and a.number is distinct from (select max(p.number) from audit.publication p)
      and a.number is distinct from (select audit.best_publication())
"""
_OVERTAKEN_LEAVES: Final[LiteralString] = """
    update audit.anchor a set leaves = ''
    where a.number in (select number from audit.publication where number < $1 order by number desc limit 20)
      and a.leaves <> '' and a.number < (select max(number) - 1 from audit.anchor)
      and a.number is distinct from (select audit.best_publication())
"""
_TO_PUBLISH: Final[LiteralString] = """
    select a.number from audit.anchor a where a.epoch = $1 and a.seq = $2 - 1
      and not exists (select from audit.publication p where p.number = a.number)
"""
_PUBLISH: Final[LiteralString] = """
    insert into audit.publication (number, epoch, size, note, filed) values ($1, $2, $3, $4, $5)
"""
_COMMITTED: Final[LiteralString] = """
    insert into audit.checkpoint (tenant_id, epoch, size, note, anchor)
    select * from unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::bigint[])
    on conflict do nothing
"""
_ANCHORED: Final[LiteralString] = (
    "select tenant_id, epoch, max(size) as size from audit.checkpoint group by tenant_id, epoch"
)

_PULSE: Final[LiteralString] = """
    select case when isfinite(sound_at) then extract(epoch from clock_timestamp() - sound_at)::bigint end as age_s,
           trouble, said, vkey from audit.pulse
"""
_BEAT: Final[LiteralString] = """
    update audit.pulse set trouble = $1, said = $2, sound_at = case when $1 = '' then $3 else sound_at end,
        forked_at = case when $1 <> 'forked' then null else coalesce(forked_at, clock_timestamp()) end,
        holder = $4, beat_at = clock_timestamp()
"""
_BEFORE: Final[LiteralString] = """
    select case when isfinite(sound_at) then sound_at end as sound_at,
           holder <> $1 and beat_at > clock_timestamp() - interval '5 seconds' as is_anothers from audit.pulse
"""
_RECOVERY: Final[LiteralString] = """
    select reason, detail ->> 'reason' as why, actor from audit.platform_entry
    where action = 'audit.recover' and outcome = 'allowed' and at >= (select forked_at from audit.pulse)
    order by at desc limit 1
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry that is not sealed yet."""

    tenant: TenantId
    entry: Entry


async def waiting(tx: SealTx, limit: int, without: Iterable[TenantId]) -> list[Waiting]:
    """Return the oldest entries that wait, of all logs but those of `without`."""
    rows = await tx.fetch(_WAITING, limit, list(without))
    found = [Waiting(TenantId(row["tenant_id"]), entry_of(row)) for row in rows]
    found.sort(key=lambda each: (each.entry.at, each.entry.id))
    return found[:limit]


async def heads(tx: SealTx, tenants: Sequence[TenantId] | None = None, *, lock: bool = False) -> dict[TenantId, Head]:
    """Return the living logs of `tenants`, or of everybody."""
    rows = await tx.fetch(_LOCKED_HEADS if lock else _HEADS, None if tenants is None else list(tenants))
    return {TenantId(row["tenant_id"]): _head(row) for row in rows}


def _head(row: Record) -> Head:
    return Head(
        tenant=TenantId(row["tenant_id"]),
        epoch=row["epoch"],
        origin=row["origin"],
        blind=row["blind"],
        size=row["size"],
        root=row["root"],
        signed_size=row["signed_size"],
        note=row["note"],
        begun_at=row["begun_at"],
    )


async def begin(tx: SealTx, tenant: TenantId, epoch: int, origin: str, blind: bytes) -> Head:
    """Begin a log."""
    begun_at: datetime = await tx.fetchval(_BEGIN, tenant, epoch, origin, blind, EMPTY_ROOT)
    return Head(
        tenant=tenant,
        epoch=epoch,
        origin=origin,
        blind=blind,
        size=0,
        root=EMPTY_ROOT,
        signed_size=0,
        note=None,
        begun_at=begun_at,
    )


Place = tuple[TenantId, int, int]
"""A tile: whose, level, number; of the living epoch."""


async def tiles(
    tx: SealTx | TenantTx | OperatorTx, wanted: Iterable[tuple[TenantId, int, int, int]]
) -> dict[Place, bytes]:
    """Return tiles by tenant, level and number; asked for by tenant, epoch, level and number."""
    rows = await tx.fetch(_TILES, *_columns(list(wanted), 4))
    return {(TenantId(row["tenant_id"]), row["level"], row["number"]): row["hashes"] for row in rows}


async def put_tiles(tx: SealTx, changed: Mapping[tuple[TenantId, int], Mapping[Tile, bytes]]) -> None:
    """Write tiles, given by tenant and epoch."""
    rows = [
        (tenant, epoch, tile.level, tile.number, content)
        for (tenant, epoch), those in changed.items()
        for tile, content in those.items()
    ]
    await tx.execute(_PUT_TILES, *_columns(rows, 5))


async def move(tx: SealTx, moves: Sequence[tuple[Head, int, bytes]]) -> bool:
    """Move heads to a new size and root; False when one is not where it was."""
    rows = [(head.tenant, head.epoch, head.size, size, root) for head, size, root in moves]
    return await tx.execute(_MOVE, *_columns(rows, 5)) == f"UPDATE {len(rows)}"


async def seal(tx: SealTx, places: Sequence[tuple[TenantId, UUID, int, int, bytes]]) -> bool:
    """Give entries their places: tenant, id, epoch, number, bytes. False when one had a place already."""
    ours = [row[1:] for row in places if row[0] == PLATFORM]
    theirs = [row for row in places if row[0] != PLATFORM]
    done = True
    if ours:
        done = await tx.execute(_SEAL_PLATFORM, *_columns(ours, 4)) == f"UPDATE {len(ours)}"
    if theirs:
        done = done and await tx.execute(_SEAL, *_columns(theirs, 5)) == f"UPDATE {len(theirs)}"
    return done


async def signed(tx: SealTx, notes: Sequence[tuple[TenantId, int, int, str]]) -> None:
    """Keep what the notary has signed: tenant, epoch, size, note."""
    await tx.execute(_SIGNED, *_columns(list(notes), 4))


async def end(tx: SealTx, head: Head, root: bytes) -> None:
    """End an epoch at its last signed size, whose root is `root`; what was sealed beyond it waits again."""
    await tx.execute(_END, head.tenant, head.epoch, root)
    await tx.execute("set local strongroom.letting_go = 'on'")
    if head.tenant == PLATFORM:
        await tx.execute(_LET_GO_PLATFORM, head.epoch, head.signed_size)
    else:
        await tx.execute(_LET_GO, head.tenant, head.epoch, head.signed_size)


async def append_first(tx: SealTx, tenant: TenantId, epoch: int, entry: Entry, event: bytes) -> None:
    """Append the first entry of an epoch, sealed."""
    if tenant == PLATFORM:
        await tx.execute(_SEALED_APPEND_PLATFORM, *columns_of(entry), epoch, event)
    else:
        await tx.execute(_SEALED_APPEND, *columns_of(entry), tenant, epoch, event)


async def first(tx: SealTx, tenant: TenantId, epoch: int, *, anchor: bool) -> bytes:
    """Return the bytes of the first entry of an epoch."""
    if anchor:
        found: bytes | None = await tx.fetchval(_FIRST_ANCHOR, epoch)
    elif tenant == PLATFORM:
        found = await tx.fetchval(_FIRST_PLATFORM, epoch)
    else:
        found = await tx.fetchval(_FIRST, tenant, epoch)
    return found or b""


async def next_anchor(tx: SealTx) -> int:
    """Return the number of the anchor's next epoch."""
    found: int = await tx.fetchval("select coalesce(max(number) + 1, 0) from audit.anchor")
    return found


async def put_anchor(tx: SealTx, number: int, epoch: int, seq: int, record: bytes, leaves: bytes) -> None:
    """Add an entry of the anchor log, and let go of the leaves of the one before the last."""
    await tx.execute(_ANCHOR, number, epoch, seq, record, leaves)
    await tx.execute(_OLD_LEAVES, number)


async def to_publish(tx: SealTx, epoch: int, size: int) -> int | None:
    """Return the number of the anchor's epoch that its head of this size ends with, if that was not put outside yet."""
    found: int | None = await tx.fetchval(_TO_PUBLISH, epoch, size)
    return found


async def publish(tx: SealTx, number: int, epoch: int, size: int, note: str, *, filed: bool) -> None:
    """Keep a head that is put outside, and let go of the leaves of those that it overtakes."""
    await tx.execute(_PUBLISH, number, epoch, size, note, filed)
    await tx.execute(_OVERTAKEN_LEAVES, number)


async def stamped(tx: SealTx, number: int, answer: bytes) -> None:
    """Keep the timestamp of a head."""
    await tx.execute("update audit.publication set timestamp = $2 where number = $1", number, answer)
    await tx.execute(_OVERTAKEN_LEAVES, number)


async def committed(tx: SealTx, notes: Sequence[tuple[TenantId, int, int, str, int]]) -> None:
    """Keep heads that an epoch of the anchor commits to: tenant, epoch, size, note, number of the anchor's epoch."""
    if notes:
        await tx.execute(_COMMITTED, *_columns(list(notes), 5))


async def anchored(tx: SealTx) -> dict[tuple[TenantId, int], int]:
    """Return up to where each log is anchored, by tenant and epoch."""
    rows = await tx.fetch(_ANCHORED)
    return {(TenantId(row["tenant_id"]), row["epoch"]): row["size"] for row in rows}


async def pulse(tx: SealTx | TenantTx | OperatorTx) -> Pulse:
    """Return how the logs stand."""
    row = await tx.fetchrow(_PULSE)
    if row is None:
        return Pulse(None, Trouble.FAULT, "the row of the pulse is missing", "")
    age: int | None = row["age_s"]
    return Pulse(
        None if age is None or age < -1 else max(0.0, float(age)), Trouble(row["trouble"]), row["said"], row["vkey"]
    )


async def now(tx: SealTx) -> datetime:
    """Return the database's time, as it is, not as it was when the transaction began."""
    found: datetime = await tx.fetchval("select clock_timestamp()")
    return found


async def beat(tx: SealTx, trouble: Trouble, said: str, sound_at: datetime, holder: UUID) -> None:
    """Say how the logs stand, as the keeper `holder`; `sound_at` counts when nothing stands in the way."""
    await tx.execute(_BEAT, trouble.value, said[:1000], sound_at, holder)


async def before(tx: SealTx, holder: UUID) -> tuple[datetime | None, bool]:
    """Return until when all was sealed and signed, if ever, and whether another keeper has said so within five seconds."""
    row = await tx.fetchrow(_BEFORE, holder)
    return (None, False) if row is None else (row["sound_at"], bool(row["is_anothers"]))


async def introduce(tx: SealTx, base: str, vkey: str) -> None:
    """Keep the name and key of the installation."""
    await tx.execute("update audit.pulse set base = $1, vkey = $2", base, vkey)


async def recovery(tx: SealTx) -> str | None:
    """Return why an operator wants forked logs to begin anew, if one has said so since they were seen to be forked."""
    row = await tx.fetchrow(_RECOVERY)
    return None if row is None else f"{row['actor']}: {row['why'] or row['reason']}"


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
