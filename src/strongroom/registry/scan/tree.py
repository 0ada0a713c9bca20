"""A file or a directory, walked without following anything, by descriptors that stay what they were looked at.

Always true here:
- each directory is opened in the one above it and each file in its directory, never by a path and never through a link;
- nothing that is not a regular file is opened: a pipe would wait, a device would act;
- order is that of the names, so two scans of one tree say the same.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OPEN: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_KINDS: Final = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_DEEPEST: Final = 32
_MOST: Final = 100_000


class TooLarge(Exception):  # noqa: N818 - a value that says why
    """The tree has more files, or is deeper, than any release."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the tree.

    Attributes:
        path: below the root, with `/` between parts.
        size: in bytes, of a file.
        inode: device and number.
        links: how many names the file has.
        odd: what it is, when it is neither a file nor a directory; else empty.
        why: why it cannot be looked at, in the system's words; else empty.
        empty: whether it is a directory with nothing in it.
    """

    path: str
    size: int = 0
    inode: tuple[int, int] = (0, 0)
    links: int = 1
    odd: str = ""
    why: str = ""
    empty: bool = False


def kind_of(mode: int) -> str:
    """Return what an inode of this mode is called, when it is neither file nor directory; else nothing."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return _KINDS.get(stat.S_IFMT(mode), "neither a file nor a directory")


class Tree:
    """A directory that is open."""

    def __init__(self, root: Path) -> None:
        """Open a directory.

        Raises:
            OSError: when it cannot be opened, or is a link.
        """
        self._root = os.open(root, _OPEN | os.O_DIRECTORY)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._root)

    def entries(self) -> Iterator[Entry]:
        """Yield everything that is no directory, and empty directories, in the order of names.

        Raises:
            TooLarge: when it is larger than any release.
        """
        for count, entry in enumerate(self._below(self._root, "", 0)):
            if count >= _MOST:
                raise TooLarge(f"there are more than {_MOST} files")
            yield entry

    @contextmanager
    def open(self, path: str) -> Generator[int]:
        """Yield a descriptor of a regular file of the tree.

        Raises:
            OSError: when it cannot be opened, or is no regular file any more.
        """
        *ways, name = path.split("/")
        held = [self._root]
        try:
            for way in ways:
                held.append(os.open(way, _OPEN | os.O_DIRECTORY, dir_fd=held[-1]))
            descriptor = os.open(name, _OPEN, dir_fd=held[-1])
        finally:
            for each in held[1:]:
                os.close(each)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(0, "it is no regular file any more")
            yield descriptor
        finally:
            os.close(descriptor)

    def _below(self, directory: int, prefix: str, depth: int) -> Iterator[Entry]:
        if depth > _DEEPEST:
            raise TooLarge(f"directories nest deeper than {_DEEPEST}")
        names = sorted(os.listdir(directory))
        if not names and prefix:
            yield Entry(prefix.removesuffix("/"), empty=True)
        for name in names:
            path = prefix + name
            try:
                about = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if not stat.S_ISDIR(about.st_mode):
                    yield _entry(path, about)
                    continue
                inner = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=directory)
            except OSError as error:
                yield Entry(path, why=error.strerror or type(error).__name__)
                continue
            try:
                yield from self._below(inner, path + "/", depth + 1)
            finally:
                os.close(inner)


def _entry(path: str, about: os.stat_result) -> Entry:
    return Entry(
        path,
        size=about.st_size,
        inode=(about.st_dev, about.st_ino),
        links=about.st_nlink,
        odd=kind_of(about.st_mode),
    )
