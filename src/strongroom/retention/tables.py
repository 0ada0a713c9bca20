"""Retention's SQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, datetime
from types import MappingProxyType
from typing import Final, LiteralString
from uuid import UUID

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.retention.model import Hold, HoldKind, Manifest, RuleClass, TenantRule
from strongroom.store import OperatorTx, Record, TenantTx

_PAGE: Final = 2000
_SHOWN: Final = 200

_TENANTS: Final[LiteralString] = "select tenant_id, name from identity.tenant order by name, created_at"
_RULES: Final[LiteralString] = "select * from retention.rule order by tenant_id, class"
_HOLDS: Final[LiteralString] = "select * from retention.hold where released_at is null order by set_at"
_SET_HOLD: Final[LiteralString] = """
    insert into retention.hold (tenant_id, id, class, kind, owner, reason, until, set_by)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
_RELEASE: Final[LiteralString] = """
    update retention.hold set released_at = now(), released_by = $3
    where tenant_id = $1 and id = $2 and released_at is null
"""
_DAYS: Final[LiteralString] = """
    select day, count(*) as rows from gateway.record
    where tenant_id = $1 and day < (now() at time zone 'utc')::date - $2::int group by day order by day limit 400
"""
_CAPTURE_DAYS: Final[LiteralString] = """
    select day, count(*) as rows from capture.entry
    where tenant_id = $1 and day < (now() at time zone 'utc')::date - $2::int group by day order by day limit 400
"""
_CAPTURES: Final[LiteralString] = """
    select session_id, id, request_id, encode(sha256(sealed), 'hex') as digest from capture.entry
    where tenant_id = $1 and day = $2 order by session_id, id
"""
_ANALYTICS_DAYS: Final[LiteralString] = """
    select a.day, count(*) as rows from retention.analytics a
    where a.tenant_id = $1 and a.day < (now() at time zone 'utc')::date - $2::int
      and not exists (select from gateway.record r where r.tenant_id = a.tenant_id and r.day = a.day)
    group by a.day order by a.day limit 400
"""
_UNSUMMED: Final[LiteralString] = """
    select r.day from gateway.record r
    where r.tenant_id = $1 and r.day < (now() at time zone 'utc')::date
      and r.day >= coalesce((select max(s.day) - $2::int from retention.summary s where s.tenant_id = $1), '-infinity'::date)
    group by r.day
    having count(*) is distinct from (
        select s.records from retention.summary s where s.tenant_id = $1 and s.day = r.day order by s.part desc limit 1)
    order by r.day limit 400
"""
_DROP: Final = MappingProxyType[RuleClass, LiteralString](
    {
        RuleClass.RECORDS: "select retention.drop_records($1)",
        RuleClass.ANALYTICS: "select retention.drop_analytics($1)",
        RuleClass.CAPTURES: "select retention.drop_captures($1)",
    }
)
_OLD: Final = MappingProxyType[RuleClass, LiteralString](
    {RuleClass.RECORDS: _DAYS, RuleClass.ANALYTICS: _ANALYTICS_DAYS, RuleClass.CAPTURES: _CAPTURE_DAYS}
)
_ROWS: Final[LiteralString] = """
    select r.* from gateway.record r where r.tenant_id = $1 and r.day = $2 and ($3::uuid is null or r.id > $3)
    order by r.id limit $4
"""
_MANIFEST: Final[LiteralString] = """
    insert into retention.manifest (tenant_id, class, day, rows, root, request_id) values ($1, $2, $3, $4, $5, $6)
"""
_MANIFESTS: Final[LiteralString] = "select * from retention.manifest order by dropped_at desc limit $1"


async def tenants(tx: OperatorTx) -> list[tuple[TenantId, str]]:
    """Return every tenant there is or was, by name."""
    return [(TenantId(row["tenant_id"]), row["name"]) for row in await tx.fetch(_TENANTS)]


async def rules(tx: OperatorTx) -> list[TenantRule]:
    """Return every rule."""
    return [_rule(row) for row in await tx.fetch(_RULES)]


def _rule(row: Record) -> TenantRule:
    return TenantRule(
        tenant=None if row["tenant_id"] == PLATFORM else row["tenant_id"],
        class_=row["class"],
        days=row["days"],
        smallest=row["smallest"],
        reason=row["reason"],
        set_by=row["set_by"],
        set_at=row["set_at"],
    )


async def holds(tx: OperatorTx) -> list[Hold]:
    """Return what holds now, and exceptions that have expired and nobody has released."""
    return [
        Hold(
            tenant=row["tenant_id"],
            id=row["id"],
            class_=row["class"],
            kind=HoldKind(row["kind"]),
            owner=row["owner"],
            reason=row["reason"],
            until=row["until"],
            set_by=row["set_by"],
            set_at=row["set_at"],
            released_at=row["released_at"],
        )
        for row in await tx.fetch(_HOLDS)
    ]


async def set_hold(
    tx: OperatorTx,
    tenant: TenantId,
    id_: UUID,
    class_: RuleClass,
    kind: HoldKind,
    owner: str,
    reason: str,
    until: datetime | None,
    by: str,
) -> None:
    """Hold a tenant's records."""
    await tx.execute(_SET_HOLD, tenant, id_, class_.value, kind.value, owner, reason, until, by)


async def release(tx: OperatorTx, tenant: TenantId, id_: UUID, by: str) -> bool:
    """Let go of a hold; False when there is none such."""
    return await tx.execute(_RELEASE, tenant, id_, by) == "UPDATE 1"


async def days(tx: TenantTx, class_: RuleClass, kept: int) -> list[tuple[date, int]]:
    """Return the days of a tenant's rows of a class that are older than `kept` days, each with its rows."""
    found = await tx.fetch(_OLD[class_], tx.tenant, kept)
    return [(row["day"], row["rows"]) for row in found]


async def captures(tx: TenantTx, day: date) -> AsyncIterator[bytes]:
    """Yield what stands in a manifest's root for each captured request of one day: its ids and the hash of its sealed bytes."""
    for row in await tx.fetch(_CAPTURES, tx.tenant, day):
        yield f"{row['session_id']} {row['id']} {row['request_id']} {row['digest']}".encode()


async def unsummed(tx: TenantTx, back: int) -> list[date]:
    """Return the days that are over and have records that are not in the analytics; `back`: days before the last one summed."""
    return [row["day"] for row in await tx.fetch(_UNSUMMED, tx.tenant, back)]


async def summarise(tx: TenantTx, day: date) -> int:
    """Sum up the records of a day that is over, and return how many there were."""
    count: int = await tx.fetchval("select retention.summarise($1)", day)
    return count


async def rows(tx: TenantTx, day: date) -> AsyncIterator[Record]:
    """Yield a tenant's records of one day, in the order of their ids."""
    last: UUID | None = None
    while page := await tx.fetch(_ROWS, tx.tenant, day, last, _PAGE):
        for row in page:
            yield row
        last = page[-1]["id"]


async def drop(tx: TenantTx, class_: RuleClass, day: date) -> int:
    """Drop a tenant's rows of a class and a day and return how many they were.

    Raises:
        Unfit: when they are to be kept, or held: the database asks by itself.
    """
    gone: int = await tx.fetchval(_DROP[class_], day)
    return gone


async def put_manifest(tx: TenantTx, class_: RuleClass, day: date, count: int, root: bytes, request_id: str) -> None:
    """Keep what was dropped."""
    await tx.execute(_MANIFEST, tx.tenant, class_.value, day, count, root, request_id)


async def manifests(tx: OperatorTx) -> list[Manifest]:
    """Return what was dropped last, the newest first."""
    return [
        Manifest(
            tenant=row["tenant_id"],
            class_=row["class"],
            day=row["day"],
            rows=row["rows"],
            root=row["root"].hex(),
            dropped_at=row["dropped_at"],
            request_id=row["request_id"],
        )
        for row in await tx.fetch(_MANIFESTS, _SHOWN)
    ]


async def tend_days(tx: OperatorTx, ahead: int) -> tuple[int, int]:
    """Make the partitions of days to come, drop the empty ones of past days; return how many of each."""
    row = await tx.fetchrow("select made, dropped from retention.tend_days($1)", ahead)
    return (0, 0) if row is None else (row["made"], row["dropped"])
