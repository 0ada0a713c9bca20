"""Sealing: AES-256-GCM under a key of its own for each sealing, bound to what it belongs to.

Always true here:
- a sealed text opens only with the same purpose and the same context: moved to another row, version or address, it is
  of no use; the context's parts are framed by their lengths, so no two contexts meet;
- each sealing has a fresh key (HKDF-SHA256, RFC 5869, over a random 32-byte salt), so no nonce is ever used twice;
- it commits to its key: what opens under one key opens under no other (AES-GCM alone promises no such thing);
- it names the version of the root key, so that the keyring can be rotated while what it sealed is still in use.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from strongroom.vault.keyring import Purpose, PurposeKeys

_FORMAT: Final = 1
_HEAD: Final = struct.Struct(">BI32s32s")  # format, key version, salt, commitment
_NONCE: Final = bytes(12)  # the key is used for this one message
_KEY_BYTES: Final = 32


class SealBroken(Exception):  # noqa: N818 - named for what happened
    """A sealed text cannot be opened here. The message holds no part of it."""


def seal(keys: PurposeKeys, purpose: Purpose, plain: bytes, *context: str) -> bytes:
    """Return `plain` sealed under the current key of `purpose`, bound to `context`.

    Args:
        keys: those of this process; `purpose` must be among them.
        purpose: what it is sealed for.
        plain: what nobody else may read.
        context: what it belongs to, such as an id and a version; the same must be said to open it.
    """
    version, salt, bound = keys.current, secrets.token_bytes(32), _framed(purpose, context)
    key, commitment = _derive(keys.key(purpose), salt, bound)
    return _HEAD.pack(_FORMAT, version, salt, commitment) + AESGCM(key).encrypt(_NONCE, plain, bound)


def unseal(keys: PurposeKeys, purpose: Purpose, sealed: bytes, *context: str) -> bytes:
    """Return what was sealed for `purpose` and `context`.

    Raises:
        SealBroken: when it was changed, belongs elsewhere, or was made under a key that is not held here.
    """
    if len(sealed) <= _HEAD.size:
        raise SealBroken("a sealed text is too short to be one")
    form, version, salt, stated = _HEAD.unpack_from(sealed)
    root = keys.key_of(purpose, version) if form == _FORMAT else None
    if root is None:
        raise SealBroken("a sealed text is of another format, or under a key that is not held here")
    bound = _framed(purpose, context)
    key, commitment = _derive(root, salt, bound)
    try:
        if not hmac.compare_digest(commitment, stated):
            raise InvalidTag
        return AESGCM(key).decrypt(_NONCE, sealed[_HEAD.size :], bound)
    except InvalidTag:
        raise SealBroken("a sealed text was changed, or belongs elsewhere") from None


def _derive(root: bytes, salt: bytes, bound: bytes) -> tuple[bytes, bytes]:
    """Return the key of one sealing, and the commitment to it."""
    both = HKDF(algorithm=SHA256(), length=2 * _KEY_BYTES, salt=salt, info=b"strongroom/seal/1" + bound).derive(root)
    return both[:_KEY_BYTES], both[_KEY_BYTES:]


def _framed(purpose: Purpose, context: tuple[str, ...]) -> bytes:
    parts = [part.encode() for part in (purpose, *context)]
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)
