"""The control API's routes over releases: what one is, why it may serve where, and approving it."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from strongroom.identity import Finder
from strongroom.identity.http import Asked, Listing, Who
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.principal import Environment
from strongroom.registry.admission.answers import Shown
from strongroom.registry.admission.model import Standing
from strongroom.registry.admission.registrar import MAX_DAYS as KEY_DAYS
from strongroom.registry.admission.registrar import OwnKey, Registrar
from strongroom.registry.admission.service import Admission
from strongroom.registry.admission.signed import MAX_DAYS

TheAdmission: TypeAlias = NamedDependency[Admission]
TheRegistrar: TypeAlias = NamedDependency[Registrar]
TheFinder: TypeAlias = NamedDependency[Finder]


Signed: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=65536, description="The approval as a DSSE envelope, signed by your own key."
    ),
]


class Approve(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approval: where, for whom, how long, and why."""

    environment: Environment
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1000, description="Why, in your words.")]
    tenant: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] | None = None
    days: Annotated[int, msgspec.Meta(ge=1, le=MAX_DAYS, description="How long it lasts.")] = 90
    statement: Signed | None = None


class AddKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An approver's own public key, and the proof that who registers it holds it."""

    public_key: Annotated[str, msgspec.Meta(min_length=1, max_length=16384, description="PEM or JWK.")]
    proof: Annotated[
        str, msgspec.Meta(min_length=1, max_length=16384, description="A claim, signed by the key (DSSE).")
    ]
    days: Annotated[int, msgspec.Meta(ge=1, le=KEY_DAYS, description="How long it signs.")] = 365


class OwnKeyList(Listing, frozen=True, kw_only=True):
    """Approvers' own keys, in an answer."""

    data: list[OwnKey]


@get("/models/{name:str}/{version:str}", responses=READ, summary="Show a release", tags=["models"])
async def show_model(
    name: FromPath[str],
    version: FromPath[str],
    admission: TheAdmission,
    finder: TheFinder,
    who: Who,
    ask: Asked,
    tenant: FromQuery[str | None] = None,
) -> Shown:
    """Return a release's files, and why it may or may not be deployed in each environment.

    Of your tenant's, or of `tenant`'s, own release of this name, where there is one.
    """
    place = None if tenant is None else await finder.tenant(who, tenant, ask)
    return await admission.show(who, name, version, place, ask)


@post("/models/{name:str}/{version:str}/approvals", responses=WRITE, summary="Approve a release", tags=["models"])
async def approve_model(
    name: FromPath[str],
    version: FromPath[str],
    data: JSONBody[Approve],
    admission: TheAdmission,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Standing:
    """Say as an approver that a release may be deployed in an environment, until a day."""
    tenant = None if data.tenant is None else await finder.tenant(who, data.tenant, ask)
    return await admission.approve(
        who,
        name,
        version,
        data.environment,
        tenant=tenant,
        days=data.days,
        reason=data.reason,
        ask=ask,
        statement=None if data.statement is None else data.statement.encode(),
    )


@get("/approver-keys", responses=READ, summary="List approvers' keys", tags=["models"])
async def list_approver_keys(registrar: TheRegistrar, who: Who, ask: Asked) -> OwnKeyList:
    """Return the public keys that approvers sign with themselves, and whether each signs now."""
    return OwnKeyList(data=await registrar.list(who, ask))


@post("/approver-keys", responses=WRITE, summary="Register an approver's key", tags=["models"])
async def add_approver_key(data: JSONBody[AddKey], registrar: TheRegistrar, who: Who, ask: Asked) -> OwnKey:
    """Register a public key as the caller's own; the private one stays with the caller."""
    return await registrar.add(who, data.public_key, data.proof, data.days, ask)


ROUTES: Final = (show_model, approve_model, list_approver_keys, add_approver_key)
"""What can be asked and said about a release."""
