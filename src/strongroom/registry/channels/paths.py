"""How what a channel says becomes the files that TUF lists: their paths, lengths and hashes.

A release is its manifest, whose SHA-256 is the release's digest; whatever else is said is a document of its own.
"""

from __future__ import annotations

import hashlib

import msgspec

from strongroom.registry.channels.model import Content, Freeze, FreezeKind, Promoted, Revoked
from strongroom.registry.channels.tuf import TargetFile


def path_of(entry: Promoted | Freeze | Revoked) -> str:
    """Return the path of an entry in the list."""
    match entry:
        case Promoted():
            return f"releases/{entry.name}/{entry.version}"
        case Freeze(kind=FreezeKind.ENVIRONMENT):
            return "freezes/environment"
        case Freeze():
            return f"freezes/{entry.kind}/{entry.of}"
        case Revoked():
            return f"revoked/{entry.kind}/{entry.of}"


def document_of(entry: Freeze | Revoked) -> bytes:
    """Return what lies at an entry's path, where that is no manifest."""
    return msgspec.json.encode(entry, order="deterministic")


def file_of(entry: Promoted | Freeze | Revoked) -> TargetFile:
    """Return an entry as TUF lists it."""
    if isinstance(entry, Promoted):
        size, digest = entry.size, entry.digest.removeprefix("sha256:")
    else:
        data = document_of(entry)
        size, digest = len(data), hashlib.sha256(data).hexdigest()
    custom = msgspec.to_builtins(entry)
    return TargetFile(size, {"sha256": digest}, path_of(entry), {"custom": custom})


def files_of(content: Content) -> dict[str, TargetFile]:
    """Return all that a channel lists, by path."""
    entries: list[Promoted | Freeze | Revoked] = [*content.promoted, *content.frozen, *content.revoked]
    return {path_of(each): file_of(each) for each in entries}
