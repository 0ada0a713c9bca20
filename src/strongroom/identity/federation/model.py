"""Federation rules: whose token is taken for which workload, and how long what it gets lives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Any, Final, cast
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.identity.networks import parse_networks
from strongroom.kernel.principal import Environment, Proof, Role
from strongroom.signatures.jose import BadToken, Jwt, check_times
from strongroom.wire.addresses import parse_base

MAX_TOKEN_S: Final = {Environment.DEV: 3600, Environment.TEST: 1800, Environment.PROD: 900}
"""Longest life of an access token, by environment."""

MAX_AGE_S: Final = 3600
"""The longest that another's token is taken after it was issued."""

MAX_CLAIMS: Final = 16

GITHUB: Final = "https://token.actions.githubusercontent.com"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"
_SPIFFE: Final = "spiffe://"
_MAX_CLAIM: Final = 256


@unique
class Kind(StrEnum):
    """Whose tokens a rule takes; what must be pinned depends on it."""

    OIDC = "oidc"  # any issuer with discovery and a key set
    GITHUB = "github"  # GitHub Actions; names can be taken over, so the ids behind them are pinned
    KUBERNETES = "kubernetes"  # service accounts; one made anew under the old name has another uid
    SPIFFE = "spiffe"  # JWT-SVID; the keys are those of a trust domain's bundle


_PINS: Final[dict[Kind, tuple[str, ...]]] = {
    Kind.OIDC: (),
    Kind.GITHUB: ("repository_id", "repository_owner_id"),
    Kind.KUBERNETES: ("/kubernetes.io/serviceaccount/uid",),
    Kind.SPIFFE: (),
}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One federation rule. It is never changed: what it gave out could otherwise come to mean something else.

    `claims` maps a claim's name, or a JSON Pointer (RFC 6901) to one within, to the one value that it must have.
    """

    id: UUID
    environment: Environment
    workload: str
    role: Role
    kind: Kind
    issuer: str
    audience: str
    subject: str
    claims: dict[str, str]
    keys_url: str | None
    inline_keys: bool
    networks: tuple[str, ...]
    proof: Proof | None
    max_age_s: int
    token_s: int
    label: str
    owner: str
    created_at: datetime
    status: str
    """`active` or `ended`."""
    ended_at: datetime | None = None
    ended_reason: str | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What may be known of an access token that was given out: everything but its text."""

    id: str
    rule: UUID
    environment: Environment
    workload: str
    issued_at: datetime
    expires_at: datetime
    status: str
    """`active`, `expired` or `revoked`."""
    revoked_at: datetime | None = None
    revoked_reason: str | None = None


class FederationDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="federation/1"):
    """What the feed tells of a rule. Golden files hold its bytes: fields are only added, with a default."""

    workload: UUID
    name: str
    role: Role
    environment: Environment
    kind: Kind
    issuer: str
    audience: str
    subject: str
    claims: dict[str, str]
    max_age_s: int
    token_s: int
    keys_url: str | None = None
    keys: str | None = None
    ca: str | None = None
    networks: tuple[str, ...] = ()
    proof: Proof | None = None


class EndedTokenDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="ended-token/1"):
    """What the feed tells of a token that was revoked before its end. `expires_at` in Unix seconds."""

    expires_at: float


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of another's token."""

    kind: Kind
    issuer: str
    audience: str
    subject: str
    claims: Annotated[dict[str, str], Meta(max_length=MAX_CLAIMS)]
    keys_url: str | None = None
    keys: str | None = None
    ca: str | None = None
    networks: tuple[str, ...] = ()
    proof: Proof | None = None
    max_age_s: int = MAX_AGE_S


def check(terms: Terms) -> tuple[str, str] | None:
    """Return the field that is wrong and the rule that it breaks, as a sentence; None: they can be used."""
    for name, wrong in (("issuer", _wrong_issuer), ("subject", _wrong_subject), ("claims", _wrong_claims)):
        said = wrong(terms)
        if said is not None:
            return name, said
    if terms.keys_url is not None:
        try:
            parse_base(terms.keys_url)
        except ValueError as error:
            return "keys_url", str(error)
    if terms.kind is Kind.SPIFFE and (terms.keys is None) == (terms.keys_url is None):
        return "keys", "A trust domain's bundle is given as text or by its address."
    try:
        parse_networks(terms.networks)
    except ValueError:
        return "networks", "A network is written in CIDR notation, such as 10.2.0.0/16."
    return None


def _wrong_issuer(terms: Terms) -> str | None:
    if terms.kind is Kind.SPIFFE:
        domain = terms.issuer.removeprefix(_SPIFFE)
        if not terms.issuer.startswith(_SPIFFE) or not domain or set(domain) & set("/?#@: "):
            return "The issuer of a JWT-SVID is its trust domain: spiffe://DOMAIN."
        return None
    if terms.kind is Kind.GITHUB and not terms.issuer.startswith("https://"):
        return f"GitHub's issuer is {GITHUB}, or that of your GitHub Enterprise."
    try:
        parse_base(terms.issuer)
    except ValueError as error:
        return str(error)
    return None


def _wrong_subject(terms: Terms) -> str | None:
    if "*" in terms.subject:
        return "A subject is matched whole: there are no wildcards."
    namespace, _, account = terms.subject.removeprefix(_SERVICE_ACCOUNT).partition(":")
    if terms.kind is Kind.KUBERNETES and not (terms.subject.startswith(_SERVICE_ACCOUNT) and namespace and account):
        return "The subject of a service account is system:serviceaccount:NAMESPACE:NAME."
    if terms.kind is Kind.SPIFFE and not terms.subject.startswith(f"{terms.issuer}/"):
        return "The subject of a JWT-SVID is a SPIFFE id of its trust domain: spiffe://DOMAIN/PATH."
    return None


def _wrong_claims(terms: Terms) -> str | None:
    missing = [name for name in _PINS[terms.kind] if name not in terms.claims]
    if missing:
        return f"Pin {' and '.join(missing)}: a name can be given to somebody else, an id cannot."
    for name, value in terms.claims.items():
        if not 0 < len(name) <= _MAX_CLAIM or not 0 < len(value) <= _MAX_CLAIM or not (name + value).isprintable():
            return "A claim is NAME=VALUE, each one line of at most 256 characters."
    return None


def mismatch(document: FederationDocument, token: Jwt, now: float) -> tuple[str, float]:
    """Return why an authentic token is not the one that a rule means, or "", and when it stops counting.

    The reason quotes nothing of the token.
    """
    claims = token.claims
    if claims.get("sub") != document.subject:
        return "its subject is another", 0.0
    if not _audience(claims.get("aud"), document.audience):
        return "its audience is another, or not ours alone", 0.0
    for name, value in document.claims.items():
        if _text(_claim(claims, name)) != value:
            return f"the pinned claim {name} is another, or not there", 0.0
    try:
        until = check_times(claims, now, document.max_age_s, issued=document.kind is not Kind.SPIFFE)
    except BadToken as error:
        return str(error), 0.0
    return "", until


def issued_by(document: FederationDocument, token: Jwt) -> bool:
    """Whether a token says that it is of the rule's issuer. A JWT-SVID says so by its subject, and may leave `iss` out."""
    if document.kind is not Kind.SPIFFE:
        return token.claims.get("iss") == document.issuer
    subject = token.claims.get("sub")
    return isinstance(subject, str) and subject.startswith(f"{document.issuer}/")


def _audience(said: object, wanted: str) -> bool:
    """Whether a token is for us and for nobody else: whoever else it is for could show it here."""
    return said in (wanted, [wanted])


def _claim(claims: Mapping[str, Any], name: str) -> object:
    if not name.startswith("/"):
        return claims.get(name)
    found: object = claims
    for part in name[1:].split("/"):
        if not isinstance(found, dict):
            return None
        found = cast("dict[str, object]", found).get(part.replace("~1", "/").replace("~0", "~"))
    return found


def _text(value: object) -> str | None:
    """Return a claim's value as a rule writes it: issuers give the same id as a number or as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None
