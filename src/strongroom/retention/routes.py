"""The control API's routes of retention."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, Parameter

from strongroom.identity import Finder
from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.refusal import Refused, invalid
from strongroom.retention.analytics import BOUNDS_MS, Sum
from strongroom.retention.model import (
    Hold,
    HoldKind,
    Manifest,
    Owner,
    Reason,
    RuleClass,
    Status,
)
from strongroom.retention.service import Retention

TheRetention: TypeAlias = NamedDependency[Retention]
TheFinder: TypeAlias = NamedDependency[Finder]
Since: TypeAlias = Annotated[
    datetime | None, Parameter(description="Of the day of that time, or later (RFC 3339, with a zone).")
]


class SetHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A legal hold, or an exception that ends by itself."""

    class_: RuleClass = msgspec.field(name="class", default=RuleClass.RECORDS)
    kind: HoldKind = HoldKind.HOLD
    owner: Owner
    reason: Reason
    until: datetime | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a hold is released. `approved`: in production, the proposal of exactly this that somebody else approved."""

    reason: Reason
    approved: UUID | None = None


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """The id of a hold."""

    id: UUID


class Manifests(Listing, frozen=True, kw_only=True):
    """What was dropped, in an answer."""

    data: list[Manifest]


class Analytics(Listing, frozen=True, kw_only=True):
    """Sums of a tenant's requests by the day; `bounds_ms`: where one bucket of a duration ends and the next begins."""

    data: list[Sum]
    bounds_ms: tuple[int, ...] = BOUNDS_MS


@get("/tenants/{tenant:str}/records/analytics", responses=READ, summary="Read a tenant's analytics", tags=["records"])
async def read_analytics(
    tenant: FromPath[str], retention: TheRetention, finder: TheFinder, who: Who, ask: Asked, since: Since = None
) -> Analytics:
    """Return what requests came to, day by day, also of days whose records are gone. Small groups stand in one, `*`."""
    if since is not None and since.tzinfo is None:
        raise Refused(invalid("A moment has a zone, such as 2026-01-31T12:00:00Z.", param="since"))
    place = await finder.tenant(who, tenant, ask)
    day = None if since is None else since.astimezone(UTC).date()
    return Analytics(data=await retention.analytics.of_tenant(who, place, ask, day))


@get("/retention", responses=READ, summary="See how retention stands", tags=["retention"])
async def read_retention(retention: TheRetention, who: Who, ask: Asked) -> Status:
    """Return rules, holds, what is due, what was dropped last, and for how long the rows of each table are kept."""
    return await retention.status(who, ask)


@post("/tenants/{tenant:str}/retention/holds", responses=WRITE, summary="Hold a tenant's records", tags=["retention"])
async def hold_records(
    tenant: FromPath[str], data: JSONBody[SetHold], retention: TheRetention, finder: TheFinder, who: Who, ask: Asked
) -> Held:
    """Keep a tenant's records beyond their days: a legal hold until it is released, an exception until it ends."""
    if data.until is not None and data.until.tzinfo is None:
        raise Refused(invalid("A moment has a zone, such as 2026-01-31T12:00:00Z.", param="until"))
    place = await finder.tenant(who, tenant, ask)
    return Held(id=await retention.hold(who, place, data.kind, data.owner, data.reason, data.until, ask, data.class_))


@post(
    "/tenants/{tenant:str}/retention/holds/{hold:uuid}/release",
    responses=WRITE | PROPOSED,
    summary="Release a hold",
    tags=["retention"],
    status_code=200,
)
async def release_hold(
    tenant: FromPath[str],
    hold: FromPath[UUID],
    data: JSONBody[Release],
    retention: TheRetention,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Response[Hold | Proposal]:
    """Let go of a hold: what is beyond its days is dropped at the next run.

    In production it is proposed (202): once somebody else has approved, ask again, with the proposal's id as `approved`.
    """
    place = await finder.tenant(who, tenant, ask)
    said = await retention.second.asked(
        who, ask, lambda: retention.release(who, place, hold, data.reason, ask, data.approved)
    )
    return done_or_proposed(said, HTTPStatus.OK)


@post("/retention/run", responses=WRITE, summary="Drop what is due", tags=["retention"], status_code=200)
async def run_retention(retention: TheRetention, who: Who, ask: Asked) -> Manifests:
    """Drop what is beyond its days and not held, and return the manifests: each stands in its tenant's log too."""
    return Manifests(data=await retention.run(who, ask))


ROUTES: Final = (
    read_analytics,
    read_retention,
    hold_records,
    release_hold,
    run_retention,
)
