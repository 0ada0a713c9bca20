"""Registering approvers' own keys, and listing them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from strongroom.identity import account_tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry import dsse
from strongroom.registry.admission import tables
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.ownkeys import Certificate, certified, check_claim
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Channel
from strongroom.registry.channels.reader import Reader
from strongroom.signatures.keys import BadKey, PublicKey

MAX_DAYS: Final = 730


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """An approver's own key, as it is listed.

    Attributes:
        approver: whose, by name.
        id: of the key, by which it is revoked as a signer.
        algorithm: what it signs with.
        registered_at: since when it counts.
        expires_at: until when it signs.
        status: whether it signs now.
    """

    approver: str
    id: str
    algorithm: str
    registered_at: datetime
    expires_at: datetime
    status: str


class Registrar:
    """Registers approvers' own keys."""

    def __init__(self, gate: Gate, keys: RegistryKeys, reader: Reader, clock: Clock) -> None:
        self._gate = gate
        self._keys = keys
        self._reader = reader
        self._clock = clock

    async def add(self, who: Principal, public_key: str, proof: str, days: int, ask: Ask) -> OwnKey:
        """Register a public key as the caller's own.

        Args:
            who: the approver.
            public_key: PEM or JWK, Ed25519 or ECDSA on P-256.
            proof: a claim signed by it (`ownkeys.claim`).
            days: how long it signs.
            ask: the request.

        Raises:
            Refused: INVALID for what is no key, or a proof that is not by it; CONFLICT when it is registered already, by
                whomever.
        """
        resource = Resource(kind=Kind.ACCOUNT, id=who.name)
        async with self._gate.permit_platform(who, Action.APPROVER_ADD_KEY, resource, ask) as tx:
            account = await account_tables.account_named(tx, who.name)
            if account is None:
                raise Refused(hidden("a key of nobody's account"))
            try:
                key = PublicKey.read(public_key)
                check_claim(proof.encode(), who.name, key)
            except BadKey as error:
                raise Refused(invalid(f"{str(error)[0].upper()}{str(error)[1:]}.", param="public_key")) from None
            except dsse.BadEnvelope:
                tell = "The proof is not a claim of this account on this key, signed by it."
                raise Refused(invalid(tell, param="proof")) from None
            known = [each for held in (await tables.own_keys(tx, self._keys)).values() for each in held]
            if any(each.key == key.spki for each in known):
                tell = "This key is registered already; one key is one person's, once."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell, param="public_key"))
            now = self._clock.now()
            certificate = Certificate(
                account=account.id, name=account.name, key=key.spki, registered=now, expires=now + timedelta(days=days)
            )
            await tables.insert_key(tx, account.id, key.id, certified(certificate, self._keys.registrar()), now)
            return _shown(certificate, now, revoked=False)

    async def list(self, who: Principal, ask: Ask) -> list[OwnKey]:
        """Return every approver's own keys."""
        resource = Resource(kind=Kind.RELEASE)
        async with self._gate.permit_platform(who, Action.MODEL_LIST, resource, ask) as tx:
            held = await tables.own_keys(tx, self._keys)
            try:
                content = (await self._reader.open(tx, Channel.REVOCATIONS)).content
            except Untrusted:
                content = None
            now = self._clock.now()
            return [
                _shown(each, now, revoked=content is None or content.revoked_signer(each.public.id) is not None)
                for account in held.values()
                for each in account
            ]


def _shown(certificate: Certificate, now: datetime, *, revoked: bool) -> OwnKey:
    key = certificate.public
    return OwnKey(
        approver=certificate.name,
        id=key.id,
        algorithm=str(key.algorithm),
        registered_at=certificate.registered,
        expires_at=certificate.expires,
        status="revoked" if revoked else "active" if now < certificate.expires else "expired",
    )
