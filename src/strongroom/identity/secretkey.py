"""The text of a key: `srk_<kind>_<env>_<id>_<secret><crc>`.

The fixed shape and the checksum let a scanner recognise one in any text without asking a server, and let the gateway
drop garbage before it does any cryptography. The id is public; the secret has 256 bits, so a plain keyed hash is enough
at rest (a slow hash would be a denial-of-service lever).
"""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import dataclass
from typing import Final

from strongroom.kernel.ids import KeyId, new_key_id
from strongroom.kernel.principal import Environment, Role

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43  # 62**43 > 2**256
_CRC_LENGTH: Final = 6  # 62**6 > 2**32

_KINDS: Final = {
    Role.INFERENCE: "inf",
    Role.EVALUATION: "evl",
    Role.INGESTION: "ing",
    Role.TRAINING: "trn",
    Role.SUPPORT: "sup",
    Role.NOTEBOOK: "nbk",
    Role.DELIVERY: "dlv",
    Role.OPERATOR: "opr",
    Role.APPROVER: "apr",
    Role.TENANT_ADMIN: "tad",
    Role.AUDITOR: "aud",
    Role.TENANT_AUDITOR: "tau",
}
_EVERYWHERE: Final = "all"
_ROLES: Final = {kind: role for role, kind in _KINDS.items()}

PATTERN: Final = re.compile(
    r"srk_(?:inf|evl|ing|trn|sup|nbk|dlv|opr|apr|tad|aud|tau)_(?:dev|test|prod|all)_([0-9a-z]{16})_[0-9A-Za-z]{49}"
)
"""What a scanner looks for; confirm a match with `read`."""

LONGEST: Final = len("srk_inf_test_") + 16 + 1 + _SECRET_LENGTH + _CRC_LENGTH
"""Characters of the longest key."""


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A whole key, in the one moment in which Strongroom has it."""

    id: KeyId
    text: str

    def __repr__(self) -> str:
        """Show the public id only."""
        return f"SecretKey({self.id})"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Told:
    """What the text of a key tells of itself: what it was made for, and so the most that it can ever stand for."""

    id: KeyId
    role: Role
    environment: Environment | None


def mint(role: Role, environment: Environment | None) -> SecretKey:
    """Return a new key for `role`, marked with `environment` (None: not bound to one)."""
    key_id = new_key_id()
    secret = _base62(secrets.randbits(256), _SECRET_LENGTH)
    body = f"srk_{_KINDS[role]}_{environment or _EVERYWHERE}_{key_id}_{secret}"
    return SecretKey(key_id, body + _crc(body))


def read(text: str) -> KeyId | None:
    """Return the public id of `text`, or nothing when it is no key of ours or was mistyped."""
    told = parse(text)
    return None if told is None else told.id


def parse(text: str) -> Told | None:
    """Return what `text` tells of itself, or nothing when it is no key of ours or was mistyped."""
    match = PATTERN.fullmatch(text)
    if match is None or _crc(text[:-_CRC_LENGTH]) != text[-_CRC_LENGTH:]:
        return None
    _, kind, environment, key_id, _ = text.split("_")
    return Told(KeyId(key_id), _ROLES[kind], None if environment == _EVERYWHERE else Environment(environment))


def _crc(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CRC_LENGTH)


def _base62(number: int, length: int) -> str:
    digits: list[str] = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
