"""The control API's routes over the catalogue and deployments: decode, ask the service, encode."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.bodies import NameText
from strongroom.identity.http import Asked, Listing, Who, name_of
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refused, invalid
from strongroom.registry.model import MAX_TARGETS, Deployment, Operation, Release, Target
from strongroom.registry.service import Registry

TheRegistry: TypeAlias = NamedDependency[Registry]
TheFinder: TypeAlias = NamedDependency[Finder]


class MakeDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A deployment to be, under a name of the tenant's own: of a release by its digest, or of `targets` and `kind`."""

    name: NameText
    environment: Environment
    release: (
        Annotated[
            str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$", max_length=71, description="The release's digest.")
        ]
        | None
    ) = None
    targets: Annotated[list[Target], msgspec.Meta(max_length=MAX_TARGETS, description="Providers that answer.")] = []
    kind: (
        Annotated[Operation, msgspec.Meta(description="What targets are asked for; a release says it itself.")] | None
    ) = None
    prompt: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^[a-z0-9.-]{1,63}@[0-9A-Za-z.+-]{1,64}$(?!\n)",
                max_length=128,
                description="The system prompt that goes before every request, NAME@VERSION.",
            ),
        ]
        | None
    ) = None


class Releases(Listing, frozen=True, kw_only=True):
    """Releases, in an answer."""

    data: list[Release]


class Deployments(Listing, frozen=True, kw_only=True):
    """Deployments, in an answer."""

    data: list[Deployment]


@get("/models", responses=READ, summary="List releases", tags=["models"])
async def list_models(
    registry: TheRegistry, finder: TheFinder, who: Who, ask: Asked, tenant: FromQuery[str | None] = None
) -> Releases:
    """Return the installation's catalogue of releases, and those of your tenant's, or of `tenant`'s, own."""
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    return Releases(data=await registry.list_releases(who, ask, place))


@get("/tenants/{tenant:str}/deployments", responses=READ, summary="List deployments", tags=["deployments"])
async def list_deployments(
    tenant: FromPath[str], registry: TheRegistry, finder: TheFinder, who: Who, ask: Asked
) -> Deployments:
    """Return a tenant's deployments."""
    return Deployments(data=await registry.list_deployments(who, await finder.tenant(who, tenant, ask), ask))


@post("/tenants/{tenant:str}/deployments", responses=WRITE, summary="Deploy a release", tags=["deployments"])
async def create_deployment(
    tenant: FromPath[str],
    data: JSONBody[MakeDeployment],
    registry: TheRegistry,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Deployment:
    """Let a tenant's workloads in one environment ask a release, or providers, under a name."""
    place = await finder.tenant(who, tenant, ask)
    if (data.release is None) == (not data.targets):
        raise Refused(invalid("A deployment has a `release` or `targets`, one of the two.", param="release"))
    if (data.kind is None) == bool(data.targets):
        raise Refused(invalid("`kind` goes with `targets`.", param="kind"))
    if data.kind is not None:
        name = name_of(data.name)
        return await registry.deploy_outside(
            who, place, data.environment, name, data.kind, data.targets, ask, data.prompt
        )
    assert data.release is not None  # noqa: S101 - there were no targets
    return await registry.deploy(who, place, data.environment, name_of(data.name), data.release, ask, data.prompt)


@delete(
    "/tenants/{tenant:str}/deployments/{environment:str}/{name:str}",
    responses=WRITE,
    summary="Withdraw a deployment",
    tags=["deployments"],
)
async def delete_deployment(
    tenant: FromPath[str],
    environment: FromPath[Environment],
    name: FromPath[str],
    registry: TheRegistry,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> None:
    """End a deployment: the gateways stop routing to it at once."""
    place = await finder.tenant(who, tenant, ask)
    await registry.withdraw(who, place, environment, name_of(name), ask)


ROUTES: Final = (list_models, list_deployments, create_deployment, delete_deployment)
