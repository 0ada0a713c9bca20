"""The control API's routes over federation rules and the tokens that they gave out."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, TypeAlias
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from strongroom.identity.bodies import Body, LabelText, NameText, OwnerText, RevokeKey
from strongroom.identity.federation.model import MAX_AGE_S, MAX_CLAIMS, Kind, Rule, Terms, Token
from strongroom.identity.federation.service import FederationService
from strongroom.identity.finding import Finder
from strongroom.identity.http import Asked, Listing, Who, name_of, noting
from strongroom.identity.problems import READ, WRITE
from strongroom.kernel.ids import parse_key_id
from strongroom.kernel.principal import Environment, Proof
from strongroom.kernel.refusal import Refused, hidden

TheFederation: TypeAlias = NamedDependency[FederationService]
TheFinder: TypeAlias = NamedDependency[Finder]

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512)]
Document: TypeAlias = Annotated[str, Meta(min_length=1, max_length=32 * 1024)]
Networks: TypeAlias = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=16)]


class FederationList(Listing, frozen=True, kw_only=True):
    """Federation rules, in an answer."""

    data: list[Rule]


class AccessTokenList(Listing, frozen=True, kw_only=True):
    """Access tokens, in an answer."""

    data: list[Token]


class MakeFederation(Body, frozen=True, kw_only=True):
    """A federation rule to be: whose token is taken for which workload.

    `claims` pins claims by name, or by a JSON Pointer to one within. `keys` is a key set or a SPIFFE bundle as text,
    `keys_url` where one is; without either it is found through the issuer's discovery document. `ca` are authorities (PEM)
    to trust for the issuer instead of the system's. `proof` says that a token is given out only bound to a key.
    """

    MULTILINE: ClassVar[frozenset[str]] = frozenset({"keys", "ca"})

    environment: Environment
    workload: NameText
    kind: Kind
    issuer: Text
    audience: Text
    subject: Text
    claims: Annotated[dict[str, str], Meta(max_length=MAX_CLAIMS, examples=[{"repository_id": "1296269"}])] = (
        msgspec.field(default_factory=dict[str, str])
    )
    keys_url: Text | None = None
    keys: Document | None = None
    ca: Document | None = None
    networks: Networks = ()
    proof: Proof | None = None
    max_age_minutes: Annotated[float, Meta(ge=1, le=MAX_AGE_S / 60)] = MAX_AGE_S / 60
    token_minutes: Annotated[float, Meta(ge=1, le=60)] | None = None
    label: LabelText = ""
    owner: OwnerText | None = None

    @property
    def terms(self) -> Terms:
        """What is asked of a token."""
        return Terms(
            kind=self.kind,
            issuer=self.issuer,
            audience=self.audience,
            subject=self.subject,
            claims=self.claims,
            keys_url=self.keys_url,
            keys=self.keys,
            ca=self.ca,
            networks=self.networks,
            proof=self.proof,
            max_age_s=round(self.max_age_minutes * 60),
        )


@get("/tenants/{tenant:str}/federation", responses=READ, summary="List federation rules", tags=["federation"])
async def list_federation(
    tenant: FromPath[str], federation: TheFederation, finder: TheFinder, who: Who, ask: Asked
) -> FederationList:
    """Return whose tokens are taken for a tenant's workloads, ended rules included."""
    return FederationList(data=await federation.list(who, await finder.tenant(who, tenant, ask), ask))


@post("/tenants/{tenant:str}/federation", responses=WRITE, summary="Create a federation rule", tags=["federation"])
async def create_federation(
    tenant: FromPath[str],
    data: JSONBody[MakeFederation],
    federation: TheFederation,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Rule:
    """Take somebody else's tokens for one workload. What is exchanged lives an hour at most in dev, 30 minutes in test, 15 in prod."""
    return await federation.create(
        who,
        await finder.tenant(who, tenant, ask),
        data.terms,
        environment=data.environment,
        workload=name_of(data.workload, "workload"),
        token_s=None if data.token_minutes is None else round(data.token_minutes * 60),
        label=data.label,
        owner=data.owner,
        ask=ask,
    )


@get("/tenants/{tenant:str}/federation/{rule:str}", responses=READ, summary="Show a rule", tags=["federation"])
async def show_federation(
    tenant: FromPath[str], rule: FromPath[str], federation: TheFederation, finder: TheFinder, who: Who, ask: Asked
) -> Rule:
    """Return one federation rule."""
    place = await finder.tenant(who, tenant, ask)
    return await federation.show(who, place, _rule_id(rule), ask)


@delete(
    "/tenants/{tenant:str}/federation/{rule:str}",
    responses=WRITE,
    status_code=200,
    summary="End a federation rule",
    tags=["federation"],
)
async def end_federation(
    tenant: FromPath[str], rule: FromPath[str], federation: TheFederation, finder: TheFinder, who: Who, ask: Asked
) -> Rule:
    """End a rule at once, and every token that was given out under it."""
    place = await finder.tenant(who, tenant, ask)
    return await federation.end(who, place, _rule_id(rule), "deleted", ask)


@get("/tenants/{tenant:str}/tokens", responses=READ, summary="List access tokens", tags=["federation"])
async def list_access_tokens(
    tenant: FromPath[str], federation: TheFederation, finder: TheFinder, who: Who, ask: Asked
) -> AccessTokenList:
    """Return the latest access tokens that a tenant's rules gave out, dead ones included, without their text."""
    return AccessTokenList(data=await federation.tokens(who, await finder.tenant(who, tenant, ask), ask))


@post(
    "/tenants/{tenant:str}/tokens/{token:str}/revoke",
    responses=WRITE,
    status_code=200,
    summary="Revoke an access token",
    tags=["federation"],
)
async def revoke_access_token(
    tenant: FromPath[str],
    token: FromPath[str],
    data: JSONBody[RevokeKey],
    federation: TheFederation,
    finder: TheFinder,
    who: Who,
    ask: Asked,
) -> Token:
    """End an access token at once: no gateway takes it any more."""
    place = await finder.tenant(who, tenant, ask)
    token_id = parse_key_id(token)
    if token_id is None:
        raise Refused(hidden("not a token's id"))
    return await federation.revoke_token(who, place, token_id, data.reason, noting(ask, reason=data.reason))


def _rule_id(text: str) -> UUID:
    try:
        found = UUID(text)
    except ValueError:
        raise Refused(hidden("not a rule's id")) from None
    if str(found) != text:
        raise Refused(hidden("not a rule's id as it is written"))
    return found


ROUTES: Final = (
    list_federation,
    create_federation,
    show_federation,
    end_federation,
    list_access_tokens,
    revoke_access_token,
)
