"""The SQL of people's requests and holds, and of the search for what is left. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, LiteralString, NamedTuple
from uuid import UUID

import msgspec

from strongroom.store import Record, TenantTx
from strongroom.subjects.model import Hold, HoldKind, Request, RequestKind, State, days_left

_LIST: Final = 500

_COLUMNS: Final[
    LiteralString
] = """id, kind, subject, state, ticket, requested_by, requested_at, due_at, confirmed_by, confirmed_at,
    ended_at, refused_for, verdict"""


_ALL: Final[LiteralString] = f"{_COLUMNS}, requested_with, note, refused_note, certificate"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is stored: with who asked, the sealed words, and what was certified."""

    request: Request
    requested_with: str
    note: bytes | None
    why_not: bytes | None
    certificate: str | None


async def insert(
    tx: TenantTx,
    *,
    request: UUID,
    kind: RequestKind,
    subject: str | None,
    ticket: str,
    by: str,
    credential: str,
    at: datetime,
    due_at: datetime,
    note: bytes | None,
) -> None:
    """Add a request."""
    await tx.execute(
        """insert into subjects.request
               (tenant_id, id, kind, subject, ticket, requested_by, requested_with, requested_at, due_at, note)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        tx.tenant, request, kind.value, subject, ticket, by, credential, at, due_at, note,
    )  # fmt: skip


async def one(tx: TenantTx, request: UUID, now: datetime) -> Asked | None:
    """Return a request; it is locked until this transaction ends."""
    row = await tx.fetchrow(
        f"""select {_ALL} from subjects.request
            where tenant_id = $1 and id = $2 for update""",  # noqa: S608 - a constant
        tx.tenant,
        request,
    )
    return None if row is None else _asked(row, now)


async def requests(tx: TenantTx, state: State | None, now: datetime) -> list[Asked]:
    """Return requests: those that are not ended first, the most pressing at the top, then the newest."""
    rows = await tx.fetch(
        f"""select {_ALL} from subjects.request where tenant_id = $1 and ($2::text is null or state = $2)
            order by ended_at is not null, case when ended_at is null then due_at end, requested_at desc limit $3""",  # noqa: S608 - a constant
        tx.tenant,
        None if state is None else state.value,
        _LIST,
    )
    return [_asked(row, now) for row in rows]


async def confirm(tx: TenantTx, request: UUID, by: str, at: datetime) -> bool:
    """Note that a second person confirmed; False when it is not waiting for one."""
    done = await tx.execute(
        """update subjects.request set confirmed_by = $3, confirmed_at = $4, state = 'in-work'
           where tenant_id = $1 and id = $2 and state = 'requested' and confirmed_at is null""",
        tx.tenant,
        request,
        by,
        at,
    )
    return done == "UPDATE 1"


async def refuse(tx: TenantTx, request: UUID, sealed: bytes | None, why: str | None, at: datetime) -> bool:
    """End a request with a no, and why: sealed, or in the open where it is nobody's; False when it has ended already."""
    done = await tx.execute(
        """update subjects.request set state = 'refused', refused_note = $3, refused_for = $4, ended_at = $5
           where tenant_id = $1 and id = $2 and ended_at is null""",
        tx.tenant,
        request,
        sealed,
        why,
        at,
    )
    return done == "UPDATE 1"


async def begin(tx: TenantTx, request: UUID) -> None:
    """Note that work has begun: from here on it is done, or tried again."""
    await tx.execute(
        "update subjects.request set state = 'in-work' where tenant_id = $1 and id = $2 and ended_at is null",
        tx.tenant,
        request,
    )


async def certify(tx: TenantTx, request: UUID, *, verdict: str, certificate: str | None, at: datetime | None) -> None:
    """Keep what was found; `at` None: it is not done, and is to be tried again."""
    await tx.execute(
        """update subjects.request
           set verdict = $3, certificate = $4, ended_at = $5, note = case when $5::timestamptz is null then note end,
               state = case when $5::timestamptz is null then 'in-work' else 'done' end
           where tenant_id = $1 and id = $2""",
        tx.tenant,
        request,
        verdict,
        certificate,
        at,
    )


async def count_notes(tx: TenantTx, subject: str, before: datetime | None) -> int:
    """Return how many words of requests and of released holds of a subject are kept, or were at `before`."""
    count: int = await tx.fetchval(
        """select (select coalesce(sum(num_nonnulls(note, refused_note, refused_for)), 0) from subjects.request
                   where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or requested_at <= $3))
                + (select coalesce(sum(num_nonnulls(reason, note)), 0) from subjects.hold
                   where tenant_id = $1 and subject = $2 and ($3::timestamptz is null or set_at <= $3))""",
        tx.tenant,
        subject,
        before,
    )
    return count


class Noted(NamedTuple):
    """Words of a request or a hold: `what` says which, `sealed` and `plain` are as they are stored; one of them is there."""

    which: UUID
    what: str
    sealed: bytes | None
    plain: str | None


async def notes(tx: TenantTx, subject: str) -> list[Noted]:
    """Return the words of a subject's requests and holds."""
    rows = await tx.fetch(
        """select id, 'said' as what, note as sealed, null as plain from subjects.request
           where tenant_id = $1 and subject = $2 and note is not null
           union all select id, 'refused for', refused_note, refused_for from subjects.request
           where tenant_id = $1 and subject = $2 and num_nonnulls(refused_note, refused_for) > 0
           union all select id, 'held for', note, reason from subjects.hold
           where tenant_id = $1 and subject = $2 and num_nonnulls(note, reason) > 0""",
        tx.tenant,
        subject,
    )
    return [
        Noted(row["id"], row["what"], None if row["sealed"] is None else bytes(row["sealed"]), row["plain"])
        for row in rows
    ]


async def drop_notes(tx: TenantTx, subject: str, before: datetime) -> int:
    """Remove the words of a subject's requests and holds that were made at `before` or earlier; return how many those were."""
    found = await count_notes(tx, subject, before)
    await tx.execute(
        """update subjects.request set note = null, refused_note = null, refused_for = null
           where tenant_id = $1 and subject = $2 and requested_at <= $3""",
        tx.tenant,
        subject,
        before,
    )
    await tx.execute(
        "update subjects.hold set note = null, reason = null where tenant_id = $1 and subject = $2 and set_at <= $3",
        tx.tenant,
        subject,
        before,
    )
    return found


async def set_hold(
    tx: TenantTx,
    *,
    hold: UUID,
    subject: str | None,
    kind: HoldKind,
    owner: str,
    reason: str | None,
    note: bytes | None,
    until: datetime | None,
    by: str,
) -> None:
    """Add a hold. `note`: why a person's data is held, sealed; `reason`: why everybody's is."""
    await tx.execute(
        """insert into subjects.hold (tenant_id, id, subject, kind, owner, reason, note, until, set_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        tx.tenant, hold, subject, kind.value, owner, reason, note, until, by,
    )  # fmt: skip


async def release(tx: TenantTx, hold: UUID, by: str) -> bool:
    """Let go of a hold; False when there is none such."""
    done = await tx.execute(
        """update subjects.hold set released_at = now(), released_by = $3
           where tenant_id = $1 and id = $2 and released_at is null""",
        tx.tenant,
        hold,
        by,
    )
    return done == "UPDATE 1"


async def holds(tx: TenantTx, now: datetime) -> list[tuple[Hold, bytes | None]]:
    """Return holds and exceptions, those that hold now first, each with its reason where that is sealed."""
    rows = await tx.fetch(
        """select id, subject, kind, owner, reason, note, until, set_by, set_at, released_at from subjects.hold
           where tenant_id = $1 order by released_at is not null, set_at desc limit $2""",
        tx.tenant,
        _LIST,
    )
    return [
        (Hold(
            id=row["id"], subject=row["subject"], kind=HoldKind(row["kind"]), owner=row["owner"], reason=row["reason"],
            until=row["until"], set_by=row["set_by"], set_at=row["set_at"], released_at=row["released_at"],
            active=row["released_at"] is None and (row["until"] is None or row["until"] > now),
        ), None if row["note"] is None else bytes(row["note"]))
        for row in rows
    ]  # fmt: skip


async def held_by(tx: TenantTx, subject: str) -> str | None:
    """Return what holds a subject's data, as the database itself sees it; None: nothing."""
    found: str | None = await tx.fetchval("select subjects.held_by($1)", subject)
    return found


async def erased(tx: TenantTx) -> dict[str, datetime]:
    """Return when each subject was erased last, by what was certified."""
    rows = await tx.fetch(
        """select subject, max((certificate::jsonb ->> 'erased_at')::timestamptz) as at from subjects.request
           where tenant_id = $1 and kind = 'erase' and certificate is not null group by subject""",
        tx.tenant,
    )
    return {row["subject"]: row["at"] for row in rows}


async def searchable(tx: TenantTx) -> list[tuple[str, bool]]:
    """Return the tables with rows of tenants, and whether this transaction may search each."""
    rows = await tx.fetch("select place, searchable from subjects.places()")
    return [(row["place"], row["searchable"]) for row in rows]


async def days(tx: TenantTx) -> list[date]:
    """Return the days of which there are records: the largest table is searched day by day."""
    rows = await tx.fetch("select distinct day from gateway.record where tenant_id = $1 order by day", tx.tenant)
    return [row["day"] for row in rows]


async def left(tx: TenantTx, place: str, needles: list[str], day: date | None = None) -> int | None:
    """Return how many of the tenant's rows in a table hold one of `needles` anywhere; None: it took too long."""
    found: int | None = await tx.fetchval("select subjects.left_in($1, $2, $3)", place, needles, day)
    return found


async def rows_of(tx: TenantTx) -> list[tuple[str, int]]:
    """Return how many rows of what a tenant's end leaves behind there are."""
    row = await tx.fetchrow(
        """select (select count(*) from gateway.record where tenant_id = $1) as records,
                  (select count(*) from gateway.response where tenant_id = $1) as responses""",
        tx.tenant,
    )
    return [] if row is None else [("records of requests", row["records"]), ("kept responses", row["responses"])]


def _asked(row: Record, now: datetime) -> Asked:
    note, why = (None if row[name] is None else bytes(row[name]) for name in ("note", "refused_note"))
    return Asked(
        request=_request(row, now), requested_with=row["requested_with"], note=note, why_not=why,
        certificate=row["certificate"],
    )  # fmt: skip


def _request(row: Record, now: datetime) -> Request:
    ended = row["ended_at"] is not None
    return Request(
        id=row["id"], kind=RequestKind(row["kind"]), subject=row["subject"], state=State(row["state"]),
        ticket=row["ticket"], requested_by=row["requested_by"], requested_at=row["requested_at"], due_at=row["due_at"],
        days_left=None if ended else days_left(row["due_at"], now), overdue=not ended and row["due_at"] < now,
        confirmed_by=row["confirmed_by"], confirmed_at=row["confirmed_at"], ended_at=row["ended_at"],
        refused_for=row["refused_for"], verdict=row["verdict"],
    )  # fmt: skip
