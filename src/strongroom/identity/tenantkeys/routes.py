"""The control API's routes over tenants' keys."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.identity.bodies import Body
from strongroom.identity.finding import Finder
from strongroom.identity.http import Asked, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.identity.tenantkeys.service import MOST, Dissolved, Rewrapped, TenantKeys, VaultState
from strongroom.kernel.refusal import Refused, hidden
from strongroom.vault import is_unit

TheTenantKeys: TypeAlias = NamedDependency[TenantKeys]
TheFinder: TypeAlias = NamedDependency[Finder]


class Rewrap(Body, frozen=True, kw_only=True):
    """How many tenants' keys to re-wrap in this step."""

    most: Annotated[int, Meta(ge=1, le=MOST, examples=[100])] = 100


@get("/vault", responses=READ, summary="Show the vault", tags=["vault"])
async def show_vault(tenant_keys: TheTenantKeys, who: Who, ask: Asked) -> VaultState:
    """Return how the keystore is and what it holds of each tenant. No key is in the answer."""
    return await tenant_keys.state(who, ask)


@post("/vault/rotation", responses=WRITE, status_code=204, summary="Add a version of the master key", tags=["vault"])
async def rotate_vault(tenant_keys: TheTenantKeys, who: Who, ask: Asked) -> None:
    """Add a version of what tenants' keys hang from. What older versions hold stays readable; `rewrap` brings it over."""
    await tenant_keys.turn(who, ask)


@post("/vault/rewrap", responses=WRITE, status_code=200, summary="Re-wrap tenants' keys", tags=["vault"])
async def rewrap_vault(data: JSONBody[Rewrap], tenant_keys: TheTenantKeys, who: Who, ask: Asked) -> Rewrapped:
    """Bring tenants' keys under the newest version, a bounded number at a time; say how many are left."""
    return await tenant_keys.rewrap(who, data.most, ask)


@post(
    "/vault/units/{unit:str}/dissolution",
    responses=WRITE,
    status_code=200,
    summary="Dissolve a business unit",
    tags=["vault"],
)
async def dissolve_unit(unit: FromPath[str], tenant_keys: TheTenantKeys, who: Who, ask: Asked) -> Dissolved:
    """Destroy the keys of every tenant of a business unit, all of which must have ended. It cannot be undone."""
    if not is_unit(unit):
        raise Refused(hidden(f"no business unit {unit[:60]!r}"))
    return await tenant_keys.dissolve(who, unit, ask)


@post(
    "/tenants/{tenant:str}/keys-of-data",
    responses=WRITE,
    status_code=204,
    summary="Renew a tenant's keys",
    tags=["vault"],
)
async def renew_tenant_keys(
    tenant: FromPath[str], tenant_keys: TheTenantKeys, finder: TheFinder, who: Who, ask: Asked
) -> None:
    """Give a tenant a new key, and new data keys under it. What older ones sealed still opens."""
    await tenant_keys.renew(who, await finder.tenant(who, tenant, ask), ask)


ROUTES: Final = (show_vault, rotate_vault, rewrap_vault, dissolve_unit, renew_tenant_keys)
