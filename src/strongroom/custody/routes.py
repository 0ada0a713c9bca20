"""The control API's routes over what keys reach and did."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, Parameter

from strongroom.custody.model import EndpointKey, Impact, Review
from strongroom.custody.service import Custody
from strongroom.identity import Finder
from strongroom.identity.http import Asked, Listing, Who, name_of
from strongroom.identity.problems import READ
from strongroom.kernel.principal import Environment

TheCustody: TypeAlias = NamedDependency[Custody]
TheFinder: TypeAlias = NamedDependency[Finder]
StaleDays: TypeAlias = Annotated[
    float | None,
    Parameter(
        ge=0.01, le=366, description="A key not used for so many days is stale; left out: as set for its environment."
    ),
]


class EndpointKeys(Listing, frozen=True, kw_only=True):
    """Keys that may ask an endpoint, in an answer."""

    data: list[EndpointKey]


@get("/keys/{key:str}/impact", responses=READ, summary="Show what ends with a key", tags=["keys"])
async def key_impact(
    key: FromPath[str],
    custody: TheCustody,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Impact:
    """Return what a key may ask and did, which workload stops when it ends, and who goes on."""
    place, key_id = await finder.key_of_workload(who, key, tenant, ask)
    return await custody.impact(who, place, key_id, ask)


@get(
    "/tenants/{tenant:str}/endpoints/{name:str}/keys",
    responses=READ,
    summary="List the keys that may ask an endpoint",
    tags=["keys"],
)
async def endpoint_keys(
    tenant: FromPath[str],
    name: FromPath[str],
    custody: TheCustody,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    environment: FromQuery[Environment | None] = None,
) -> EndpointKeys:
    """Return the living keys that may ask the endpoint, and when each last did."""
    place = await finder.tenant(who, tenant, ask)
    return EndpointKeys(data=await custody.endpoint_keys(who, place, name_of(name), environment, ask))


@get("/tenants/{tenant:str}/key-review", responses=READ, summary="Review a tenant's keys", tags=["keys"])
async def key_review(
    tenant: FromPath[str], custody: TheCustody, finder: TheFinder, who: Who, ask: Asked, stale_days: StaleDays = None
) -> Review:
    """Return which living keys should be looked at, why, and what to do about each."""
    return await custody.review(who, await finder.tenant(who, tenant, ask), stale_days, ask)


ROUTES: Final = (key_impact, endpoint_keys, key_review)
