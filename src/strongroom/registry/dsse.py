"""DSSE envelopes (github.com/secure-systems-lab/dsse, protocol 1.0.2): a statement, signed as the bytes it is.

Always true here:
- what is signed names its type, so a signature over one kind of document is none over another;
- what is verified is decoded once, and what is returned is what was verified;
- a key id is a hint for people; which key signed is found by trying the trusted ones.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from strongroom.signatures.keys import Algorithm, PublicKey, SecretKey

IN_TOTO: Final = "application/vnd.in-toto+json"
MOST: Final = 64 << 20
_HALF: Final = 32


class BadEnvelope(ValueError):  # noqa: N818 - said to a person
    """The bytes are no envelope that a trusted key signed; the message says why."""


class Signature(msgspec.Struct, frozen=True, omit_defaults=True):
    """One signature, in base64. Its key id is a hint that some write as `null`, and that nothing here asks."""

    sig: str
    keyid: str | None = ""


class Envelope(msgspec.Struct, frozen=True, rename="camel"):
    """A payload of a type, and who signed it."""

    payload: str
    payload_type: str
    signatures: tuple[Signature, ...]


def encoded(payload_type: str, payload: bytes) -> bytes:
    """Return what is signed (DSSE's pre-authentication encoding)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, keys: Iterable[SecretKey], payload_type: str = IN_TOTO) -> bytes:
    """Return an envelope of `payload`, signed by each of `keys`."""
    message = encoded(payload_type, payload)
    signatures = tuple(
        Signature(sig=base64.b64encode(_written(key, key.sign(message))).decode(), keyid=key.public.id) for key in keys
    )
    return msgspec.json.encode(
        Envelope(payload=base64.b64encode(payload).decode(), payload_type=payload_type, signatures=signatures)
    )


def verify(envelope: bytes, trusted: Iterable[PublicKey], payload_type: str = IN_TOTO) -> tuple[bytes, PublicKey]:
    """Return the payload of an envelope, and the trusted key that signed it.

    Raises:
        BadEnvelope: when it is none, is of another type, or no trusted key signed it.
    """
    payload, message, signatures = opened(envelope, payload_type)
    for key in trusted:
        if any(key.verifies(_read(key, signature), message) for signature in signatures):
            return payload, key
    raise BadEnvelope("none of the trusted keys signed it")


def opened(envelope: bytes, payload_type: str = IN_TOTO) -> tuple[bytes, bytes, list[bytes]]:
    """Return the payload, what is signed, and the signatures, of an envelope that nobody has verified yet.

    Raises:
        BadEnvelope: when it is none, or is of another type.
    """
    if len(envelope) > MOST:
        raise BadEnvelope("it is too large for an envelope")
    try:
        read = msgspec.json.decode(envelope, type=Envelope)
        payload = _unbase64(read.payload)
        signatures = [_unbase64(each.sig) for each in read.signatures]
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise BadEnvelope("it is no envelope") from None
    if read.payload_type != payload_type:
        raise BadEnvelope("it holds a document of another type")
    if not signatures:
        raise BadEnvelope("nobody signed it")
    return payload, encoded(read.payload_type, payload), signatures


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error:
        raise ValueError(text) from None


def _written(key: SecretKey, raw: bytes) -> bytes:
    if key.public.algorithm is Algorithm.ED25519:
        return raw
    return encode_dss_signature(int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big"))


def _read(key: PublicKey, signature: bytes) -> bytes:
    """Return a signature as `PublicKey` takes it; empty when it is no signature of its kind."""
    if key.algorithm is Algorithm.ED25519:
        return signature
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")
    except (ValueError, OverflowError):
        return b""
