"""Keys of subjects, as both keystores keep them: random, wrapped by a data key of their tenant, each for one use.

Always true here:
- a subject's name in a keystore is its pseudonym, in a shape that is safe as a file's name and a path's part;
- a wrapped key opens for its own tenant, subject and use alone, and not at all once the tenant's keys are destroyed;
- a key that is made after another was destroyed is another key: what the old one sealed stays closed.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from strongroom.kernel.ids import TenantId
from strongroom.vault.box import KEY_BYTES
from strongroom.vault.envelope import DataKeys, Scope
from strongroom.vault.keystore import KeysDestroyed, Material, Use

PREFIX: Final = "sub_"
_SUBJECT: Final = re.compile(r"sub_[0-9a-f]{32}")
_INCARNATION: Final = 16


def is_subject(text: str) -> bool:
    """Whether a text has the shape of a subject's pseudonym."""
    return _SUBJECT.fullmatch(text) is not None


def checked(subject: str) -> str:
    """Return `subject`, which goes into names of files and paths.

    Raises:
        ValueError: when it is no pseudonym.
    """
    if not is_subject(subject):
        raise ValueError("a subject is named by its pseudonym here")
    return subject


def made(wrapping: Material, tenant: TenantId, subject: str, use: Use) -> bytes:
    """Return a fresh key of a subject, wrapped."""
    plain = secrets.token_bytes(_INCARNATION + KEY_BYTES)
    return _keys(wrapping, tenant).seal(plain, subject, use)


def opened(wrapping: Material, tenant: TenantId, subject: str, use: Use, wrapped: bytes) -> Material:
    """Return the key that `made` wrapped.

    Raises:
        SealBroken: when it was changed, or belongs elsewhere.
    """
    plain = _keys(wrapping, tenant).unseal(wrapped, subject, use)
    return Material(plain[:_INCARNATION].hex(), {1: plain[_INCARNATION:]}, 1)


def none_there() -> KeysDestroyed:
    """Return what is said of a subject that has no key of that use."""
    return KeysDestroyed("this subject has no such key: it was destroyed, or nothing was sealed")


def _keys(wrapping: Material, tenant: TenantId) -> DataKeys:
    return DataKeys(Scope(tenant, Use.SUBJECT_KEY), wrapping)
