"""Identifiers: random where others may see them, typed everywhere, validated when they are made.

No public id comes from a sequence: a neighbour's id can neither be counted nor guessed.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections import deque
from typing import Final, NewType
from uuid import UUID

TenantId = NewType("TenantId", UUID)
WorkloadId = NewType("WorkloadId", UUID)
AccountId = NewType("AccountId", UUID)
DeploymentId = NewType("DeploymentId", UUID)
KeyId = NewType("KeyId", str)
Name = NewType("Name", str)

PLATFORM: Final = TenantId(UUID(int=0))
"""Stands in the tenant's place for what belongs to the installation itself. No tenant can have it."""

_FREE: Final = (1 << 128) - 1 & ~(0xF << 76) & ~(0x3 << 62)
_VERSION_7: Final = 0x7 << 76 | 0x2 << 62
_DRAWS: Final = 64
_DRAWN: Final[deque[int]] = deque()  # of 80 random bits each; taking one is atomic, so threads share it
os.register_at_fork(after_in_child=_DRAWN.clear)  # or a child would give out what its parent does

_KEY_ID_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_KEY_ID_LENGTH: Final = 16
_KEY_ID: Final = re.compile(r"[0-9a-z]{16}")
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
NAME_RULE: Final = "1 to 63 of a-z, 0-9, '-' and '.', starting and ending with a letter or digit, without '..'"


def new_uuid() -> UUID:
    """Return a version 7 UUID (RFC 9562 §5.7): 48 bits of Unix milliseconds, the rest random."""
    try:
        drawn = _DRAWN.popleft()
    except IndexError:
        drawn = _draw()
    return UUID(int=(time.time_ns() // 1_000_000 << 80 | drawn) & _FREE | _VERSION_7)


def second_of(made: UUID) -> int:
    """Return the Unix second in which `new_uuid` made an id."""
    return (made.int >> 80) // 1000


def _draw() -> int:
    """Draw for many ids at once: the system is asked for random bytes once for all of them."""
    size = 10
    drawn = os.urandom(size * _DRAWS)
    _DRAWN.extend(int.from_bytes(drawn[at : at + size]) for at in range(size, len(drawn), size))
    return int.from_bytes(drawn[:size])


def new_key_id() -> KeyId:
    """Return the public part of a new key: 16 characters, 82 bits, no meaning."""
    return KeyId("".join(secrets.choice(_KEY_ID_ALPHABET) for _ in range(_KEY_ID_LENGTH)))


def parse_key_id(text: str) -> KeyId | None:
    """Return `text` as a key id, or nothing when it could never be one."""
    return KeyId(text) if _KEY_ID.fullmatch(text) else None


def parse_name(text: str) -> Name:
    """Return `text` as the name of a tenant, workload or model.

    ASCII only, so that no two names look alike, and nothing that a path or URL would read as structure.

    Raises:
        ValueError: with the rule, when `text` breaks it.
    """
    if not _NAME.fullmatch(text) or ".." in text:
        raise ValueError(f"a name is {NAME_RULE}")
    return Name(text)
