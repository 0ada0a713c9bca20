"""What a record holds of the person it is about: a pseudonym and a salt that can go, and a commitment that stays.

Always true here:
- the text that is sealed into the log holds the commitment alone, so a record whose subject was erased still proves;
- without the salt, which goes with the pseudonym, nobody can test whom a commitment is of, the tenant included.
"""

from __future__ import annotations

import secrets
from hashlib import sha256
from typing import Final

SALT_BYTES: Final = 16
_LABEL: Final = b"strongroom/record-subject/1"


def commitment(subject: str, salt: bytes) -> bytes:
    """Return what a record's sealed text holds of its subject: once the salt is gone, it says nothing of anybody."""
    return sha256(_LABEL + salt + subject.encode()).digest()


def committed(subject: str) -> tuple[str | None, bytes | None, bytes | None]:
    """Return subject, salt and commitment as a record's row has them; of nobody, nothing."""
    if not subject:
        return None, None, None
    salt = secrets.token_bytes(SALT_BYTES)
    return subject, salt, commitment(subject, salt)
