"""The control API's routes over providers: decode, ask the service, encode. No answer has a secret."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.identity import Finder
from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.bodies import Body
from strongroom.identity.http import Asked, Listing, Who, name_of
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Principal
from strongroom.policy import Ask
from strongroom.providers.bodies import ChangeProvider, RegisterProvider
from strongroom.providers.model import Offer, Provider
from strongroom.providers.service import Change, Moved, Providers

TheProviders: TypeAlias = NamedDependency[Providers]
TheFinder: TypeAlias = NamedDependency[Finder]
_SAME: Final = (
    "base_url", "owner", "engine", "ca", "secret", "region", "agreement", "assessed_on", "assessed_until",
)  # fmt: skip


class MoveSecrets(Body, frozen=True, kw_only=True):
    """How many secrets to move in this step."""

    most: Annotated[int, Meta(ge=1, le=250, examples=[25])] = 25


class ProviderList(Listing, frozen=True, kw_only=True):
    """Providers, in an answer."""

    data: list[Provider]


class Offers(Listing, frozen=True, kw_only=True):
    """Providers that are open to a tenant, in an answer."""

    data: list[Offer]


@post("/vault/secrets", responses=WRITE, status_code=200, summary="Move providers' secrets", tags=["vault"])
async def move_secrets(data: JSONBody[MoveSecrets], providers: TheProviders, who: Who, ask: Asked) -> Moved:
    """Move secrets that earlier versions kept in the database into the vault, a bounded number at a time; say what is left."""
    return await providers.move_secrets(who, data.most, ask)


@get("/providers", responses=READ, summary="List providers", tags=["providers"])
async def list_providers(providers: TheProviders, who: Who, ask: Asked) -> ProviderList:
    """Return every provider without its secret, each with why nothing is routed to it, if so."""
    return ProviderList(data=await providers.every(who, ask))


@post("/providers", responses=WRITE | PROPOSED, summary="Register a provider", tags=["providers"])
async def add_provider(
    data: JSONBody[RegisterProvider], providers: TheProviders, finder: TheFinder, who: Who, ask: Asked
) -> Response[Provider | Proposal]:
    """Register an upstream outside this machine. Its secret is sealed before it is stored, and never shown again.

    In production it is proposed (202), without its secret: once somebody else has approved, ask again, with the proposal's id as
    `approved`.
    """
    change, name = await _change(data, finder, who, ask), name_of(data.name)
    said = await providers.second.asked(
        who, ask, lambda: providers.add(who, name, data.kind, change, ask, data.approved)
    )
    return done_or_proposed(said, HTTPStatus.CREATED)


@get("/providers/{name:str}", responses=READ, summary="Show a provider", tags=["providers"])
async def show_provider(name: FromPath[str], providers: TheProviders, who: Who, ask: Asked) -> Provider:
    """Return one provider without its secret."""
    return await providers.show(who, name_of(name), ask)


@patch("/providers/{name:str}", responses=WRITE | PROPOSED, summary="Change a provider", tags=["providers"])
async def change_provider(
    name: FromPath[str],
    data: JSONBody[ChangeProvider],
    providers: TheProviders,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Response[Provider | Proposal]:
    """Change what the body names of a provider, its secret included; the rest stays. In production, as registering it."""
    change, found = await _change(data, finder, who, ask), name_of(name)
    said = await providers.second.asked(who, ask, lambda: providers.change(who, found, change, ask, data.approved))
    return done_or_proposed(said, HTTPStatus.OK)


@delete("/providers/{name:str}", responses=WRITE, summary="End a provider", tags=["providers"])
async def delete_provider(name: FromPath[str], providers: TheProviders, who: Who, ask: Asked) -> None:
    """End a provider: nothing is routed to it from now on, and its secret is forgotten."""
    await providers.end(who, name_of(name), ask)


@get("/tenants/{tenant:str}/providers", responses=READ, summary="List open providers", tags=["providers"])
async def list_offers(
    tenant: FromPath[str], providers: TheProviders, finder: TheFinder, who: Who, ask: Asked
) -> Offers:
    """Return the providers that a tenant's deployments may name: whom its data would go to, and where."""
    return Offers(data=await providers.offers(who, await finder.tenant(who, tenant, ask), ask))


async def _change(data: RegisterProvider | ChangeProvider, finder: Finder, who: Principal, ask: Ask) -> Change:
    given = {name: getattr(data, name) for name in _SAME}
    tenants: list[UUID] | None = None
    # A tenant's own people may register nothing; whom they name is not looked up for them.
    if data.open_to is not None and who.tenant is None:
        tenants = [await finder.tenant(who, each, ask) for each in data.open_to]
    return Change(**given, open_to=tenants, open_to_all=getattr(data, "open_to_all", False))


ROUTES: Final = (
    list_providers, add_provider, show_provider, change_provider, delete_provider, list_offers, move_secrets
)  # fmt: skip
"""What can be done with providers."""
