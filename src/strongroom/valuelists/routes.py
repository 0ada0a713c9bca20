"""The control API's routes of lists: decode, ask the service, encode."""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from strongroom.identity import Finder
from strongroom.identity.bodies import Body
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refused, invalid
from strongroom.valuelists.model import ListName, ValueList, Values
from strongroom.valuelists.service import ValueLists

TheLists: TypeAlias = NamedDependency[ValueLists]
TheFinder: TypeAlias = NamedDependency[Finder]


class AddValues(Body, frozen=True, kw_only=True):
    """Values to be added, in the clear; what is kept of them are keyed hashes."""

    values: Values

    def __repr__(self) -> str:
        """Show no value."""
        return f"AddValues({len(self.values)})"


class ValueListList(Listing, frozen=True, kw_only=True):
    """Lists, in an answer."""

    data: list[ValueList]


@get("/tenants/{tenant:str}/lists", responses=READ, summary="List a tenant's lists", tags=["privacy"])
async def list_lists(tenant: FromPath[str], lists: TheLists, finder: TheFinder, who: Who, ask: Asked) -> ValueListList:
    """Return a tenant's lists of values: how much is on each, never what."""
    return ValueListList(data=await lists.every(who, await finder.tenant(who, tenant, ask), ask))


@post(
    "/tenants/{tenant:str}/lists/{name:str}/values",
    responses=WRITE,
    status_code=200,
    summary="Add values to a list",
    tags=["privacy"],
)
async def add_values(
    tenant: FromPath[str],
    name: FromPath[str],
    data: JSONBody[AddValues],
    lists: TheLists,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> ValueList:
    """Add values to a list, which the first ones make. They are kept as hashes under the tenant's key, and found as `custom.NAME`."""
    place: TenantId = await finder.tenant(who, tenant, ask)
    return await lists.add(who, place, _name(name), data.values, ask)


@delete("/tenants/{tenant:str}/lists/{name:str}", responses=WRITE, summary="Remove a list", tags=["privacy"])
async def remove_list(
    tenant: FromPath[str], name: FromPath[str], lists: TheLists, finder: TheFinder, who: Who, ask: Asked
) -> None:
    """Remove a list: gateways forget it within a second."""
    place = await finder.tenant(who, tenant, ask)
    await lists.remove(who, place, _name(name), ask)


def _name(given: str) -> str:
    try:
        return msgspec.convert(given, ListName)
    except msgspec.ValidationError:
        raise Refused(
            invalid("A list is called by a-z, 0-9 and _, at most 40, a letter first.", param="name")
        ) from None


ROUTES: Final = (list_lists, add_values, remove_list)
