"""A model's files by path and digest, all of them, or a reason why it is no model that can be signed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

from blake3 import blake3

from strongroom.registry.scan.jsonread import shown
from strongroom.registry.scan.names import collisions, unplain
from strongroom.registry.scan.tree import Entry, TooLarge, Tree, kind_of

_CHUNK: Final = 1 << 20
ITSELF: Final = "."
"""What `model-signing` calls the one file of a model that is a file."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


Progress = Callable[[str, int], None]
"""Told of each part that was read: of which file, and how many bytes."""
HASHES: Final[Mapping[str, Callable[[], _Hash]]] = {
    "sha256": hashlib.sha256,
    "blake2b": hashlib.blake2b,
    "blake3": blake3,
}
"""What `model-signing` hashes files by."""


class NotAModel(ValueError):  # noqa: N818 - said to a person
    """What is there cannot be signed, or be what was signed; the message says why."""


def digests(
    path: Path, *, algorithm: str = "sha256", without: Path | None = None, progress: Progress | None = None
) -> dict[str, str]:
    """Return the digest of every file of a model, in hex, by its path.

    Args:
        path: a directory, or a single file, which is called `.`.
        algorithm: one of `HASHES`.
        without: the signature's own file, which is no part of the model; by what it is, not by its name.
        progress: told of each part.

    Raises:
        NotAModel: for a link, a pipe, a name that two systems read two ways, and whatever else cannot be one.
        OSError: when something cannot be read.
    """
    if path.is_symlink() or not path.is_dir():
        odd = kind_of(path.lstat().st_mode)
        if odd:
            raise NotAModel(f"{path} is {odd}")
        tree = Tree(path.absolute().parent)
        try:
            return {ITSELF: _digest(tree, path.name, algorithm, progress)}
        finally:
            tree.close()
    tree = Tree(path)
    try:
        skipped = _identity(without)
        entries = [entry for entry in _listed(tree) if entry.inode != skipped]
        _plain(entries)
        return {entry.path: _digest(tree, entry.path, algorithm, progress) for entry in entries}
    finally:
        tree.close()


def _listed(tree: Tree) -> list[Entry]:
    try:
        return list(tree.entries())
    except TooLarge as error:
        raise NotAModel(str(error)) from None


def _plain(entries: list[Entry]) -> None:
    for entry in entries:
        if entry.why:
            raise OSError(0, entry.why, entry.path)
        if entry.odd:
            raise NotAModel(f"{shown(entry.path)} is {entry.odd}")
        if entry.empty:
            raise NotAModel(f"{shown(entry.path)} is a directory with nothing in it, which no signature covers")
        if (why := unplain(entry.path)) is not None:
            raise NotAModel(why.rstrip("."))
    for first, second in collisions(entry.path for entry in entries):
        raise NotAModel(f"{shown(first)} and {shown(second)} are one to some file systems")
    if not entries:
        raise NotAModel("there is no file in it")


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        about = path.lstat()
    except FileNotFoundError:
        return None
    return about.st_dev, about.st_ino


def _digest(tree: Tree, path: str, algorithm: str, progress: Progress | None) -> str:
    hasher = HASHES[algorithm]()
    with tree.open(path) as descriptor:
        before = os.fstat(descriptor)
        while data := os.read(descriptor, _CHUNK):
            hasher.update(data)
            if progress is not None:
                progress(path, len(data))
        after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns, before.st_ctime_ns) != (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    ):
        raise OSError(0, "it changed while it was read", path)
    return hasher.hexdigest()
