"""The control API's routes over incidents."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.custody.incidents.model import Incident
from strongroom.custody.incidents.service import SIGNAL, Incidents
from strongroom.identity import Delivery, Finder
from strongroom.identity.bodies import Body, ReasonText
from strongroom.identity.http import Asked, Listing, Who, noting
from strongroom.identity.problems import READ, WRITE

TheIncidents: TypeAlias = NamedDependency[Incidents]
TheFinder: TypeAlias = NamedDependency[Finder]
CauseText: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, max_length=2000, examples=["committed with a test's settings"])
]
FixText: TypeAlias = Annotated[str, msgspec.Meta(max_length=2000, examples=["the scan runs before each commit"])]


class ReportLeak(Body, frozen=True, kw_only=True):
    """What is done about a leaked key besides ending it."""

    freeze: bool = False
    rotate: bool = True
    reason: ReasonText = "found in a public place"


class CloseIncident(Body, frozen=True, kw_only=True):
    """What caused an incident, and what was done so that it does not come again."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"cause", "fix"})
    cause: CauseText
    fix: FixText = ""


class LeakDealt(msgspec.Struct, frozen=True, kw_only=True):
    """A leak that was dealt with. `deliveries` hand over the relatives' successors, by the old key's id; shown this once."""

    incident: Incident
    deliveries: dict[str, Delivery]


class IncidentList(Listing, frozen=True, kw_only=True):
    """Incidents, in an answer."""

    data: list[Incident]


@post("/keys/{key:str}/leak", responses=WRITE, summary="Deal with a leaked key", tags=["incidents"])
async def key_leak(
    key: FromPath[str],
    data: JSONBody[ReportLeak],
    incidents: TheIncidents,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> LeakDealt:
    """End a leaked key and what is related to it, say what it could reach and did, and open an incident."""
    place, key_id = await finder.key_of_workload(who, key, tenant, ask)
    dealt = await incidents.key_leak(
        who,
        place,
        key_id,
        freeze=data.freeze,
        rotate=data.rotate,
        reason=data.reason,
        ask=noting(ask, reason=data.reason, signal=SIGNAL),
    )
    return LeakDealt(incident=dealt.incident, deliveries=dealt.deliveries)


@get("/tenants/{tenant:str}/incidents", responses=READ, summary="List incidents", tags=["incidents"])
async def list_incidents(
    tenant: FromPath[str],
    incidents: TheIncidents,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    closed: FromQuery[bool] = False,
) -> IncidentList:
    """Return a tenant's open incidents, with `closed` all of them, newest first."""
    place = await finder.tenant(who, tenant, ask)
    return IncidentList(data=await incidents.list(who, place, ask, closed=closed))


@get("/tenants/{tenant:str}/incidents/{incident:uuid}", responses=READ, summary="Show an incident", tags=["incidents"])
async def show_incident(
    tenant: FromPath[str], incident: FromPath[UUID], incidents: TheIncidents, finder: TheFinder, who: Who, ask: Asked
) -> Incident:
    """Return one incident with its report."""
    return await incidents.show(who, await finder.tenant(who, tenant, ask), incident, ask)


@post(
    "/tenants/{tenant:str}/incidents/{incident:uuid}/close",
    responses=WRITE,
    status_code=200,
    summary="Close an incident",
    tags=["incidents"],
)
async def close_incident(
    tenant: FromPath[str],
    incident: FromPath[UUID],
    data: JSONBody[CloseIncident],
    incidents: TheIncidents,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Incident:
    """Close an incident by its cause. Without one it stays open, and every list shows it."""
    place = await finder.tenant(who, tenant, ask)
    return await incidents.close(who, place, incident, data.cause, data.fix, ask)


ROUTES: Final = (key_leak, list_incidents, show_incident, close_incident)
