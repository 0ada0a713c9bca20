"""Approvers' own keys: whose they are, and what was signed with them.

Always true here:
- the secret half never comes here: an approver signs where the key is, and to register it shows once that it is theirs;
- whose key it is says a certificate that the installation signed, so a row that somebody wrote makes no approver;
- when an approval came says a receipt: a key that had ended by then has signed nothing, whatever its statement claims.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from strongroom.registry import dsse
from strongroom.signatures.keys import PublicKey, SecretKey

CLAIM: Final = "application/vnd.strongroom.approver-key-claim+json"
CERTIFICATE: Final = "application/vnd.strongroom.approver-key+json"
RECEIPT: Final = "application/vnd.strongroom.approval-receipt+json"


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an approver signs to register a key: for which account, and which key."""

    account: str
    key: str


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key it is.

    Attributes:
        account: of the approver.
        name: of the account.
        key: SubjectPublicKeyInfo.
        registered: from when on it counts.
        expires: until when it signs.
    """

    account: UUID
    name: str
    key: bytes
    registered: datetime
    expires: datetime

    @property
    def public(self) -> PublicKey:
        """The key."""
        return PublicKey.of(self.key)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """When an approval came, from whom, and the envelope that came."""

    account: UUID
    received: datetime
    statement: bytes


def claim(account: str, key: SecretKey) -> bytes:
    """Return what shows that `key` is held by who registers it for `account`."""
    return dsse.sign(msgspec.json.encode(Claim(account, key.public.id)), [key], CLAIM)


def check_claim(envelope: bytes, account: str, key: PublicKey) -> None:
    """Refuse a claim that is not about `key` and `account`, or is not signed by `key`.

    Raises:
        BadEnvelope: saying so.
    """
    payload, _ = dsse.verify(envelope, [key], CLAIM)
    if payload != msgspec.json.encode(Claim(account, key.id)):
        raise dsse.BadEnvelope("it claims another key, or for another account")


def certified(certificate: Certificate, registrar: SecretKey) -> bytes:
    """Return a certificate, signed."""
    return dsse.sign(msgspec.json.encode(certificate), [registrar], CERTIFICATE)


def read_certificates(envelopes: Iterable[bytes], registrars: list[PublicKey]) -> list[Certificate]:
    """Return the certificates that the installation signed; what anybody else wrote is left out."""
    found: list[Certificate] = []
    for envelope in envelopes:
        try:
            payload, _ = dsse.verify(envelope, registrars, CERTIFICATE)
            found.append(msgspec.json.decode(payload, type=Certificate))
        except (dsse.BadEnvelope, msgspec.MsgspecError):
            continue
    return found


def received(receipt: Receipt, registrar: SecretKey) -> bytes:
    """Return a receipt, signed."""
    return dsse.sign(msgspec.json.encode(receipt), [registrar], RECEIPT)


def read_receipt(envelope: bytes, registrars: list[PublicKey]) -> Receipt:
    """Return a receipt.

    Raises:
        BadEnvelope: when it is none that the installation signed.
    """
    payload, _ = dsse.verify(envelope, registrars, RECEIPT)
    try:
        return msgspec.json.decode(payload, type=Receipt)
    except msgspec.MsgspecError:
        raise dsse.BadEnvelope("it is no receipt") from None
