"""The control API's routes over canaries: decode, ask the service, encode."""

from __future__ import annotations

from typing import Final, TypeAlias
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from strongroom.canaries.model import KEEP_DAYS, KeepDays, Label, PlantedCanary
from strongroom.canaries.service import CanaryService
from strongroom.identity import Finder
from strongroom.identity.bodies import Body
from strongroom.identity.http import Asked, Listing, Who, name_of
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refused, invalid

TheCanaries: TypeAlias = NamedDependency[CanaryService]
TheFinder: TypeAlias = NamedDependency[Finder]


class PlantCanary(Body, frozen=True, kw_only=True):
    """Where a canary is planted: in the instructions of a deployment (`environment` and `model`), or in a `document`."""

    environment: Environment | None = None
    model: str | None = None
    document: Label | None = None


class RotateCanary(Body, frozen=True, kw_only=True):
    """For how many days the old one is recognised."""

    keep_days: KeepDays = KEEP_DAYS


class CanaryList(Listing, frozen=True, kw_only=True):
    """Canaries, in an answer."""

    data: list[PlantedCanary]


@post("/tenants/{tenant:str}/canaries", responses=WRITE, summary="Plant a canary", tags=["canaries"])
async def plant_canary(
    tenant: FromPath[str], data: JSONBody[PlantCanary], canaries: TheCanaries, finder: TheFinder, who: Who, ask: Asked
) -> PlantedCanary:
    """Plant a canary in the instructions of a deployment, or make one for a document that the caller puts it into."""
    if (data.environment is None) != (data.model is None) or (data.model is None) == (data.document is None):
        raise Refused(invalid("Give `environment` and `model`, or `document`.", param="model"))
    place = await finder.tenant(who, tenant, ask)
    if data.environment is not None and data.model is not None:
        return await canaries.plant_in_instructions(who, place, data.environment, name_of(data.model), ask)
    return await canaries.plant_in_document(who, place, data.document or "", ask)


@get("/tenants/{tenant:str}/canaries", responses=READ, summary="List canaries", tags=["canaries"])
async def list_canaries(
    tenant: FromPath[str], canaries: TheCanaries, finder: TheFinder, who: Who, ask: Asked
) -> CanaryList:
    """Return a tenant's canaries with their words, those that are recognised no more too, the newest first."""
    return CanaryList(data=await canaries.every(who, await finder.tenant(who, tenant, ask), ask))


@post(
    "/tenants/{tenant:str}/canaries/{canary:uuid}/rotate", responses=WRITE, summary="Rotate a canary", tags=["canaries"]
)
async def rotate_canary(
    tenant: FromPath[str],
    canary: FromPath[UUID],
    data: JSONBody[RotateCanary],
    canaries: TheCanaries,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> PlantedCanary:
    """Let a new canary take the place of one; the old one is recognised for as long as is said."""
    place = await finder.tenant(who, tenant, ask)
    return await canaries.rotate(who, place, canary, ask, keep_days=data.keep_days)


ROUTES: Final = (plant_canary, list_canaries, rotate_canary)
