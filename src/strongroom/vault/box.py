"""One sealed message: AES-256-GCM under a key made for it, with a commitment to that key.

Always true here:
- each message has a fresh key (HKDF-SHA256, RFC 5869, over a random 32-byte salt), so no nonce is ever used twice;
- what opens under one key opens under no other: AES-GCM alone promises no such thing, the stored commitment does;
- what a message is bound to is framed by lengths, so no two lists of parts meet.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES: Final = 32
_SALT_BYTES: Final = 32
_HEAD_BYTES: Final = _SALT_BYTES + KEY_BYTES
_NONCE: Final = bytes(12)  # the key is used for this one message


class SealBroken(Exception):  # noqa: N818 - named for what happened
    """A sealed text cannot be opened here. The message holds no part of it."""


def close(root: bytes, label: bytes, plain: bytes, bound: bytes) -> bytes:
    """Return salt, commitment and ciphertext of `plain`.

    Args:
        root: the 32-byte key that the message's own key is made from.
        label: which construction this is; two of them never share a key.
        plain: what nobody else may read.
        bound: what it belongs to; the same must be said to open it.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    key, commitment = _derive(root, label, salt, bound)
    return salt + commitment + AESGCM(key).encrypt(_NONCE, plain, bound)


def disclose(root: bytes, label: bytes, sealed: bytes, bound: bytes) -> bytes:
    """Return what `close` closed under the same root, label and binding.

    Raises:
        SealBroken: when it was changed, is not whole, or belongs elsewhere.
    """
    if len(sealed) < _HEAD_BYTES:
        raise SealBroken("a sealed text is too short to be one")
    salt, stated = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:_HEAD_BYTES]
    key, commitment = _derive(root, label, salt, bound)
    try:
        if not hmac.compare_digest(commitment, stated):
            raise InvalidTag
        return AESGCM(key).decrypt(_NONCE, sealed[_HEAD_BYTES:], bound)
    except InvalidTag:
        raise SealBroken("a sealed text was changed, or belongs elsewhere") from None


def framed(*parts: str) -> bytes:
    """Return the parts, each with its length before it."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(8, "big") + part for part in encoded)


def _derive(root: bytes, label: bytes, salt: bytes, bound: bytes) -> tuple[bytes, bytes]:
    """Return the key of one message, and the commitment to it."""
    both = HKDF(algorithm=SHA256(), length=2 * KEY_BYTES, salt=salt, info=label + bound).derive(root)
    return both[:KEY_BYTES], both[KEY_BYTES:]
