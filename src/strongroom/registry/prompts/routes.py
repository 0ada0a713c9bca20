"""The control API's routes over system prompts: decode, ask the service, encode."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from strongroom.identity import Finder
from strongroom.identity.bodies import Body, NameText
from strongroom.identity.http import Asked, Listing, Who, name_of
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.registry.admission.model import Standing
from strongroom.registry.admission.routes import Signed
from strongroom.registry.admission.signed import MAX_DAYS
from strongroom.registry.prompts.model import MAX_BYTES, Listed, Shown
from strongroom.registry.prompts.service import Prompts

ThePrompts: TypeAlias = NamedDependency[Prompts]
TheFinder: TypeAlias = NamedDependency[Finder]


class AddPrompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of a system prompt to be. A text that holds a secret is refused."""

    name: NameText
    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z][0-9A-Za-z.+-]{0,63}$(?!\n)", max_length=64)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_BYTES, description="What the model is told.")]


class ApprovePrompt(Body, frozen=True, kw_only=True):
    """An approval: where, how long, and why."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"reason"})
    environment: Environment
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why, in your words.")]
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS, description="How long it lasts.")] = 90
    statement: Signed | None = None


class PromptList(Listing, frozen=True, kw_only=True):
    """System prompts, in an answer."""

    data: list[Listed]


@post("/tenants/{tenant:str}/prompts", responses=WRITE, summary="Add a system prompt", tags=["prompts"])
async def add_prompt(
    tenant: FromPath[str], data: JSONBody[AddPrompt], prompts: ThePrompts, finder: TheFinder, who: Who, ask: Asked
) -> Shown:
    """Add a version of a system prompt; it is deployed nowhere until it is approved there."""
    place = await finder.tenant(who, tenant, ask)
    return await prompts.add(who, place, name_of(data.name), data.version, data.text, ask)


@get("/tenants/{tenant:str}/prompts", responses=READ, summary="List system prompts", tags=["prompts"])
async def list_prompts(
    tenant: FromPath[str], prompts: ThePrompts, finder: TheFinder, who: Who, ask: Asked
) -> PromptList:
    """Return a tenant's system prompts, without their texts."""
    return PromptList(data=await prompts.list(who, await finder.tenant(who, tenant, ask), ask))


@get(
    "/tenants/{tenant:str}/prompts/{name:str}/{version:str}",
    responses=READ,
    summary="Show a system prompt",
    tags=["prompts"],
)
async def show_prompt(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    prompts: ThePrompts,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Shown:
    """Return a system prompt's text, and why it may or may not be deployed in each environment."""
    place = await finder.tenant(who, tenant, ask)
    return await prompts.show(who, place, name_of(name), version, ask)


@post(
    "/tenants/{tenant:str}/prompts/{name:str}/{version:str}/approvals",
    responses=WRITE,
    summary="Approve a system prompt",
    tags=["prompts"],
)
async def approve_prompt(
    tenant: FromPath[str],
    name: FromPath[str],
    version: FromPath[str],
    data: JSONBody[ApprovePrompt],
    prompts: ThePrompts,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Standing:
    """Say as an approver that a system prompt may be deployed in an environment, until a day."""
    place = await finder.tenant(who, tenant, ask)
    return await prompts.approve(
        who,
        place,
        name_of(name),
        version,
        data.environment,
        days=data.days,
        reason=data.reason,
        ask=ask,
        statement=None if data.statement is None else data.statement.encode(),
    )


ROUTES: Final = (add_prompt, list_prompts, show_prompt, approve_prompt)
"""What can be asked and said about system prompts."""
