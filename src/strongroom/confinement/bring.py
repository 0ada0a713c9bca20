"""Brings directories to where every user can read them, as hard links where it can, under a name of their contents.

Always true here: a tree appears whole or not at all, its name says what it was made from, and the one before it stays,
because a process may still run from it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OTHERS_ENTER, _OTHERS_READ = stat.S_IXOTH, stat.S_IROTH
_KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One directory or file to bring along, and what of it is not wanted."""

    source: Path
    name: str
    unwanted: frozenset[str] = frozenset()


def within_reach(name: str, parts: list[Part], target: Path) -> Path | None:
    """Return where the parts have been brought, or nothing when they can be used where they are."""
    if all(_reachable(part) for part in parts):
        return None
    made = target / f"{name}-{_fingerprint(parts)}"
    if not made.is_dir():
        _make(parts, made)
        _forget_old(target, name, keep=made)
    if not _enterable(made):
        raise PermissionError(f"{target} is out of other users' reach")
    return made


def _enterable(path: Path) -> bool:
    return all(parent.stat().st_mode & _OTHERS_ENTER for parent in path.parents)


def _reachable(part: Part) -> bool:
    """Whether any user can get to a part and read everything in it."""
    return _enterable(part.source) and all(
        entry.st_mode & _OTHERS_READ and (entry.st_mode & _OTHERS_ENTER or not stat.S_ISDIR(entry.st_mode))
        for _, entry in _walk(part)
    )


def _walk(part: Part) -> Iterator[tuple[str, os.stat_result]]:
    """Yield every file and directory of a part, links followed, in an order that does not change."""
    yield "", part.source.stat()
    pending = [""] if part.source.is_dir() else []
    while pending:
        below = pending.pop()
        with os.scandir(part.source / below) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        for entry in entries:
            if entry.name in part.unwanted or entry.name == "__pycache__":
                continue
            name = f"{below}{entry.name}"
            with contextlib.suppress(FileNotFoundError):  # a link to nowhere
                yield name, entry.stat()
            if entry.is_dir() and not _loops(Path(entry.path)):
                pending.append(f"{name}/")


def _loops(path: Path) -> bool:
    """Whether `path` is a link to a directory above itself."""
    return path.is_symlink() and path.absolute().is_relative_to(path.resolve())


def _fingerprint(parts: list[Part]) -> str:
    """Return a name for the trees' state: paths, sizes and times, as `make` would judge them."""
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(f"{part.name}\0{part.source}\0".encode())
        for name, entry in _walk(part):
            if not stat.S_ISDIR(entry.st_mode):
                hasher.update(f"{name}\0{entry.st_size}\0{entry.st_mtime_ns}\0".encode())
    return hasher.hexdigest()[:24]


def _make(parts: list[Part], made: Path) -> None:
    before = os.umask(0o022)  # at the start of a process, before it has threads
    try:
        made.parent.mkdir(parents=True, exist_ok=True)
        _build(parts, made)
    finally:
        os.umask(before)


def _build(parts: list[Part], made: Path) -> None:
    building = Path(tempfile.mkdtemp(dir=made.parent, prefix=".building-"))
    try:
        building.chmod(0o755)
        for part in parts:
            _bring(part, building / part.name)
        try:
            building.rename(made)
        except OSError:
            if not made.is_dir():  # else another process was first with the same tree
                raise
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _bring(part: Part, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    for name, entry in _walk(part):
        source, copy = part.source / name, target / name
        if stat.S_ISDIR(entry.st_mode):
            copy.mkdir(exist_ok=True)
        else:
            _bring_file(source.resolve(), copy, entry)


def _bring_file(source: Path, copy: Path, entry: os.stat_result) -> None:
    if entry.st_mode & _OTHERS_READ:
        try:
            os.link(source, copy)
        except OSError:  # another file system, or links to others' files are restricted
            pass
        else:
            return
    shutil.copy2(source, copy)
    copy.chmod(0o755 if entry.st_mode & stat.S_IXUSR else 0o644)


def _forget_old(target: Path, name: str, *, keep: Path) -> None:
    """Remove all but the newest of a kind: a running process may still load from the one before."""
    others = [path for path in target.glob(f"{name}-*") if path != keep]
    newest_last = sorted(others, key=lambda path: path.stat().st_mtime)
    for path in newest_last[: 1 - _KEPT]:
        shutil.rmtree(path, ignore_errors=True)
