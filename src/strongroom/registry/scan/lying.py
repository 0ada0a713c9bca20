"""Where a release's files lie: in a directory, among a store's blobs, or in somebody's hands who opens them one by one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import NamedTuple, Protocol

from strongroom.registry.scan.tree import Tree


class Unscannable(Exception):  # noqa: N818 - a value that says why
    """There is nothing at that path, or it cannot be looked at, at all."""


class Source(NamedTuple):
    """A file that somebody holds: its size, and what opens it. It must not change while it is open."""

    size: int
    opened: Callable[[], AbstractContextManager[int]]


class Opens(Protocol):
    """What opens files by name."""

    def open(self, path: str) -> AbstractContextManager[int]:
        """Return a context in which a file is open."""
        ...


class Lying(NamedTuple):
    """A file of a release: its name in it, and where it lies: under which name, in which tree."""

    name: str
    place: str
    size: int
    within: Callable[[], AbstractContextManager[Opens]]


class Given(NamedTuple):
    """One source, as a tree of one file."""

    source: Source

    def within(self) -> AbstractContextManager[Opens]:
        """Return a context in which it can be opened."""
        return nullcontext(self)

    def open(self, path: str) -> AbstractContextManager[int]:
        """Return a context in which it is open."""
        del path
        return self.source.opened()


def opened(path: Path) -> Tree:
    """Return a directory, open.

    Raises:
        Unscannable: when it cannot be opened.
    """
    try:
        return Tree(path)
    except OSError as error:
        raise Unscannable(f"{path}: {error.strerror}") from None


def left_open(tree: Tree) -> AbstractContextManager[Tree]:
    """Return a context in which a directory is open, and stays so after it."""
    return nullcontext(tree)


def closed_after(path: Path) -> AbstractContextManager[Tree]:
    """Return a context in which a directory is open."""
    return closing(opened(path))
