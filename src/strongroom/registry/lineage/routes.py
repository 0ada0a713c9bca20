"""The control API's routes over lineage: decode, ask the service, encode."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, TypeAlias

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.bodies import Body
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refused, invalid
from strongroom.registry.lineage.drawing import svg
from strongroom.registry.lineage.model import Served
from strongroom.registry.lineage.openlineage import MOST_EVENTS
from strongroom.registry.lineage.service import Found, Imported, Lineage

TheLineage: TypeAlias = NamedDependency[Lineage]
TheFinder: TypeAlias = NamedDependency[Finder]
_Called: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=3, max_length=130, description="NAME@VERSION, or a digest.")
]


class Link(Body, frozen=True, kw_only=True):
    """That a release was trained on a data set, and why you say so."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"reason"})
    dataset: _Called
    release: _Called
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why, in your words.")]


class Events(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """OpenLineage run events, as others wrote them, and the environment that they are of."""

    environment: Environment
    events: Annotated[list[Any], msgspec.Meta(min_length=1, max_length=MOST_EVENTS)]


class ServedList(Listing, frozen=True, kw_only=True):
    """Deployments that a data set has reached, in an answer."""

    data: list[Served]


class EventList(Listing, frozen=True, kw_only=True):
    """OpenLineage run events, in an answer."""

    data: list[dict[str, Any]]


def _moment(at: str | None) -> datetime | None:
    if at is None:
        return None
    try:
        found = datetime.fromisoformat(at)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Refused(invalid("A time is RFC 3339, with its zone: 2026-11-27T12:00:00Z.", param="at"))
    return found


@get("/tenants/{tenant:str}/lineage", responses=READ, summary="Ask for lineage", tags=["lineage"])
async def read_lineage(
    tenant: FromPath[str],
    of: FromQuery[str],
    lineage: TheLineage,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    kind: FromQuery[Literal["release", "dataset", "file"]] = "release",
    at: FromQuery[str | None] = None,
) -> Found:
    """Return what a release, or a data set, was made from and what it went into: now, or as it was known `at` a time."""
    place = await finder.tenant(who, tenant, ask)
    return await lineage.of(who, place, kind, of, ask, at=_moment(at))


@get("/tenants/{tenant:str}/lineage/picture", responses=READ, summary="Draw lineage", tags=["lineage"])
async def draw_lineage(
    tenant: FromPath[str],
    of: FromQuery[str],
    lineage: TheLineage,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    kind: FromQuery[Literal["release", "dataset", "file"]] = "release",
    at: FromQuery[str | None] = None,
) -> Response[bytes]:
    """Return the same as a picture (`image/svg+xml`)."""
    place = await finder.tenant(who, tenant, ask)
    found = await lineage.of(who, place, kind, of, ask, at=_moment(at))
    return Response(svg(found.graph).encode(), media_type="image/svg+xml")


@get("/tenants/{tenant:str}/lineage/serves", responses=READ, summary="Find what a data set reached", tags=["lineage"])
async def which_serves(
    tenant: FromPath[str],
    dataset: FromQuery[str],
    lineage: TheLineage,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    kind: FromQuery[Literal["dataset", "file"]] = "dataset",
) -> ServedList:
    """Return every deployment that a data set or training file has reached, those that serve now first, and by way of what."""
    place = await finder.tenant(who, tenant, ask)
    return ServedList(data=await lineage.which_serves(who, place, dataset, ask, kind=kind))


@post(
    "/tenants/{tenant:str}/lineage/links",
    responses=WRITE,
    summary="Say what a release was trained on",
    tags=["lineage"],
)
async def link_lineage(
    tenant: FromPath[str], data: JSONBody[Link], lineage: TheLineage, finder: TheFinder, who: Who, ask: Asked
) -> Found:
    """Say that a release was trained on a data set: it is kept as your claim, not as what was seen."""
    place = await finder.tenant(who, tenant, ask)
    return await lineage.link(who, place, data.dataset, data.release, data.reason, ask)


@get("/tenants/{tenant:str}/lineage/events", responses=READ, summary="Export lineage", tags=["lineage"])
async def export_lineage(
    tenant: FromPath[str], lineage: TheLineage, finder: TheFinder, who: Who, ask: Asked
) -> EventList:
    """Return a tenant's lineage as OpenLineage run events, the oldest first."""
    return EventList(data=await lineage.export(who, await finder.tenant(who, tenant, ask), tenant, ask))


@post(
    "/tenants/{tenant:str}/lineage/events",
    responses=WRITE,
    summary="Import lineage",
    tags=["lineage"],
    request_max_body_size=1 << 20,
)
async def import_lineage(
    tenant: FromPath[str], data: JSONBody[Events], lineage: TheLineage, finder: TheFinder, who: Who, ask: Asked
) -> Imported:
    """Take OpenLineage run events as your claims."""
    place = await finder.tenant(who, tenant, ask)
    documents = [msgspec.Raw(msgspec.json.encode(each)) for each in data.events]
    return await lineage.take(who, place, data.environment, documents, ask)


ROUTES: Final = (read_lineage, draw_lineage, which_serves, link_lineage, export_lineage, import_lineage)
"""What can be asked and said about lineage."""
