"""The text of an access token: `srk_tok_<env>_<id>_<body><crc>`. It says itself what it stands for, and who signed it.

Always true here:
- the control plane alone can make one (Ed25519); gateways hold the public halves, so a gateway that was taken over makes
  no token;
- the signature covers the whole text before it, so no part can be moved to another token;
- it names a federation rule and no role: what it may do is what the rule says at the moment of use;
- a scanner knows one by its shape and checksum, as it knows a key.

The body is 124 bytes in base 62: format 1, version of the signing key 2, rule 16, issued 4, ends 4 (Unix seconds), kind
of confirmation 1 and its value 32, signature 64.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Confirmation, Environment, Proof

PREFIX: Final = "srk_tok_"
PATTERN: Final = re.compile(r"srk_tok_(?:dev|test|prod)_([0-9a-z]{16})_[0-9A-Za-z]{173}")
"""What a scanner looks for; confirm a match with `read`."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_CRC_LENGTH: Final = 6
_BODY_LENGTH: Final = 167  # 62**167 > 2**992
_HEAD: Final = struct.Struct(">BH16sIIB32s")
_BODY_BYTES: Final = _HEAD.size + 64
_FORMAT: Final = 1
_CONTEXT: Final = b"strongroom/access-token/v1\x00"
_PROOFS: Final = {1: Proof.DPOP, 2: Proof.MTLS}
_NUMBERS: Final = {proof: number for number, proof in _PROOFS.items()}
_KEPT: Final = 8_192


@dataclass(frozen=True, slots=True)
class Claims:
    """What an access token says. True once `Verifier.verify` has returned it, whatever became of the rule since."""

    id: KeyId
    environment: Environment
    rule: UUID
    issued_at: int
    expires_at: int
    confirmation: Confirmation | None


class Signer:
    """Makes tokens. The control plane's."""

    def __init__(self, version: int, seed: bytes) -> None:
        self._version: Final = version
        self._key: Final = Ed25519PrivateKey.from_private_bytes(seed)

    def mint(self, claims: Claims) -> str:
        """Return the text of a new token."""
        head = f"{PREFIX}{claims.environment}_{claims.id}_"
        confirmation = claims.confirmation
        body = _HEAD.pack(
            _FORMAT,
            self._version,
            claims.rule.bytes,
            claims.issued_at,
            claims.expires_at,
            0 if confirmation is None else _NUMBERS[confirmation.proof],
            bytes(32) if confirmation is None else confirmation.thumbprint,
        )
        signed = body + self._key.sign(_CONTEXT + head.encode("ascii") + body)
        text = head + _base62(int.from_bytes(signed, "big"), _BODY_LENGTH)
        return text + _crc_of(text)


def public_keys(seeds: Mapping[int, bytes]) -> dict[int, bytes]:
    """Return the public halves (32 bytes) of signing keys by version: all that a process needs to check tokens."""
    return {
        version: Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        for version, seed in seeds.items()
    }


class Verifier:
    """Checks tokens. One thread.

    That a signature is right never changes, so it is remembered, by a digest of the whole text (never a part of it:
    CVE-2026-35030), and a token costs its signature's check once in each process. Whether the token counts *now* is
    never remembered: that is the caller's to ask, each time.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Take the public keys by version."""
        self._keys: Final = {version: Ed25519PublicKey.from_public_bytes(key) for version, key in keys.items()}
        self._right: Final[OrderedDict[bytes, Claims]] = OrderedDict()

    def verify(self, text: str) -> Claims | None:
        """Return what `text` says, or nothing when it is no token that was made here."""
        if PATTERN.fullmatch(text) is None:
            return None
        digest = sha256(text.encode("ascii")).digest()
        known = self._right.get(digest)
        if known is None:
            known = self._check(text)
            if known is not None:
                self._right[digest] = known
                if len(self._right) > _KEPT:
                    self._right.popitem(last=False)
        return known

    def _check(self, text: str) -> Claims | None:
        if not _sum_holds(text):
            return None
        head, encoded = text[: -_BODY_LENGTH - _CRC_LENGTH], text[-_BODY_LENGTH - _CRC_LENGTH : -_CRC_LENGTH]
        number = _number(encoded)
        if number >> (8 * _BODY_BYTES):
            return None
        content = number.to_bytes(_BODY_BYTES, "big")
        body, signature = content[: _HEAD.size], content[_HEAD.size :]
        form, version, rule, issued_at, expires_at, kind, thumbprint = _HEAD.unpack(body)
        key = self._keys.get(version)
        if form != _FORMAT or key is None:
            return None
        try:
            key.verify(signature, _CONTEXT + head.encode("ascii") + body)
        except InvalidSignature:
            return None
        _, _, environment, token_id, _ = head.split("_")
        return Claims(
            KeyId(token_id),
            Environment(environment),
            UUID(bytes=rule),
            issued_at,
            expires_at,
            Confirmation(_PROOFS[kind], thumbprint) if kind else None,
        )


def read(text: str) -> KeyId | None:
    """Return the public id of `text`, or nothing when it has not the shape and checksum of a token."""
    match = PATTERN.fullmatch(text)
    return KeyId(match[1]) if match is not None and _sum_holds(text) else None


def _sum_holds(text: str) -> bool:
    return _crc_of(text[:-_CRC_LENGTH]) == text[-_CRC_LENGTH:]


def _crc_of(text: str) -> str:
    return _base62(zlib.crc32(text.encode("ascii")), _CRC_LENGTH)


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number * 62 + _VALUES[character]
    return number


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
