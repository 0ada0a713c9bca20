"""The control API's routes of flows: decode, ask the service, encode."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.flows.model import MOST_BYTES, Applied, Declared, Edge
from strongroom.flows.seen import FIELDS
from strongroom.flows.service import Flows
from strongroom.identity import Finder
from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.bodies import Body, ReasonText
from strongroom.identity.http import Asked, Listing, Who, noting
from strongroom.identity.problems import READ, WRITE

TheFlows: TypeAlias = NamedDependency[Flows]
TheFinder: TypeAlias = NamedDependency[Finder]


class DeclareFlows(Body, frozen=True, kw_only=True):
    """A file of flows, as it is called and as it stands."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"text"})

    number: Annotated[int, Meta(ge=1, le=9999, description="Its number: the next one.")]
    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)", description="Its name behind the number.")]
    text: Annotated[str, Meta(min_length=1, max_length=MOST_BYTES, description="The very text of the file: TOML.")]
    reason: ReasonText


class FlowPicture(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared, what was seen, and how much of it nobody declared. `fields`: which field of which path holds what."""

    declared: list[Declared]
    edges: list[Edge]
    undeclared: int
    fields: dict[str, dict[str, str]]


class FlowFiles(Listing, frozen=True, kw_only=True):
    """The files that were applied, in their order."""

    data: list[Applied]


@get("/tenants/{tenant:str}/flows", responses=READ, summary="See where data goes", tags=["flows"])
async def show_flows(tenant: FromPath[str], flows: TheFlows, finder: TheFinder, who: Who, ask: Asked) -> FlowPicture:
    """Return what a tenant has declared and what was seen of it. What is new and undeclared is told in its log."""
    found = await flows.picture(who, await finder.tenant(who, tenant, ask), ask)
    return FlowPicture(
        declared=found.declared,
        edges=found.edges,
        undeclared=len(found.undeclared),
        fields={path: dict(fields) for path, fields in FIELDS.items()},
    )


@get("/tenants/{tenant:str}/flows/files", responses=READ, summary="List files of flows", tags=["flows"])
async def list_flow_files(tenant: FromPath[str], flows: TheFlows, finder: TheFinder, who: Who, ask: Asked) -> FlowFiles:
    """Return the files that were applied, each with its text and digest, in their order."""
    return FlowFiles(data=(await flows.picture(who, await finder.tenant(who, tenant, ask), ask)).files)


@post(
    "/tenants/{tenant:str}/flows/files",
    responses=WRITE | PROPOSED,
    status_code=200,
    summary="Apply a file of flows",
    tags=["flows"],
)
async def declare_flows(
    tenant: FromPath[str], data: JSONBody[DeclareFlows], flows: TheFlows, finder: TheFinder, who: Who, ask: Asked
) -> Response[Applied | Proposal]:
    """Apply the next file of flows; one that is applied already is left as it is. In production it is proposed (202)."""
    place = await finder.tenant(who, tenant, ask)
    noted = noting(ask, reason=data.reason)
    said = await flows.declare(who, place, data.number, data.name, data.text, data.reason, noted)
    return done_or_proposed(said, HTTPStatus.OK)


ROUTES: Final = (show_flows, list_flow_files, declare_flows)
