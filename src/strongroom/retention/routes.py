"""The control API's routes of retention."""

from __future__ import annotations

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, Parameter, QueryParameter

from strongroom.identity import Finder
from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refused, invalid
from strongroom.policy import Ask
from strongroom.retention.analytics import BOUNDS_MS, Sum
from strongroom.retention.model import (
    Days,
    HoldKind,
    Manifest,
    Owner,
    Reason,
    Rehearsed,
    RuleClass,
    Smallest,
    Status,
    TenantRule,
)
from strongroom.retention.service import Retention

TheRetention: TypeAlias = NamedDependency[Retention]
TheFinder: TypeAlias = NamedDependency[Finder]
Since: TypeAlias = Annotated[
    datetime | None, Parameter(description="Of the day of that time, or later (RFC 3339, with a zone).")
]


class SetRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days rows of a class are kept, and why."""

    class_: RuleClass = msgspec.field(name="class", default=RuleClass.RECORDS)
    days: Days
    smallest: Smallest | None = None
    reason: Reason
    approved: UUID | None = None


class SetHold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A legal hold, or an exception that ends by itself."""

    class_: RuleClass = msgspec.field(name="class", default=RuleClass.RECORDS)
    kind: HoldKind = HoldKind.HOLD
    owner: Owner
    reason: Reason
    until: datetime | None = None


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a hold is released."""

    reason: Reason


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


@get("/retention/rehearsal", responses=READ, summary="See what another rule would drop", tags=["retention"])
async def rehearse_rule(
    days: Annotated[int, QueryParameter(ge=1, le=3660, description="For how many days.")],
    retention: TheRetention,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    class_: Annotated[RuleClass, QueryParameter(name="class", description="Of what.")] = RuleClass.RECORDS,
    tenant: FromQuery[str | None] = None,
) -> Rehearsed:
    """Return what the next run would drop besides if rows were kept for so many days, and what it would not drop any more."""
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    return await retention.rehearse(who, place, class_, days, ask)


@put("/retention/rule", responses=WRITE | PROPOSED, summary="Say how long records are kept", tags=["retention"])
async def set_default_rule(
    data: JSONBody[SetRule], retention: TheRetention, who: Who, ask: Asked
) -> Response[TenantRule | Proposal]:
    """Say for how many days rows of a class are kept, of all tenants that have no rule of their own.

    In production it is proposed (202): once somebody else has approved, ask again, with the proposal's id as `approved`.
    """
    return await _set(retention, who, None, data, ask)


@put(
    "/tenants/{tenant:str}/retention/rule",
    responses=WRITE | PROPOSED,
    summary="Say how long a tenant's records are kept",
    tags=["retention"],
)
async def set_tenant_rule(
    tenant: FromPath[str], data: JSONBody[SetRule], retention: TheRetention, finder: TheFinder, who: Who, ask: Asked
) -> Response[TenantRule | Proposal]:
    """Say for how many days a tenant's rows of a class are kept. In production, as the rule of all."""
    return await _set(retention, who, await finder.tenant(who, tenant, ask), data, ask)


async def _set(
    retention: Retention, who: Principal, tenant: TenantId | None, data: SetRule, ask: Ask
) -> Response[TenantRule | Proposal]:
    said = await retention.second.asked(
        who,
        ask,
        lambda: retention.set_rule(who, tenant, data.days, data.reason, ask, data.class_, data.smallest, data.approved),
    )
    return done_or_proposed(said, HTTPStatus.OK)


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
    responses=WRITE,
    summary="Release a hold",
    tags=["retention"],
    status_code=204,
)
async def release_hold(
    tenant: FromPath[str],
    hold: FromPath[UUID],
    data: JSONBody[Release],
    retention: TheRetention,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> None:
    """Let go of a hold: what is beyond its days is dropped at the next run."""
    await retention.release(who, await finder.tenant(who, tenant, ask), hold, data.reason, ask)


@post("/retention/run", responses=WRITE, summary="Drop what is due", tags=["retention"], status_code=200)
async def run_retention(retention: TheRetention, who: Who, ask: Asked) -> Manifests:
    """Drop what is beyond its days and not held, and return the manifests: each stands in its tenant's log too."""
    return Manifests(data=await retention.run(who, ask))


ROUTES: Final = (
    read_analytics,
    rehearse_rule,
    read_retention,
    set_default_rule,
    set_tenant_rule,
    hold_records,
    release_hold,
    run_retention,
)
