"""A release's manifest: its files by path, size and digest, as canonical JSON. Its SHA-256 is the release's identity."""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from strongroom.registry.scan.names import collisions, unplain

_HEX: Final = re.compile(r"[0-9a-f]{64}")
MOST: Final = 1 << 20


class BadManifest(ValueError):  # noqa: N818 - a value that says why
    """The bytes are no manifest."""


class File(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file.

    Attributes:
        path: within the release, with `/` between parts.
        sha256: of its bytes, in hex.
        size: in bytes.
        blake3: of its bytes, in hex; absent in manifests of version 1.
    """

    path: str
    sha256: str
    size: int
    blake3: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """The files of a release, by path. Version 1 has one digest of each, version 2 both."""

    files: tuple[File, ...]
    version: int

    def encoded(self) -> bytes:
        """Return it as canonical JSON: no space, keys and paths sorted, UTF-8."""
        files = [
            dict(sorted(msgspec.to_builtins(each).items())) for each in sorted(self.files, key=lambda each: each.path)
        ]
        return msgspec.json.encode({"files": files, "version": self.version})

    @property
    def digest(self) -> str:
        """The release's identity."""
        return f"sha256:{hashlib.sha256(self.encoded()).hexdigest()}"

    @property
    def digests(self) -> dict[str, str]:
        """SHA-256 of each file, by its path."""
        return {each.path: each.sha256 for each in self.files}


def read(data: bytes) -> Manifest:
    """Read a manifest, which is canonical or none.

    Raises:
        BadManifest: when it is none.
    """
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except msgspec.MsgspecError:
        raise BadManifest("it is no manifest") from None
    paths = [each.path for each in found.files]
    if (
        found.version not in {1, 2}
        or not paths
        or any(unplain(path) is not None for path in paths)
        or any(collisions(paths))
        or len(set(paths)) != len(paths)
        or not all(_sound(each, found.version) for each in found.files)
        or found.encoded() != data
    ):
        raise BadManifest("it is not written as a manifest is")
    return found


def _sound(file: File, version: int) -> bool:
    both = bool(_HEX.fullmatch(file.blake3)) if version > 1 else not file.blake3
    return file.size >= 0 and bool(_HEX.fullmatch(file.sha256)) and both
