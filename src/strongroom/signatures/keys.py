"""Keys that sign and keys that verify: Ed25519 and ECDSA on P-256, nothing else.

A key's id is the SHA-256 of its SubjectPublicKeyInfo, cut to 128 bits, in hexadecimal: both sides compute it, so nobody
has to tell the other.
"""

from __future__ import annotations

import base64
import json
from enum import StrEnum, unique
from hashlib import sha256
from typing import Any, Final, Self, cast

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

MAX_FILE_BYTES: Final = 16 * 1024
SIGNATURE_BYTES: Final = 64  # RFC 9421 §3.3.4 (r ‖ s) and §3.3.6: the same for both algorithms
_COORDINATE: Final = 32
_ID_DIGITS: Final = 32
_ECDSA: Final = ECDSA(SHA256())

# Points whose order divides 8. Under such a key a signature can be made without any secret (RFC 8032 verification does
# not look), so it would be everybody's. The sign bit does not matter.
_SMALL_ORDER: Final = frozenset(
    int.from_bytes(bytes.fromhex(point), "little")
    for point in (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    )
)
_SIGN_BIT: Final = 1 << 255


class BadKey(ValueError):  # noqa: N818 - said to a person
    """A text is no key that is taken here; the message says why, in words."""


@unique
class Algorithm(StrEnum):
    """What a key signs with, as RFC 9421 §6.2.2 registers it."""

    ED25519 = "ed25519"
    P256 = "ecdsa-p256-sha256"


class PublicKey:
    """A key that verifies."""

    __slots__ = ("_key", "algorithm", "id", "spki")

    def __init__(self, key: Ed25519PublicKey | EllipticCurvePublicKey) -> None:
        self._key = key
        self.algorithm = Algorithm.ED25519 if isinstance(key, Ed25519PublicKey) else Algorithm.P256
        self.spki: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.id = sha256(self.spki).hexdigest()[:_ID_DIGITS]

    def __repr__(self) -> str:
        """Name the key."""
        return f"PublicKey({self.id})"

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` (64 bytes) is this key's over `message`."""
        if len(signature) != SIGNATURE_BYTES:
            return False
        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, message)
            else:
                r, s = (int.from_bytes(part, "big") for part in (signature[:_COORDINATE], signature[_COORDINATE:]))
                self._key.verify(encode_dss_signature(r, s), message, _ECDSA)
        except InvalidSignature:
            return False
        return True

    def pem(self) -> str:
        """Return the key as PEM (SubjectPublicKeyInfo)."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def jwk(self) -> dict[str, str]:
        """Return the key as a JSON Web Key (RFC 7517; RFC 8037 for Ed25519)."""
        if isinstance(self._key, Ed25519PublicKey):
            raw = self._key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            shape = {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "x": _base64url(raw)}
        else:
            numbers = self._key.public_numbers()
            x, y = (_base64url(number.to_bytes(_COORDINATE, "big")) for number in (numbers.x, numbers.y))
            shape = {"kty": "EC", "crv": "P-256", "alg": "ES256", "x": x, "y": y}
        return {**shape, "use": "sig", "kid": self.id}

    @classmethod
    def read(cls, text: str) -> Self:
        """Read a public key: PEM, or a JSON Web Key.

        Raises:
            BadKey: for anything else; a private key too, which has no business leaving its owner.
        """
        if len(text) > MAX_FILE_BYTES:
            raise BadKey("this is too long for a key")
        if "PRIVATE KEY" in text:
            raise BadKey("this is a private key: give the public one, and keep this where it is")
        try:
            if text.lstrip().startswith("{"):
                return cls(_checked(_of_jwk(json.loads(text))))
            return cls(_checked(load_pem_public_key(text.encode("ascii"))))
        except BadKey:
            raise
        except (ValueError, TypeError, KeyError, UnsupportedAlgorithm, RecursionError):
            raise BadKey("this is no public key in PEM (`-----BEGIN PUBLIC KEY-----`) or JWK") from None

    @classmethod
    def of(cls, spki: bytes) -> Self:
        """Read a public key from its SubjectPublicKeyInfo (DER).

        Raises:
            BadKey: when it is none that is taken here.
        """
        try:
            return cls(_checked(load_der_public_key(spki)))
        except BadKey:
            raise
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadKey("this is no public key") from None


class SecretKey:
    """A key that signs."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey | EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    def __repr__(self) -> str:
        """Name the key, never show it."""
        return f"SecretKey({self.public.id})"

    def sign(self, message: bytes) -> bytes:
        """Return this key's signature over `message`, 64 bytes."""
        if isinstance(self._key, Ed25519PrivateKey):
            return self._key.sign(message)
        r, s = decode_dss_signature(self._key.sign(message, _ECDSA))
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")

    def pem(self) -> str:
        """Return the private key as unencrypted PEM (PKCS #8), for a file that only its owner can read."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")

    @classmethod
    def generate(cls) -> Self:
        """Make a new Ed25519 key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def of_seed(cls, seed: bytes) -> Self:
        """Return the Ed25519 key of a 32-byte seed (RFC 8032 §5.1.5)."""
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def read(cls, text: str) -> Self:
        """Read an unencrypted private key in PEM.

        Raises:
            BadKey: when it is none that is taken here.
        """
        try:
            key = load_pem_private_key(text.encode("ascii"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadKey("this is no unencrypted private key in PEM") from None
        if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
            return cls(key)
        if isinstance(key, Ed25519PrivateKey):
            return cls(key)
        raise BadKey("only Ed25519 keys and ECDSA keys on P-256 are taken here")


def read_trusted(text: str) -> dict[str, PublicKey]:
    """Return the public keys of a file, by their ids: a JWK set, one JWK, or PEM blocks one after the other.

    Raises:
        BadKey: when the file holds none, or something else.
    """
    try:
        document: Any = json.loads(text) if text.lstrip().startswith("{") else None
    except ValueError:
        raise BadKey("this is neither JSON nor PEM") from None
    if document is None:
        end = "-----END PUBLIC KEY-----"
        found = [PublicKey.read(part + end) for part in text.split(end)[:-1]]
    else:
        each: Any = document.get("keys", [document])
        keys = cast("list[object]", each) if isinstance(each, list) else []
        found = [PublicKey.read(json.dumps(key)) for key in keys]
    if not found:
        raise BadKey("there is no public key in it")
    return {key.id: key for key in found}


def _checked(key: object) -> Ed25519PublicKey | EllipticCurvePublicKey:
    if isinstance(key, Ed25519PublicKey):
        point = int.from_bytes(key.public_bytes(Encoding.Raw, PublicFormat.Raw), "little")
        if point & ~_SIGN_BIT in _SMALL_ORDER:
            raise BadKey("under this key anybody could sign: it is a point of small order")
        return key
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    raise BadKey("only Ed25519 keys and ECDSA keys on P-256 are taken here")


def _of_jwk(document: object) -> object:
    fields = cast("dict[str, Any]", document)
    if "d" in fields or "k" in fields:
        raise BadKey("this is a private key: give the public one, and keep this where it is")
    kind = fields.get("kty"), fields.get("crv")
    if kind == ("OKP", "Ed25519"):
        return Ed25519PublicKey.from_public_bytes(_unbase64url(fields["x"]))
    if kind == ("EC", "P-256"):
        x, y = (int.from_bytes(_unbase64url(fields[name]), "big") for name in ("x", "y"))
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    raise BadKey("only Ed25519 keys and ECDSA keys on P-256 are taken here")


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _unbase64url(text: str) -> bytes:
    return base64.b64decode(text.translate(str.maketrans("-_", "+/")) + "=" * (-len(text) % 4), validate=True)
