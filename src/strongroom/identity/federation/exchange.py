"""Token exchange (RFC 8693): somebody else's token for one of ours, in numbered steps.

1. The directory may be relied on now; else nobody gets anything (503).
2. The request names a living rule; it is never searched for, so no tenant's rule can catch what was meant for another's.
3. The token is read strictly (`signatures.jose`) and says that it is of the rule's issuer.
4. A key of that issuer made its signature.
5. Subject, audience, pinned claims and times are those of the rule; the caller is in the rule's networks.
6. The key that the new token will be bound to was proven, where the rule wants one.
7. It was never exchanged before: its digest is unique in the database.

Whatever fails, the caller is told the same. Up to step 4 the caller is a stranger, and the reason stands in the
installation's log. From then on the caller holds an authentic token, and it stands in the tenant's log, within a rate.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, Protocol
from uuid import UUID

from strongroom.identity import tables as identity_tables
from strongroom.identity.accesstoken import Claims, Signer
from strongroom.identity.federation import tables
from strongroom.identity.federation.directory import Federation, Known
from strongroom.identity.federation.issuers import Issuers, NoKeys, Source
from strongroom.identity.federation.model import MAX_TOKEN_S, Kind, issued_by, mismatch
from strongroom.identity.networks import within
from strongroom.identity.possession import Seen, Shown, proven, wants_nonce
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, new_key_id
from strongroom.kernel.principal import Confirmation, Principal, Proof
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Ask, Gate, Resource
from strongroom.policy import Kind as Thing
from strongroom.signatures.jose import PLAIN_TYPES, BadToken, Jwt, read
from strongroom.signatures.proofnonces import ProofNonces
from strongroom.store import Conflict, Unavailable

ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name
GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
TELL: Final = "The token was not exchanged. Whoever runs this installation finds the reason in its audit log."
REPLAYED: Final = "the token was exchanged before: a replay"

_TYPES: Final = {
    ID_TOKEN: frozenset({Kind.OIDC, Kind.GITHUB, Kind.KUBERNETES}),
    JWT: frozenset(Kind),
}
_SPIFFE_TYPES: Final = PLAIN_TYPES | {"jose"}  # JWT-SVID §3.3
_READ_WITHIN_S: Final = 0.25


class Lease(Protocol):
    """What an exchange needs of the feed's follower."""

    def valid(self) -> bool:
        """Whether the copy may be relied on now."""
        ...

    async def ensure(self, within: float) -> bool:
        """Whether it may be after one bounded read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One request for an exchange."""

    rule: str
    subject_token: str
    subject_token_type: str
    peer: str

    def __repr__(self) -> str:
        """Show no token."""
        return f"Wanted({self.rule})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A new access token, in the one answer that carries its text."""

    id: KeyId
    text: str
    lives_s: int
    confirmation: Confirmation | None

    def __repr__(self) -> str:
        """Show the public id only."""
        return f"Issued({self.id})"


class Exchange:
    """Exchanges tokens. One event loop."""

    def __init__(
        self,
        gate: Gate,
        lease: Lease,
        federation: Federation,
        issuers: Issuers,
        signer: Signer,
        clock: Clock,
        nonces: ProofNonces | None = None,
    ) -> None:
        self._gate: Final = gate
        self._lease: Final = lease
        self._federation: Final = federation
        self._issuers: Final = issuers
        self._signer: Final = signer
        self._clock: Final = clock
        self._nonces: Final = nonces
        self._seen: Final = Seen(clock.now().timestamp())

    async def exchange(self, wanted: Wanted, shown: Shown, ask: Ask) -> Issued:
        """Return an access token for the one that is shown; `shown` is what the request shows besides.

        Raises:
            Refused: INVALID in the same words whatever is wrong, UNAVAILABLE when it cannot be known now.
        """
        if not (self._lease.valid() or await self._lease.ensure(_READ_WITHIN_S)):
            tell = "The service cannot check tokens at the moment. Try again shortly."
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason="no valid lease", tell=tell))
        ask = replace(ask, detail={**ask.detail, "grant": "token-exchange"})
        found = await self._authentic(wanted)
        if isinstance(found, str):
            with contextlib.suppress(Unavailable):  # the answer is no in any case
                await self._gate.turned_away(f"token exchange: {found}", ask)
            raise _refused(found)
        rule, token = found
        return await self._issue(rule, token, wanted, shown, ask)

    async def _authentic(self, wanted: Wanted) -> tuple[Known, Jwt] | str:
        """Do steps 2 to 4; return the rule and the token, or why not."""
        try:
            rule = self._federation.find(UUID(wanted.rule))
        except ValueError:
            rule = None
        if rule is None:
            return "the request names no living rule"
        document = rule.document
        told = f"rule {rule.id}: "
        if document.kind not in _TYPES.get(wanted.subject_token_type, frozenset()):
            return told + "the type of the token is not one that the rule takes"
        spiffe = document.kind is Kind.SPIFFE
        try:
            token = read(wanted.subject_token, types=_SPIFFE_TYPES if spiffe else PLAIN_TYPES)
        except BadToken as error:
            return told + str(error)
        if not issued_by(document, token):
            return told + "the token's issuer is another"
        source = Source(document.issuer, document.keys_url, document.keys, document.ca, bundle=spiffe)
        try:
            right = await self._issuers.verified(source, token)
        except NoKeys as error:
            return told + str(error)
        return (rule, token) if right else told + "the signature is wrong"

    async def _issue(self, rule: Known, token: Jwt, wanted: Wanted, shown: Shown, ask: Ask) -> Issued:
        """Do steps 5 to 7, and make the token in the transaction that says so."""
        now = self._clock.now()
        wrong, until = mismatch(rule.document, token, now.timestamp())
        confirmation: Confirmation | None = None
        try:
            confirmation = self._confirmation(rule, shown, now.timestamp())
        except BadToken as error:
            wrong = wrong or str(error)
        if rule.networks and not within(wanted.peer, rule.networks):
            wrong = wrong or "it was shown from outside the rule's networks"
        claims = Claims(
            new_key_id(),
            rule.document.environment,
            rule.id,
            int(now.timestamp()),
            int(now.timestamp()) + min(rule.document.token_s, MAX_TOKEN_S[rule.document.environment]),
            confirmation,
        )
        who = rule.principal(claims)
        if wrong:
            await self._deny(who, rule, wrong, ask)
        async with self._gate.permit(who, Action.TOKEN_ISSUE, _resource(rule), ask) as tx:
            if not (await identity_tables.living(tx) and await tables.hold_rule(tx, rule.id)):
                raise _refused("the rule or its tenant has just ended")
            await tables.erase_tokens(tx, now)
            try:
                await tables.insert_token(
                    tx,
                    claims.id,
                    rule.id,
                    replay=_replay(rule, token),
                    replay_until=datetime.fromtimestamp(until, UTC),
                    issued_at=now,
                    expires_at=datetime.fromtimestamp(claims.expires_at, UTC),
                )
            except Conflict:
                raise _refused(REPLAYED) from None
        return Issued(
            id=claims.id,
            text=self._signer.mint(claims),
            lives_s=claims.expires_at - claims.issued_at,
            confirmation=claims.confirmation,
        )

    def _confirmation(self, rule: Known, shown: Shown, now: float) -> Confirmation | None:
        """Return the key that the new token is bound to: the one that was proven, and the one that the rule wants.

        Raises:
            BadToken: when the rule wants one that was not proven, or the proof is none.
        """
        proof, wanted = proven(shown, now), rule.document.proof
        if proof is not None and (again := wants_nonce(self._nonces, proof, now)) is not None:
            raise Refused(again)
        if proof is not None and not self._seen.take(proof, now):
            raise BadToken("the proof was shown before: a replay")
        if wanted is Proof.MTLS:
            if shown.certificate_hash is None:
                raise BadToken("the rule wants the new token bound to a certificate, and the connection shows none")
            return Confirmation(Proof.MTLS, shown.certificate_hash)
        if proof is None and wanted is not None:
            raise BadToken("the rule wants the new token bound to a key, and none was proven")
        return None if proof is None else Confirmation(Proof.DPOP, proof.thumbprint)

    async def _deny(self, who: Principal, rule: Known, reason: str, ask: Ask) -> None:
        """Write a refusal into the tenant's log and raise it. The rate is the rule's, whatever token was shown."""
        who = replace(who, credential=KeyId(rule.id.hex[-16:]))
        async with self._gate.permit(who, Action.TOKEN_ISSUE, _resource(rule), ask):
            raise _refused(reason)


def _resource(rule: Known) -> Resource:
    return Resource(kind=Thing.FEDERATION, id=str(rule.id), tenant=rule.tenant, environment=rule.document.environment)


def _replay(rule: Known, token: Jwt) -> bytes:
    """Return what a token is known by: its `jti`, which is its issuer's word for it; without one, what was signed.

    Never its signature: an ECDSA signature can be written in two ways.
    """
    name = token.claims.get("jti")
    issuer = rule.document.issuer.encode()
    known = b"jti\x00" + name.encode() if isinstance(name, str) and name else b"jws\x00" + token.signed
    return sha256(len(issuer).to_bytes(4, "big") + issuer + known).digest()


def _refused(reason: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.INVALID, reason=reason, tell=TELL))
