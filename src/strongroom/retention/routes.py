"""The control API's routes of retention."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from strongroom.identity import Finder
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.refusal import Refused, invalid
from strongroom.retention.model import Days, HoldKind, Manifest, Owner, Reason, RuleClass, Status
from strongroom.retention.service import Retention

TheRetention: TypeAlias = NamedDependency[Retention]
TheFinder: TypeAlias = NamedDependency[Finder]


class SetRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many days rows of a class are kept, and why."""

    class_: RuleClass = msgspec.field(name="class", default=RuleClass.RECORDS)
    days: Days
    reason: Reason


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


@get("/retention", responses=READ, summary="See how retention stands", tags=["retention"])
async def read_retention(retention: TheRetention, who: Who, ask: Asked) -> Status:
    """Return rules, holds, what is due, what was dropped last, and for how long the rows of each table are kept."""
    return await retention.status(who, ask)


@put("/retention/rule", responses=WRITE, summary="Say how long records are kept", tags=["retention"], status_code=204)
async def set_default_rule(data: JSONBody[SetRule], retention: TheRetention, who: Who, ask: Asked) -> None:
    """Say for how many days records are kept, of all tenants that have no rule of their own."""
    await retention.set_rule(who, None, data.days, data.reason, ask, data.class_)


@put(
    "/tenants/{tenant:str}/retention/rule",
    responses=WRITE,
    summary="Say how long a tenant's records are kept",
    tags=["retention"],
    status_code=204,
)
async def set_tenant_rule(
    tenant: FromPath[str], data: JSONBody[SetRule], retention: TheRetention, finder: TheFinder, who: Who, ask: Asked
) -> None:
    """Say for how many days a tenant's records are kept."""
    await retention.set_rule(who, await finder.tenant(who, tenant, ask), data.days, data.reason, ask, data.class_)


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


ROUTES: Final = (read_retention, set_default_rule, set_tenant_rule, hold_records, release_hold, run_retention)
