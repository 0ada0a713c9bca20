"""The control API's routes over signers."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, TypeAlias

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.identity.bodies import Body, LabelText, NameText, OwnerText, RevokeKey
from strongroom.identity.finding import Finder
from strongroom.identity.http import Asked, Listing, Who, name_of, noting
from strongroom.identity.model import MIN_KEY_DAYS
from strongroom.identity.problems import READ, WRITE
from strongroom.identity.signers.model import MAX_DAYS, Signer
from strongroom.identity.signers.service import SignerService
from strongroom.kernel.principal import Environment
from strongroom.kernel.refusal import Refused, hidden, invalid
from strongroom.signatures import BadKey, PublicKey

TheSigners: TypeAlias = NamedDependency[SignerService]
TheFinder: TypeAlias = NamedDependency[Finder]
_ID: Final = re.compile(r"[0-9a-f]{32}")
_MAX_PEM: Final = 2000


class SignerList(Listing, frozen=True, kw_only=True):
    """Signers, in an answer."""

    data: list[Signer]


class MakeSigner(Body, frozen=True, kw_only=True):
    """A signer to be: `public_key` in PEM or as a JWK, Ed25519 or ECDSA on P-256. `days`, when left out, is 90."""

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"public_key"})

    environment: Environment
    workload: NameText
    public_key: Annotated[str, Meta(min_length=1, max_length=_MAX_PEM)]
    label: LabelText = ""
    owner: OwnerText | None = None
    days: Annotated[float, Meta(ge=MIN_KEY_DAYS, le=MAX_DAYS, examples=[90])] | None = None


@get("/tenants/{tenant:str}/signers", responses=READ, summary="List signers", tags=["signers"])
async def list_signers(
    tenant: FromPath[str], signers: TheSigners, finder: TheFinder, who: Who, ask: Asked
) -> SignerList:
    """Return the public keys that a tenant's workloads sign with, dead ones included."""
    return SignerList(data=await signers.list(who, await finder.tenant(who, tenant, ask), ask))


@post("/tenants/{tenant:str}/signers", responses=WRITE, summary="Register a signer", tags=["signers"])
async def add_signer(
    tenant: FromPath[str], data: JSONBody[MakeSigner], signers: TheSigners, finder: TheFinder, who: Who, ask: Asked
) -> Signer:
    """Register a public key that a workload signs its requests with. The private half stays where it is."""
    place = await finder.tenant(who, tenant, ask)
    try:
        key = PublicKey.read(data.public_key)
    except BadKey as error:
        raise Refused(invalid(f"Not a key to register: {error}.", param="public_key")) from None
    return await signers.add(
        who,
        place,
        key,
        environment=data.environment,
        workload=name_of(data.workload, "workload"),
        label=data.label,
        owner=data.owner,
        days=data.days,
        ask=ask,
    )


@post(
    "/tenants/{tenant:str}/signers/{signer:str}/revoke",
    responses=WRITE,
    status_code=200,
    summary="Revoke a signer",
    tags=["signers"],
)
async def revoke_signer(
    tenant: FromPath[str],
    signer: FromPath[str],
    data: JSONBody[RevokeKey],
    signers: TheSigners,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Signer:
    """End a signer at once: no gateway takes a signature by it any more."""
    place = await finder.tenant(who, tenant, ask)
    if _ID.fullmatch(signer) is None:
        raise Refused(hidden("not a signer's id"))
    return await signers.revoke(who, place, signer, data.reason, noting(ask, reason=data.reason))


ROUTES: Final = (list_signers, add_signer, revoke_signer)
