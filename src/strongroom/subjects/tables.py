"""The SQL of people's requests and holds, and of the search for what is left. Every statement binds `tenant_id` itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from strongroom.store import Record, TenantTx
from strongroom.subjects.model import Hold, HoldKind, Request, RequestKind, State, days_left

_LIST: Final = 500

_COLUMNS: Final[
    LiteralString
] = """id, kind, subject, state, ticket, requested_by, requested_at, due_at, confirmed_by, confirmed_at,
    ended_at, refused_for, verdict"""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it is stored: with who asked, the sealed words, and what was certified."""

    request: Request
    requested_with: str
    note: bytes | None
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
        f"""select {_COLUMNS}, requested_with, note, certificate from subjects.request
            where tenant_id = $1 and id = $2 for update""",  # noqa: S608 - a constant
        tx.tenant,
        request,
    )
    if row is None:
        return None
    note = None if row["note"] is None else bytes(row["note"])
    return Asked(
        request=_request(row, now), requested_with=row["requested_with"], note=note, certificate=row["certificate"]
    )


async def requests(tx: TenantTx, state: State | None, now: datetime) -> list[Request]:
    """Return requests: those that are not ended first, the most pressing at the top, then the newest."""
    rows = await tx.fetch(
        f"""select {_COLUMNS} from subjects.request where tenant_id = $1 and ($2::text is null or state = $2)
            order by ended_at is not null, case when ended_at is null then due_at end, requested_at desc limit $3""",  # noqa: S608 - a constant
        tx.tenant,
        None if state is None else state.value,
        _LIST,
    )
    return [_request(row, now) for row in rows]


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


async def refuse(tx: TenantTx, request: UUID, why: str, at: datetime) -> bool:
    """End a request with a no; False when it has ended already."""
    done = await tx.execute(
        """update subjects.request set state = 'refused', refused_for = $3, ended_at = $4
           where tenant_id = $1 and id = $2 and ended_at is null""",
        tx.tenant,
        request,
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
    """Return how many requests of a subject have words that are kept, or had them at `before`."""
    count: int = await tx.fetchval(
        """select count(*) from subjects.request
           where tenant_id = $1 and subject = $2 and note is not null and ($3::timestamptz is null or requested_at <= $3)""",
        tx.tenant,
        subject,
        before,
    )
    return count


async def notes(tx: TenantTx, subject: str) -> list[tuple[UUID, bytes]]:
    """Return the sealed words of a subject's requests."""
    rows = await tx.fetch(
        "select id, note from subjects.request where tenant_id = $1 and subject = $2 and note is not null",
        tx.tenant,
        subject,
    )
    return [(row["id"], bytes(row["note"])) for row in rows]


async def drop_notes(tx: TenantTx, subject: str, before: datetime) -> int:
    """Remove the words of a subject's requests that were made at `before` or earlier, but for ones that are open."""
    done = await tx.execute(
        """update subjects.request set note = null
           where tenant_id = $1 and subject = $2 and note is not null and requested_at <= $3""",
        tx.tenant,
        subject,
        before,
    )
    return int(done.rpartition(" ")[2])


async def set_hold(
    tx: TenantTx,
    *,
    hold: UUID,
    subject: str | None,
    kind: HoldKind,
    owner: str,
    reason: str,
    until: datetime | None,
    by: str,
) -> None:
    """Add a hold."""
    await tx.execute(
        """insert into subjects.hold (tenant_id, id, subject, kind, owner, reason, until, set_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant, hold, subject, kind.value, owner, reason, until, by,
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


async def holds(tx: TenantTx, now: datetime) -> list[Hold]:
    """Return holds and exceptions, those that hold now first."""
    rows = await tx.fetch(
        """select id, subject, kind, owner, reason, until, set_by, set_at, released_at from subjects.hold
           where tenant_id = $1 order by released_at is not null, set_at desc limit $2""",
        tx.tenant,
        _LIST,
    )
    return [
        Hold(
            id=row["id"], subject=row["subject"], kind=HoldKind(row["kind"]), owner=row["owner"], reason=row["reason"],
            until=row["until"], set_by=row["set_by"], set_at=row["set_at"], released_at=row["released_at"],
            active=row["released_at"] is None and (row["until"] is None or row["until"] > now),
        )
        for row in rows
    ]  # fmt: skip


async def held_by(tx: TenantTx, subject: str) -> str | None:
    """Return what holds a subject's data, as the database itself sees it; None: nothing."""
    found: str | None = await tx.fetchval("select subjects.held_by($1)", subject)
    return found


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


def _request(row: Record, now: datetime) -> Request:
    ended = row["ended_at"] is not None
    return Request(
        id=row["id"], kind=RequestKind(row["kind"]), subject=row["subject"], state=State(row["state"]),
        ticket=row["ticket"], requested_by=row["requested_by"], requested_at=row["requested_at"], due_at=row["due_at"],
        days_left=None if ended else days_left(row["due_at"], now), overdue=not ended and row["due_at"] < now,
        confirmed_by=row["confirmed_by"], confirmed_at=row["confirmed_at"], ended_at=row["ended_at"],
        refused_for=row["refused_for"], verdict=row["verdict"],
    )  # fmt: skip
