"""The control API's routes over rotation and deliveries."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta

from strongroom.identity.bindings import Bindings
from strongroom.identity.bodies import Body, Days, DeliverS, ReasonText
from strongroom.identity.finding import Finder
from strongroom.identity.http import AnyRequest, Asked, Who, key_of, noting
from strongroom.identity.model import Key, NewKey
from strongroom.identity.problems import WRITE
from strongroom.identity.rotation.model import MAX_OVERLAP_S, Rotated
from strongroom.identity.rotation.service import Rotation

TheRotation: TypeAlias = NamedDependency[Rotation]
TheFinder: TypeAlias = NamedDependency[Finder]

OverlapS: TypeAlias = Annotated[float, Meta(ge=0, le=max(MAX_OVERLAP_S.values()), examples=[3600])]


class RotateKey(Body, frozen=True, kw_only=True):
    """How a key gets a successor. What is left out is the longest that the environment and the old key allow."""

    overlap_s: OverlapS | None = None
    compromised: bool = False
    days: Days | None = None
    deliver_s: DeliverS | None = None
    reason: ReasonText = "rotated"


class BindKey(Body, frozen=True, kw_only=True):
    """What a key is bound to from now on."""

    bindings: Bindings
    reason: ReasonText = "bound"


@post("/keys/{key:str}/rotate", responses=WRITE, summary="Rotate a key", tags=["keys"])
async def rotate_key(
    key: FromPath[str],
    data: JSONBody[RotateKey],
    rotation: TheRotation,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Rotated:
    """Make a key's successor. This answer, or the delivery in it, is the only place where its secret ever stands."""
    place, key_id = await finder.key_of_workload(who, key, tenant, ask)
    return await rotation.rotate(
        who,
        place,
        key_id,
        overlap_s=data.overlap_s,
        compromised=data.compromised,
        days=data.days,
        deliver_s=data.deliver_s,
        ask=noting(ask, reason=data.reason),
    )


@post("/keys/{key:str}/bind", responses=WRITE, status_code=200, summary="Bind a key", tags=["keys"])
async def bind_key(
    key: FromPath[str],
    data: JSONBody[BindKey],
    rotation: TheRotation,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Key:
    """Say anew where, by what, when and for what a key may be used. Empty bindings take the old ones away."""
    place, key_id = await finder.key_of_workload(who, key, tenant, ask)
    return await rotation.bind(who, place, key_id, data.bindings, noting(ask, reason=data.reason))


@post("/deliveries/open", responses=WRITE, status_code=200, summary="Open a delivery", tags=["keys"])
async def open_delivery(request: AnyRequest, rotation: TheRotation, who: Who, ask: Asked) -> NewKey:
    """Take the key out of the delivery that is presented as the bearer token. It opens once; a second time alerts."""
    return await rotation.open(who, key_of(request) or "", ask)


ROUTES: Final = (rotate_key, bind_key, open_delivery)
