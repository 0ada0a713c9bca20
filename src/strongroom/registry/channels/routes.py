"""The control API's routes over channels: decode, ask the service, encode."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from strongroom.identity import Finder
from strongroom.identity.approvals.routes import PROPOSED, Proposal, done_or_proposed
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refused, invalid
from strongroom.registry.channels.answers import Shown, Status, Stopped, WentBack
from strongroom.registry.channels.model import Channel, Freeze, Promoted, RevokedKind, Why
from strongroom.registry.channels.service import Channels

TheChannels: TypeAlias = NamedDependency[Channels]
TheFinder: TypeAlias = NamedDependency[Finder]
_Version = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,100}$(?!\n)", max_length=100)]
_NameOf = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,200}$(?!\n)", max_length=200)]


Approved: TypeAlias = Annotated[
    UUID | None,
    msgspec.Meta(description="In production: the proposal of exactly this, which somebody else has approved."),
]


class Promote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A release that may be deployed in an environment from now on, and why."""

    name: _NameOf
    version: _Version
    reason: Why
    approved: Approved = None


class GoBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Going back to an older release: of which name, to which version, and why; a drill changes nothing."""

    name: _NameOf
    version: _Version | None = None
    reason: Why
    drill: bool = False
    approved: Approved = None


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is frozen, or is not any more, and why: a name, a tenant, or (neither given) the whole environment."""

    name: _NameOf | None = None
    tenant: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] | None = None
    reason: Why


class Unfreeze(Hold, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is not frozen any more, and why."""

    approved: Approved = None


class Revoke(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may serve nowhere any more, and why: a release by its digest, or what a key has signed, by the key's id."""

    digest: Annotated[str, msgspec.Meta(max_length=71)] | None = None
    signer: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    reason: Why


class Recover(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a channel begins anew."""

    reason: Why


class Statuses(Listing, frozen=True, kw_only=True):
    """How the channels are, in an answer."""

    data: list[Status]


@get("/channels", responses=READ, summary="List channels", tags=["channels"])
async def list_channels(channels: TheChannels, who: Who, ask: Asked) -> Statuses:
    """Return how every channel is: whether anything is admitted by it now, and if not, why."""
    return Statuses(data=await channels.status(who, ask))


@get("/channels/{channel:str}", responses=READ, summary="Show a channel", tags=["channels"])
async def show_channel(channel: FromPath[Channel], channels: TheChannels, who: Who, ask: Asked) -> Shown:
    """Return what a channel promotes, freezes and revokes, with who said so, when and why."""
    return await channels.show(who, channel, ask)


@get(
    "/channels/{channel:str}/metadata/{role:str}/{version:int}",
    responses=READ,
    summary="Read a channel's TUF metadata",
    tags=["channels"],
)
async def channel_metadata(
    channel: FromPath[Channel],
    role: FromPath[Literal["root", "targets", "snapshot", "timestamp"]],
    version: FromPath[int],
    channels: TheChannels,
    who: Who,
    ask: Asked,
) -> Response[Any]:
    """Return one signed document as it lies there; of timestamps there is one, whatever the version."""
    document = await channels.metadata(who, channel, role, version, ask)
    return Response(msgspec.Raw(document), media_type="application/json")


@post(
    "/channels/{environment:str}/promotions", responses=WRITE | PROPOSED, summary="Promote a release", tags=["channels"]
)
async def promote_release(
    environment: FromPath[Environment], data: JSONBody[Promote], channels: TheChannels, who: Who, ask: Asked
) -> Response[Promoted | Proposal]:
    """Make a release the one of its name that may be deployed in an environment.

    In production, for prod, it is proposed (202): once somebody else has approved, ask again, with the proposal's id as `approved`.
    """
    said = await channels.second.asked(
        who,
        ask,
        lambda: channels.promote(who, data.name, data.version, environment, data.reason, ask, data.approved),
    )
    return done_or_proposed(said, HTTPStatus.CREATED)


@post(
    "/channels/{environment:str}/rollbacks",
    responses=WRITE | PROPOSED,
    summary="Go back to a release",
    tags=["channels"],
)
async def roll_back(
    environment: FromPath[Environment], data: JSONBody[GoBack], channels: TheChannels, who: Who, ask: Asked
) -> Response[WentBack | Proposal]:
    """Go back to an older release, and have the deployments of the newer one serve it; or rehearse that.

    In production it is proposed (202), as a promotion is; a drill is not.
    """
    said = await channels.second.asked(
        who,
        ask,
        lambda: channels.roll_back(
            who,
            environment,
            data.name,
            data.reason,
            ask,
            version=data.version,
            drill=data.drill,
            approved=data.approved,
        ),
    )
    return done_or_proposed(said, HTTPStatus.CREATED)


@post("/channels/{environment:str}/freezes", responses=WRITE, summary="Freeze", tags=["channels"])
async def freeze(
    environment: FromPath[Environment],
    data: JSONBody[Hold],
    channels: TheChannels,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Freeze:
    """Keep a name, a tenant or an environment as it is: nothing there is promoted, rolled back or deployed."""
    tenant = None if data.tenant is None else await finder.tenant(who, data.tenant, ask)
    return await channels.holds.freeze(who, environment, data.name, tenant, data.reason, ask)


@post("/channels/{environment:str}/unfreezes", responses=WRITE | PROPOSED, summary="End a freeze", tags=["channels"])
async def unfreeze(
    environment: FromPath[Environment],
    data: JSONBody[Unfreeze],
    channels: TheChannels,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Response[Freeze | Proposal]:
    """End a freeze. In production, for prod, it is proposed (202), as a promotion is."""
    tenant = None if data.tenant is None else await finder.tenant(who, data.tenant, ask)
    said = await channels.second.asked(
        who,
        ask,
        lambda: channels.holds.unfreeze(who, environment, data.name, tenant, data.reason, ask, data.approved),
    )
    return done_or_proposed(said, HTTPStatus.CREATED)


@post("/revocations", responses=WRITE, summary="Revoke a release or a signer", tags=["channels"])
async def revoke_release(data: JSONBody[Revoke], channels: TheChannels, who: Who, ask: Asked) -> Stopped:
    """Let a release, or whatever a key has signed, serve nowhere any more, for good."""
    if (data.digest is None) == (data.signer is None):
        raise Refused(invalid("Name a `digest` or a `signer`, one of the two.", param="digest"))
    if data.digest is not None:
        return await channels.holds.revoke(who, RevokedKind.DIGEST, data.digest, data.reason, ask)
    assert data.signer is not None  # noqa: S101 - one of the two was named
    return await channels.holds.revoke(who, RevokedKind.SIGNER, data.signer, data.reason, ask)


@post("/channels/{channel:str}/recoveries", responses=WRITE, summary="Begin a channel anew", tags=["channels"])
async def recover_channel(
    channel: FromPath[Channel], data: JSONBody[Recover], channels: TheChannels, who: Who, ask: Asked
) -> Status:
    """Begin a channel anew from what can be believed of it, above every version that was seen."""
    return await channels.recover(who, channel, data.reason, ask)


ROUTES: Final = (
    list_channels,
    show_channel,
    channel_metadata,
    promote_release,
    roll_back,
    freeze,
    unfreeze,
    revoke_release,
    recover_channel,
)
