"""The control API's routes over elevations."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.identity.bodies import Body
from strongroom.identity.elevation.model import MAX_MINUTES, Asked, Begun, Elevated
from strongroom.identity.elevation.service import Elevations
from strongroom.identity.finding import Finder
from strongroom.identity.http import Asked as TheAsk
from strongroom.identity.http import Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal

TheElevations: TypeAlias = NamedDependency[Elevations]
TheFinder: TypeAlias = NamedDependency[Finder]
_LINE: Final = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$(?!\n)"
_Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=250, pattern=_LINE, examples=["because"])]
_Digest: TypeAlias = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$(?!\n)", examples=["sha256:" + "0" * 64])]


class ElevationList(Listing, frozen=True, kw_only=True):
    """Elevations, in an answer."""

    data: list[Elevated]


class AskElevation(Body, frozen=True, kw_only=True):
    """An elevation to be: one tenant, the actions, how long, for which ticket and why."""

    tenant: Annotated[str, Meta(min_length=1, max_length=64, examples=["acme"])]
    actions: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...],
        Meta(min_length=1, max_length=20, examples=[["audit.read"]]),
    ]
    ticket: Annotated[str, Meta(min_length=1, max_length=100, pattern=_LINE, examples=["SUP-1234"])]
    reason: _Reason
    minutes: Annotated[int, Meta(ge=1, le=MAX_MINUTES, examples=[30])] = 30


class Approve(Body, frozen=True, kw_only=True):
    """A yes, to the digest of what was read."""

    digest: _Digest
    reason: _Reason


class Deny(Body, frozen=True, kw_only=True):
    """A no, to the digest of what was read."""

    digest: _Digest
    reason: _Reason


class EndElevation(Body, frozen=True, kw_only=True):
    """Why it ends."""

    reason: Annotated[str, Meta(max_length=250, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", examples=["done"])] = ""


class ReviewElevation(Body, frozen=True, kw_only=True):
    """What a look at it found."""

    note: Annotated[str, Meta(min_length=1, max_length=2000, pattern=_LINE, examples=["as it should be"])]


@get("/elevations", responses=READ, summary="List elevations", tags=["elevation"])
async def list_elevations(elevations: TheElevations, who: Who, ask: TheAsk) -> ElevationList:
    """Return the newest requests for elevation and what became of them."""
    return ElevationList(data=await elevations.every(who, ask))


@post("/elevations", responses=WRITE, summary="Ask for an elevation", tags=["elevation"])
async def request_elevation(
    data: JSONBody[AskElevation], elevations: TheElevations, finder: TheFinder, who: Who, ask: TheAsk
) -> Elevated:
    """Ask for power over one tenant, for some minutes; two others decide."""
    return await elevations.request(who, _asked(data, await finder.tenant(who, data.tenant, ask), who), ask)


@post("/elevations/break-glass", responses=WRITE, summary="Break the glass", tags=["elevation"])
async def break_glass(
    data: JSONBody[AskElevation], elevations: TheElevations, finder: TheFinder, who: Who, ask: TheAsk
) -> Begun:
    """Begin an elevation without approval, for half an hour at most. Somebody is paged, and a review is owed."""
    return await elevations.break_glass(who, _asked(data, await finder.tenant(who, data.tenant, ask), who), ask)


@get("/elevations/{elevation:uuid}", responses=READ, summary="Show an elevation", tags=["elevation"])
async def show_elevation(elevation: FromPath[UUID], elevations: TheElevations, who: Who, ask: TheAsk) -> Elevated:
    """Return one, with the digest that an approval names."""
    return await elevations.show(who, elevation, ask)


@post("/elevations/{elevation:uuid}/approve", responses=WRITE, status_code=200, summary="Approve", tags=["elevation"])
async def approve_elevation(
    elevation: FromPath[UUID], data: JSONBody[Approve], elevations: TheElevations, who: Who, ask: TheAsk
) -> Elevated:
    """Approve somebody else's request, by the digest of what was read."""
    return await elevations.decide(who, elevation, "approve", data.digest, data.reason, ask)


@post("/elevations/{elevation:uuid}/deny", responses=WRITE, status_code=200, summary="Deny", tags=["elevation"])
async def deny_elevation(
    elevation: FromPath[UUID], data: JSONBody[Deny], elevations: TheElevations, who: Who, ask: TheAsk
) -> Elevated:
    """Deny somebody else's request; one no is enough."""
    return await elevations.decide(who, elevation, "deny", data.digest, data.reason, ask)


@post("/elevations/{elevation:uuid}/begin", responses=WRITE, summary="Begin an elevation", tags=["elevation"])
async def begin_elevation(elevation: FromPath[UUID], elevations: TheElevations, who: Who, ask: TheAsk) -> Begun:
    """Return the token of one's own approved elevation, once; its minutes count from now."""
    return await elevations.begin(who, elevation, ask)


@post("/elevations/{elevation:uuid}/end", responses=WRITE, status_code=200, summary="End", tags=["elevation"])
async def end_elevation(
    elevation: FromPath[UUID], data: JSONBody[EndElevation], elevations: TheElevations, who: Who, ask: TheAsk
) -> Elevated:
    """End an elevation at once, or withdraw the request for one."""
    return await elevations.end(who, elevation, data.reason, ask)


@post("/elevations/{elevation:uuid}/review", responses=WRITE, status_code=200, summary="Review", tags=["elevation"])
async def review_elevation(
    elevation: FromPath[UUID], data: JSONBody[ReviewElevation], elevations: TheElevations, who: Who, ask: TheAsk
) -> Elevated:
    """Write down what a look at broken glass found. Whoever broke it does not review it."""
    return await elevations.review(who, elevation, data.note, ask)


def _asked(data: AskElevation, tenant: TenantId, who: Principal) -> Asked:
    return Asked(
        tenant=tenant,
        actions=data.actions,
        minutes=data.minutes,
        ticket=data.ticket,
        reason=data.reason,
        requester=str(who),
    )


ROUTES: Final = (
    list_elevations,
    request_elevation,
    break_glass,
    show_elevation,
    approve_elevation,
    deny_elevation,
    begin_elevation,
    end_elevation,
    review_elevation,
)
