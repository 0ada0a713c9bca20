"""The files that the browser fetches beside a page: read once, served under a name that changes with their content.

The whole tree has one hash, so that a style sheet can name its neighbours by relative path. An address with another
hash is nothing: a page is never dressed in files of another version.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final, Self

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    media_type: str
    content: bytes


class Assets:
    """Every file of `static/` that a browser may have."""

    def __init__(self, files: dict[str, Asset]) -> None:
        self._files: Final = files
        self.version: Final = _digest(files)

    @classmethod
    def load(cls) -> Self:
        """Read what comes with the product. Licences and notes stay on disk."""
        return cls(dict(_walk(resources.files("strongroom.console").joinpath("static"), "")))

    def url(self, name: str) -> str:
        """Return where `name` is served from.

        Raises:
            KeyError: when there is no such file; a template with a typing mistake fails, not the page's look.
        """
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def find(self, version: str, name: str) -> Asset | None:
        """Return the file at an address, if it is one of this version's."""
        return self._files.get(name) if version == self.version else None


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Asset]]:
    found: list[tuple[str, Asset]] = []
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        name = f"{prefix}{entry.name}"
        media_type = _TYPES.get(entry.name.rpartition(".")[2])
        if entry.is_dir():
            found += _walk(entry, f"{name}/")
        elif media_type is not None:
            found.append((name, Asset(media_type, entry.read_bytes())))
    return found


def _digest(files: dict[str, Asset]) -> str:
    digest = hashlib.sha256()
    for name, asset in sorted(files.items()):
        digest.update(f"{name}\0{len(asset.content)}\0".encode())
        digest.update(asset.content)
    return digest.hexdigest()[:16]
