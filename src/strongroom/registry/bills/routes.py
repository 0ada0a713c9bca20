"""The control API's routes over a release's documents."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from strongroom.identity import Finder
from strongroom.identity.http import Asked, Who
from strongroom.identity.problems import READ
from strongroom.registry.bills.card import markdown
from strongroom.registry.bills.cyclonedx import ml_bom
from strongroom.registry.bills.model import Described
from strongroom.registry.bills.service import Bills

TheBills: TypeAlias = NamedDependency[Bills]
TheFinder: TypeAlias = NamedDependency[Finder]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """A model card: in Markdown, and the facts that it is made of."""

    markdown: str
    facts: Described


@get("/models/{name:str}/{version:str}/bom", responses=READ, summary="Export an ML-BOM", tags=["models"])
async def model_bom(
    name: FromPath[str],
    version: FromPath[str],
    bills: TheBills,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> dict[str, Any]:
    """Return a release as a CycloneDX 1.6 ML-BOM, from what is stored and signed.

    Of your tenant's, or of `tenant`'s, own release of this name, where there is one, and with that tenant's evaluations.
    """
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    return ml_bom(await bills.describe(who, name, version, place, ask))


@get("/models/{name:str}/{version:str}/card", responses=READ, summary="Export a model card", tags=["models"])
async def model_card(
    name: FromPath[str],
    version: FromPath[str],
    bills: TheBills,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Card:
    """Return a release's model card, from what is stored and signed."""
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    found = await bills.describe(who, name, version, place, ask)
    return Card(markdown=markdown(found), facts=found)


ROUTES: Final = (model_bom, model_card)
"""Documents about a release."""
