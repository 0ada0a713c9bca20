"""The control API's routes over what was used of limits, and what was taken out."""

from __future__ import annotations

from typing import Final, TypeAlias

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from strongroom.identity import Finder
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ
from strongroom.rules.taken import Taken, TakenReader
from strongroom.rules.usage import UsageReader, Used

TheUsage: TypeAlias = NamedDependency[UsageReader]
TheTaken: TypeAlias = NamedDependency[TakenReader]
TheFinder: TypeAlias = NamedDependency[Finder]


class LimitsUsed(Listing, frozen=True, kw_only=True):
    """Counters, in an answer."""

    data: list[Used]


@get("/tenants/{tenant:str}/limits", responses=READ, summary="Read what was used of limits", tags=["limits"])
async def show_limits(tenant: FromPath[str], usage: TheUsage, finder: TheFinder, who: Who, ask: Asked) -> LimitsUsed:
    """Return a tenant's counters: what holds, what is used, what remains, when it is there again."""
    return LimitsUsed(data=await usage.of_tenant(who, await finder.tenant(who, tenant, ask), ask))


class ExportsTaken(Listing, frozen=True, kw_only=True):
    """What was taken out, in an answer."""

    data: list[Taken]


@get("/tenants/{tenant:str}/exports", responses=READ, summary="Read what was taken out", tags=["limits"])
async def show_exports(tenant: FromPath[str], taken: TheTaken, finder: TheFinder, who: Who, ask: Asked) -> ExportsTaken:
    """Return who has taken how much out of a tenant's stores in this hour and on this day, and how much may be yet."""
    return ExportsTaken(data=await taken.of_tenant(who, await finder.tenant(who, tenant, ask), ask))


ROUTES: Final = (show_limits, show_exports)
