"""What a scan tells. Nothing here holds a secret whole."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

_SHOWN: Final = 6
_SHARE: Final = 4
_PUBLIC_PARTS: Final = 4


class Hit(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A key in a file.

    Attributes:
        path: the file; within an archive `archive!/member`.
        line: counted from 1; 0 where a file has no lines (a member that is no text).
        column: counted from 1, in bytes.
        kind: `strongroom_key`, `strongroom_token`, `api_key`, `cloud_key`, `jwt`, `private_key`, `webhook`,
            `url_credentials` or `custom`.
        rule: whose key it is, or the name of a pattern of one's own.
        shown: the beginning of it, and how long it is; of a Strongroom key its public part.
        fingerprint: what a baseline and an allow-list name it by: SHA-256 of it, 16 digits.
        where: the cell of a notebook, else empty.
    """

    path: str
    line: int
    column: int
    kind: str
    rule: str
    shown: str
    fingerprint: str
    where: str = ""


class Unreadable(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """What could not be read, and so is not known to be clean."""

    path: str
    why: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a scan. `allowed` counts what an allow-list, a baseline or a mark in the line let pass."""

    hits: tuple[Hit, ...]
    unreadable: tuple[Unreadable, ...]
    files: int
    bytes: int
    allowed: int
    seconds: float


def fingerprint(secret: bytes) -> str:
    """Return what names a secret without being it: 64 bits of its SHA-256; who guesses it must guess the secret."""
    return hashlib.sha256(b"strongroom/leak/1\0" + secret).hexdigest()[:16]


def shown(secret: bytes) -> str:
    """Return the beginning of a secret and its length: enough to find it by, too little to use."""
    text = secret.decode("latin-1")
    if text.startswith("srk_"):
        return f"{'_'.join(text.split('_')[:_PUBLIC_PARTS])}_… ({len(text)} characters)"
    if text.startswith("-----BEGIN"):
        return f"{text[: text.find('-----', 10) + 5]} … ({len(text)} characters)"
    head = "".join(each if each.isprintable() else "?" for each in text[: min(_SHOWN, len(text) // _SHARE)])
    return f"{head}… ({len(text)} characters)"
