"""The control API's routes of capture sessions."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.captures.model import MAX_MINUTES, MAX_OCTETS, WHOLE, Asked, Captured, Listed, Session, Wanted
from strongroom.captures.service import CaptureSessions
from strongroom.identity.bodies import Body
from strongroom.identity.finding import Finder
from strongroom.identity.http import Asked as TheAsk
from strongroom.identity.http import Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment

TheCaptures: TypeAlias = NamedDependency[CaptureSessions]
TheFinder: TypeAlias = NamedDependency[Finder]
_LINE: Final = r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$(?!\n)"
_Reason: TypeAlias = Annotated[str, Meta(min_length=1, max_length=250, pattern=_LINE, examples=["because"])]
_Digest: TypeAlias = Annotated[str, Meta(pattern="^sha256:[0-9a-f]{64}$(?!\n)", examples=["sha256:" + "0" * 64])]


class AskCapture(Body, frozen=True, kw_only=True):
    """A session to be: one tenant's model in one environment, a share of its requests, how long, how much, for what and why."""

    tenant: Annotated[str, Meta(min_length=1, max_length=64, examples=["acme"])]
    environment: Environment
    model: Annotated[str, Meta(min_length=1, max_length=128, examples=["smollm2-135m"])]
    workload: Annotated[str, Meta(max_length=128, examples=["search"])] = ""
    share: Annotated[int, Meta(ge=1, le=WHOLE, examples=[100])] = 100
    minutes: Annotated[int, Meta(ge=1, le=MAX_MINUTES, examples=[30])] = 30
    octets: Annotated[int, Meta(ge=1024, le=MAX_OCTETS, examples=[8388608])] = 8 * 2**20
    ticket: Annotated[str, Meta(min_length=1, max_length=100, pattern=_LINE, examples=["SUP-1234"])]
    reason: _Reason


class DecideCapture(Body, frozen=True, kw_only=True):
    """A yes or a no, to the digest of what was read."""

    digest: _Digest
    reason: _Reason


class StopCapture(Body, frozen=True, kw_only=True):
    """Why it is stopped."""

    reason: _Reason


class AskedList(Listing, frozen=True, kw_only=True):
    """Requests for sessions, in an answer."""

    data: list[Asked]


class SessionList(Listing, frozen=True, kw_only=True):
    """Sessions, in an answer."""

    data: list[Session]


class EntryList(Listing, frozen=True, kw_only=True):
    """What was captured, without what it says."""

    data: list[Listed]


@get("/captures", responses=READ, summary="List requests for capture sessions", tags=["captures"])
async def list_requests(captures: TheCaptures, who: Who, ask: TheAsk) -> AskedList:
    """Return the newest requests for capture sessions, of all tenants, with the digests that approvals name."""
    return AskedList(data=await captures.requests(who, ask))


@post("/captures", responses=WRITE, summary="Ask for a capture session", tags=["captures"])
async def request_capture(
    data: JSONBody[AskCapture], captures: TheCaptures, finder: TheFinder, who: Who, ask: TheAsk
) -> Asked:
    """Ask that raw requests of one model of one tenant be captured, for some minutes; two others decide."""
    wanted = Wanted(
        tenant=await finder.tenant(who, data.tenant, ask), environment=data.environment, model=data.model,
        workload=data.workload, share=data.share, minutes=data.minutes, octets=data.octets, ticket=data.ticket,
        reason=data.reason, requester=str(who),
    )  # fmt: skip
    return await captures.request(who, wanted, ask)


@post("/captures/{capture:uuid}/approve", responses=WRITE, status_code=200, summary="Approve", tags=["captures"])
async def approve_capture(
    capture: FromPath[UUID], data: JSONBody[DecideCapture], captures: TheCaptures, who: Who, ask: TheAsk
) -> Asked:
    """Approve somebody else's request, by the digest of what was read; with the second approval it begins."""
    return await captures.decide(who, capture, "approve", data.digest, data.reason, ask)


@post("/captures/{capture:uuid}/deny", responses=WRITE, status_code=200, summary="Deny", tags=["captures"])
async def deny_capture(
    capture: FromPath[UUID], data: JSONBody[DecideCapture], captures: TheCaptures, who: Who, ask: TheAsk
) -> Asked:
    """Deny somebody else's request; one no is enough."""
    return await captures.decide(who, capture, "deny", data.digest, data.reason, ask)


@get("/tenants/{tenant:str}/captures", responses=READ, summary="List a tenant's capture sessions", tags=["captures"])
async def list_sessions(
    tenant: FromPath[str], captures: TheCaptures, finder: TheFinder, who: Who, ask: TheAsk
) -> SessionList:
    """Return a tenant's newest capture sessions: of what, for which ticket and why, by whose word and until when."""
    return SessionList(data=await captures.sessions(who, await finder.tenant(who, tenant, ask), ask))


@post(
    "/tenants/{tenant:str}/captures/{capture:uuid}/stop",
    responses=WRITE,
    status_code=204,
    summary="Stop a capture session",
    tags=["captures"],
)
async def stop_capture(
    tenant: FromPath[str],
    capture: FromPath[UUID],
    data: JSONBody[StopCapture],
    captures: TheCaptures,
    finder: TheFinder,
    who: Who,
    ask: TheAsk,
) -> None:
    """Stop a session at once. What was captured stays for its days."""
    await captures.stop(who, await finder.tenant(who, tenant, ask), capture, data.reason, ask)


@get(
    "/tenants/{tenant:str}/captures/{capture:uuid}/entries",
    responses=READ,
    summary="List what was captured",
    tags=["captures"],
)
async def list_entries(
    tenant: FromPath[str], capture: FromPath[UUID], captures: TheCaptures, finder: TheFinder, who: Who, ask: TheAsk
) -> EntryList:
    """Return what was captured, without what it says. Takes an elevation that names `capture.read`."""
    return EntryList(data=await captures.entries(who, await finder.tenant(who, tenant, ask), capture, ask))


@get(
    "/tenants/{tenant:str}/captures/{capture:uuid}/entries/{entry:uuid}",
    responses=READ,
    summary="Read one captured request",
    tags=["captures"],
)
async def read_entry(
    tenant: FromPath[str],
    capture: FromPath[UUID],
    entry: FromPath[UUID],
    captures: TheCaptures,
    finder: TheFinder,
    who: Who,
    ask: TheAsk,
) -> Captured:
    """Return one captured request and its answer, raw. Takes an elevation; each reading stands in the tenant's log."""
    return await captures.read(who, await finder.tenant(who, tenant, ask), capture, entry, ask)


ROUTES: Final = (
    list_requests,
    request_capture,
    approve_capture,
    deny_capture,
    list_sessions,
    stop_capture,
    list_entries,
    read_entry,
)
