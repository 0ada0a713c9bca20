"""One file at rest: a head with its own wrapped key, then chunks of AES-256-GCM, each bound to its file and place.

Always true here:
- each file has a random key of its own, wrapped for its owner by the vault (`DataKeys.seal`);
- a chunk opens in its own file, at its own place, and as the last one only where it is the last: chunks that are taken
  out, swapped, repeated or cut off at the end do not open;
- a nonce is random, never counted: a chunk that was sent again after a crash may hold other bytes.

    file  = "SRW1" | id (16) | length of wrapped key (2) | wrapped key | chunk…
    chunk = nonce (12) | ciphertext of up to 1 MiB | tag (16)
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from strongroom.vault import DataKeys

PART: Final = 1 << 20
"""Bytes of a whole chunk; only a file's last one is shorter."""

OBJECT: Final = "release-file"
_MAGIC: Final = b"SRW1"
_ID, _NONCE, _TAG = 16, 12, 16
_LENGTH: Final = 2
_FIXED: Final = len(_MAGIC) + _ID + _LENGTH
_RECORD: Final = _NONCE + PART + _TAG


Read: TypeAlias = Callable[[int, int], bytes]
"""Returns so many bytes of a file from a place on, fewer only at its end: `partial(os.pread, descriptor)`, for one."""


class Broken(Exception):  # noqa: N818 - named for what happened
    """A stored file is not what was stored. The message says how, and holds nothing of it."""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before a file's chunks."""

    id: bytes
    wrapped: bytes = field(repr=False)

    @property
    def encoded(self) -> bytes:
        """As it is written."""
        return _MAGIC + self.id + len(self.wrapped).to_bytes(_LENGTH, "big") + self.wrapped

    @property
    def name(self) -> tuple[str, str]:
        """What the wrapped key is bound to."""
        return OBJECT, self.id.hex()


def begin(keys: DataKeys) -> tuple[Head, bytes]:
    """Return the head of a new file, and its key."""
    identity, key = secrets.token_bytes(_ID), secrets.token_bytes(32)
    return Head(identity, keys.seal(key, OBJECT, identity.hex())), key


def read_head(read: Read) -> Head:
    """Return a file's head.

    Raises:
        Broken: when it has none.
    """
    fixed = read(_FIXED, 0)
    length = int.from_bytes(fixed[-_LENGTH:], "big")
    wrapped = read(length, _FIXED)
    if len(fixed) != _FIXED or not fixed.startswith(_MAGIC) or len(wrapped) != length:
        raise Broken("it is no sealed file")
    return Head(fixed[len(_MAGIC) : len(_MAGIC) + _ID], wrapped)


def close(head: Head, key: bytes, index: int, plain: bytes, *, last: bool) -> bytes:
    """Return chunk `index` of a file, sealed."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, _bound(head, index, last=last))


def where(head: Head, index: int) -> int:
    """Return where chunk `index` of a file begins."""
    return len(head.encoded) + index * _RECORD


def count(size: int) -> int:
    """Return how many chunks a file of `size` bytes has: an empty one has one, so that its end is sealed as well."""
    return max(1, -(-size // PART))


def whole(head: Head, length: int) -> int:
    """Return how many whole chunks a file of that length, which is still being written, has."""
    return max(0, (length - len(head.encoded)) // _RECORD)


def chunks(
    read: Read, length: int, head: Head, key: bytes, *, first: int = 0, upto: int | None = None
) -> Iterator[bytes]:
    """Yield a file's plain chunks, in order.

    Args:
        read: reads the file.
        length: how many bytes it has.
        head: its head.
        key: its key.
        first: the chunk to begin with.
        upto: the chunk to stop before, of a file that is still being written; None: to the end, which must be sealed as
            the end.

    Raises:
        Broken: when a chunk was changed, moved or cut off.
    """
    index, cipher = first, AESGCM(key)
    while upto is None or index < upto:
        at = where(head, index)
        record = read(_RECORD, at)
        last = upto is None and at + len(record) >= length
        try:
            if len(record) < _NONCE + _TAG:
                raise InvalidTag
            yield cipher.decrypt(record[:_NONCE], record[_NONCE:], _bound(head, index, last=last))
        except InvalidTag:
            raise Broken(f"its bytes from {index * PART} on were changed, moved or cut off") from None
        if last:
            return
        index += 1


def _bound(head: Head, index: int, *, last: bool) -> bytes:
    return b"strongroom/content/1" + head.id + index.to_bytes(8, "big") + bytes([last])
