"""The control API's routes over what people ask of their data. A person's name travels in a body, never in a path."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.bodies import Body
from strongroom.identity.http import Asked, Listing, Who, noting
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.refusal import Refused, invalid
from strongroom.subjects.model import Hold, HoldKind, NameText, Place, Request, RequestKind, State, TicketText
from strongroom.subjects.service import Subjects
from strongroom.subjects.work import Work

TheSubjects: TypeAlias = NamedDependency[Subjects]
TheWork: TypeAlias = NamedDependency[Work]
TheFinder: TypeAlias = NamedDependency[Finder]
WhyText: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, max_length=200, examples=["legal hold of matter 2026-117"])
]


class TakeRequest(Body, frozen=True, kw_only=True):
    """A person's request. `reason` is sealed under the person's own key, and is erased with them."""

    kind: Literal["export", "erase"]
    subject: NameText
    ticket: TicketText = ""
    reason: Annotated[str, msgspec.Meta(max_length=200)] = ""


class LookUp(Body, frozen=True, kw_only=True):
    """Whom to look for."""

    subject: NameText


class DoRequest(Body, frozen=True, kw_only=True):
    """The name that the person is looked up by, to search for that too; it is kept nowhere."""

    subject: NameText | None = None


class RefuseRequest(Body, frozen=True, kw_only=True):
    """Why a request is refused: sealed under the person's own key, and erased with them."""

    reason: WhyText


class SetHoldAgainst(Body, frozen=True, kw_only=True):
    """Why data of a person, or of everybody (`subject` null), is not erased.

    `reason` is sealed under the person's own key; where everybody is held it stands in the open, and names nobody.
    """

    subject: NameText | None = None
    kind: HoldKind = HoldKind.HOLD
    owner: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    reason: WhyText
    until: datetime | None = None


class ReleaseHold(Body, frozen=True, kw_only=True):
    """Why a hold is released."""

    reason: WhyText


class Requests(Listing, frozen=True, kw_only=True):
    """Requests of people, in an answer."""

    data: list[Request]


class Holds(Listing, frozen=True, kw_only=True):
    """Holds against erasing, in an answer."""

    data: list[Hold]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A person's pseudonym, and how much there is of them in each place."""

    subject: str
    places: list[Place]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate or an export: the text whose digest stands in the tenant's log."""

    request: UUID
    document: str


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The entry that commits to a document's digest, its receipt (C2SP tlog-proof), and the key that checks it."""

    event: str
    receipt: str
    vkey: str


@post(
    "/tenants/{tenant:str}/subjects/look-up",
    responses=WRITE,
    status_code=200,
    summary="See how much is kept of a person",
    tags=["subjects"],
)
async def look_up_subject(
    tenant: FromPath[str], data: JSONBody[LookUp], subjects: TheSubjects, finder: TheFinder, who: Who, ask: Asked
) -> Known:
    """Return a person's pseudonym and how much there is of them. The name is kept nowhere."""
    subject, places = await subjects.look_up(who, await finder.tenant(who, tenant, ask), data.subject, ask)
    return Known(subject=subject, places=places)


@post("/tenants/{tenant:str}/subjects/requests", responses=WRITE, summary="Take a person's request", tags=["subjects"])
async def take_subject_request(
    tenant: FromPath[str], data: JSONBody[TakeRequest], subjects: TheSubjects, finder: TheFinder, who: Who, ask: Asked
) -> Request:
    """Take a person's request for what is kept of them, or to have it erased. Its clock of thirty days runs from now."""
    place = await finder.tenant(who, tenant, ask)
    return await subjects.take(who, place, RequestKind(data.kind), data.subject, data.ticket, data.reason, ask)


@get("/tenants/{tenant:str}/subjects/requests", responses=READ, summary="List people's requests", tags=["subjects"])
async def list_subject_requests(
    tenant: FromPath[str],
    subjects: TheSubjects,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    standing: FromQuery[State | None] = None,
) -> Requests:
    """Return a tenant's requests: those that are not ended first, the most pressing at the top."""
    return Requests(data=await subjects.requests(who, await finder.tenant_to_end(who, tenant, ask), standing, ask))


@get(
    "/tenants/{tenant:str}/subjects/requests/{request_id:uuid}",
    responses=READ,
    summary="Show a person's request",
    tags=["subjects"],
)
async def show_subject_request(
    tenant: FromPath[str], request_id: FromPath[UUID], subjects: TheSubjects, finder: TheFinder, who: Who, ask: Asked
) -> Request:
    """Return one request with its clock, and what was said of it as long as the person is not erased."""
    return await subjects.show(who, await finder.tenant_to_end(who, tenant, ask), request_id, ask)


@post(
    "/tenants/{tenant:str}/subjects/requests/{request_id:uuid}/confirm",
    responses=WRITE,
    status_code=200,
    summary="Confirm a person's request",
    tags=["subjects"],
)
async def confirm_subject_request(
    tenant: FromPath[str], request_id: FromPath[UUID], subjects: TheSubjects, finder: TheFinder, who: Who, ask: Asked
) -> Request:
    """Confirm a request as a second person, which production demands before anything is done."""
    return await subjects.confirm(who, await finder.tenant(who, tenant, ask), request_id, ask)


@post(
    "/tenants/{tenant:str}/subjects/requests/{request_id:uuid}/refuse",
    responses=WRITE,
    status_code=200,
    summary="Refuse a person's request",
    tags=["subjects"],
)
async def refuse_subject_request(
    tenant: FromPath[str],
    request_id: FromPath[UUID],
    data: JSONBody[RefuseRequest],
    subjects: TheSubjects,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Request:
    """End a request with a no and its reason, which the person is owed."""
    place = await finder.tenant(who, tenant, ask)
    return await subjects.refuse(who, place, request_id, data.reason, ask)


@post(
    "/tenants/{tenant:str}/subjects/requests/{request_id:uuid}/export",
    responses=WRITE,
    status_code=200,
    summary="Export what is kept of a person",
    tags=["subjects"],
)
async def export_subject(
    tenant: FromPath[str], request_id: FromPath[UUID], subject_work: TheWork, finder: TheFinder, who: Who, ask: Asked
) -> Document:
    """Return what is kept of a person, opened. It is kept nowhere; the log holds its digest."""
    place = await finder.tenant(who, tenant, ask)
    text = await subject_work.export(who, place, finder.name_of(place), request_id, ask)
    return Document(request=request_id, document=text)


@post(
    "/tenants/{tenant:str}/subjects/requests/{request_id:uuid}/erase",
    responses=WRITE,
    status_code=200,
    summary="Erase a person",
    tags=["subjects"],
)
async def erase_subject(
    tenant: FromPath[str],
    request_id: FromPath[UUID],
    data: JSONBody[DoRequest],
    subject_work: TheWork,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Document:
    """Erase what is kept of a person, search for what is left, and return the certificate. It says `incomplete` where it is."""
    place = await finder.tenant(who, tenant, ask)
    text = await subject_work.erase(who, place, finder.name_of(place), request_id, data.subject, ask)
    return Document(request=request_id, document=text)


@get(
    "/tenants/{tenant:str}/subjects/requests/{request_id:uuid}/certificate",
    responses=READ,
    summary="Read a certificate of erasure",
    tags=["subjects"],
)
async def read_certificate(
    tenant: FromPath[str], request_id: FromPath[UUID], subject_work: TheWork, finder: TheFinder, who: Who, ask: Asked
) -> Document:
    """Return the newest certificate of a request; that of a tenant that has ended is asked for by the tenant's id."""
    place = await finder.tenant_to_end(who, tenant, ask)
    return Document(request=request_id, document=await subject_work.certificate(who, place, request_id, ask))


@get(
    "/tenants/{tenant:str}/subjects/requests/{request_id:uuid}/proof",
    responses=READ,
    summary="Prove a certificate or an export",
    tags=["subjects"],
)
async def prove_document(
    tenant: FromPath[str], request_id: FromPath[UUID], subject_work: TheWork, finder: TheFinder, who: Who, ask: Asked
) -> Proof:
    """Return the entry of the tenant's log that commits to a request's newest document, with its receipt."""
    place = await finder.tenant_to_end(who, tenant, ask)
    sealed, receipt, vkey = await subject_work.proof(who, place, request_id, ask)
    return Proof(event=sealed.event.decode(), receipt=str(receipt), vkey=str(vkey))


@post("/tenants/{tenant:str}/subjects/holds", responses=WRITE, summary="Hold a person's data", tags=["subjects"])
async def hold_subject(
    tenant: FromPath[str],
    data: JSONBody[SetHoldAgainst],
    subjects: TheSubjects,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Hold:
    """Keep data of a person, or of everybody in the tenant, from being erased: a legal hold, or an exception that ends."""
    if data.until is not None and data.until.tzinfo is None:
        raise Refused(invalid("A moment has a zone, such as 2026-01-31T12:00:00Z.", param="until"))
    place = await finder.tenant(who, tenant, ask)
    return await subjects.hold(who, place, data.subject, data.kind, data.owner, data.reason, data.until, ask)


@get("/tenants/{tenant:str}/subjects/holds", responses=READ, summary="List holds against erasing", tags=["subjects"])
async def list_subject_holds(
    tenant: FromPath[str], subjects: TheSubjects, finder: TheFinder, who: Who, ask: Asked
) -> Holds:
    """Return holds and exceptions, those that hold now first."""
    return Holds(data=await subjects.holds(who, await finder.tenant(who, tenant, ask), ask))


@post(
    "/tenants/{tenant:str}/subjects/holds/{hold:uuid}/release",
    responses=WRITE,
    status_code=204,
    summary="Release a hold against erasing",
    tags=["subjects"],
)
async def release_subject_hold(
    tenant: FromPath[str],
    hold: FromPath[UUID],
    data: JSONBody[ReleaseHold],
    subjects: TheSubjects,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> None:
    """Let go of a hold: what was asked for can be erased from now on."""
    await subjects.release(who, await finder.tenant(who, tenant, ask), hold, noting(ask, reason=data.reason))


ROUTES: Final = (
    look_up_subject,
    take_subject_request,
    list_subject_requests,
    show_subject_request,
    confirm_subject_request,
    refuse_subject_request,
    export_subject,
    erase_subject,
    read_certificate,
    prove_document,
    hold_subject,
    list_subject_holds,
    release_subject_hold,
)
