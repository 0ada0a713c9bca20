"""What a scan reads: files of a tree, and what is inside archives, images and notebooks.

Always true here:
- links are not followed and devices not opened; a name inside an archive is only ever a label;
- an archive is known by its first bytes, so a layer without an ending is one as well;
- what one file expands to is bounded in bytes, members and depth; beyond that it is told as unreadable, never skipped.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

from strongroom.leaks.detect import Options
from strongroom.leaks.model import Unreadable

PIECE: Final = 8 * 2**20
"""A file is read in pieces of so many bytes, which overlap."""

OVERLAP: Final = 32_768
MOST_BYTES: Final = 2 * 2**30
"""What one archive may expand to."""

_MOST_MEMBERS: Final = 200_000
_DEEPEST: Final = 4
_MOST_NESTED: Final = 512 * 2**20
_SKIPPED: Final = frozenset({".git", ".hg", ".svn", "__pycache__", ".venv", "node_modules"})
"""Folders that hold other people's files, or what a tool of its own must read."""

_HEAD: Final = 512
_TAR_MAGIC: Final = b"ustar"
_TAR_AT: Final = 257


class Piece(NamedTuple):
    """Some bytes of a file, and where they begin in it. `line` is the number of lines before them."""

    path: str
    data: bytes
    offset: int
    line: int


class Budget:
    """What one file may still expand to."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self.bytes = most
        self.members = _MOST_MEMBERS

    def take(self, count: int) -> None:
        """Count bytes.

        Raises:
            TooMuch: beyond the bound.
        """
        self.bytes -= count
        if self.bytes < 0:
            raise TooMuch(f"it expands to more than {MOST_BYTES // 2**30} GiB")

    def member(self) -> None:
        """Count a member.

        Raises:
            TooMuch: beyond the bound.
        """
        self.members -= 1
        if self.members < 0:
            raise TooMuch(f"it has more than {_MOST_MEMBERS} members")


class TooMuch(Exception):  # noqa: N818 - said to a person
    """An archive expands to more than is read."""


def files(paths: list[Path], options: Options, broken: list[Unreadable]) -> Iterator[Path]:
    """Yield the regular files below `paths`, in order; what cannot be looked at goes into `broken`."""
    for path in paths:
        yield from _below(path, options, broken)


def _below(path: Path, options: Options, broken: list[Unreadable]) -> Iterator[Path]:
    try:
        kind = path.lstat().st_mode
        if stat.S_ISREG(kind):
            if not options.excludes(str(path)):
                yield path
        elif stat.S_ISDIR(kind):
            for entry in sorted(os.scandir(path), key=lambda each: each.name):
                skipped = entry.is_symlink() or (entry.name in _SKIPPED and entry.is_dir(follow_symlinks=False))
                if not skipped and not options.excludes(entry.path):
                    yield from _below(Path(entry.path), options, broken)
    except OSError as error:
        broken.append(Unreadable(path=str(path), why=error.strerror or "it cannot be read"))


def pieces(path: str, stream: IO[bytes], broken: list[Unreadable]) -> Iterator[Piece]:
    """Yield what a file holds, its own bytes or those of what is packed in it."""
    try:
        yield from _inside(path, stream, Budget(), 0)
    except TooMuch as error:
        broken.append(Unreadable(path=path, why=str(error)))
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or f"it is damaged: {type(error).__name__}"
        broken.append(Unreadable(path=path, why=why))


def _inside(path: str, stream: IO[bytes], budget: Budget, depth: int) -> Iterator[Piece]:
    head = stream.read(_HEAD)
    stream.seek(0)
    opener = _packed(head)
    if opener is None:
        yield from _plain(path, stream, budget)
    elif depth >= _DEEPEST:
        raise TooMuch(f"archives are nested deeper than {_DEEPEST}")
    else:
        yield from opener(path, stream, budget, depth)


_Opener = Callable[[str, IO[bytes], Budget, int], Iterator[Piece]]


def _packed(head: bytes) -> _Opener | None:
    if head[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
        return _zip
    if head[_TAR_AT : _TAR_AT + len(_TAR_MAGIC)] == _TAR_MAGIC:
        return _tar
    return {b"\x1f\x8b": _gzip, b"BZ": _bzip, b"\xfd7": _xz}.get(head[:2]) if _compressed(head) else None


def _compressed(head: bytes) -> bool:
    return head[:3] == b"\x1f\x8b\x08" or head[:3] == b"BZh" or head[:6] == b"\xfd7zXZ\x00"


def _gzip(path: str, stream: IO[bytes], budget: Budget, depth: int) -> Iterator[Piece]:
    with gzip.GzipFile(fileobj=stream) as packed:
        yield from _unpacked(path, packed, budget, depth)


def _bzip(path: str, stream: IO[bytes], budget: Budget, depth: int) -> Iterator[Piece]:
    with bz2.BZ2File(stream) as packed:
        yield from _unpacked(path, packed, budget, depth)


def _xz(path: str, stream: IO[bytes], budget: Budget, depth: int) -> Iterator[Piece]:
    with lzma.LZMAFile(stream) as packed:
        yield from _unpacked(path, packed, budget, depth)


def _unpacked(path: str, packed: IO[bytes] | gzip.GzipFile, budget: Budget, depth: int) -> Iterator[Piece]:
    """Yield what a compressed stream holds: a tar as it comes, anything else in pieces."""
    head = packed.read(_HEAD)
    if _packed(head) is _tar:
        rest = cast("IO[bytes]", _Joined(head, packed))  # it is read forward, and that is all it can be
        with tarfile.open(fileobj=rest, mode="r|") as archive:
            yield from _members(path, archive, budget, depth)
    else:
        yield from _plain(path, _Joined(head, packed), budget)


def _tar(path: str, stream: IO[bytes], budget: Budget, depth: int) -> Iterator[Piece]:
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        yield from _members(path, archive, budget, depth)


def _members(path: str, archive: tarfile.TarFile, budget: Budget, depth: int) -> Iterator[Piece]:
    for member in archive:
        budget.member()
        held = archive.extractfile(member) if member.isreg() else None
        if held is not None:
            yield from _member(f"{path}!/{member.name}", held, member.size, budget, depth)


def _zip(path: str, stream: IO[bytes], budget: Budget, depth: int) -> Iterator[Piece]:
    with zipfile.ZipFile(stream) as archive:
        for info in archive.infolist():
            budget.member()
            if info.is_dir():
                continue
            with archive.open(info) as held:
                yield from _member(f"{path}!/{info.filename}", held, info.file_size, budget, depth)


def _member(path: str, held: IO[bytes], size: int, budget: Budget, depth: int) -> Iterator[Piece]:
    head = held.read(_HEAD)
    rest = _Joined(head, held)
    if _packed(head) is None:
        yield from _plain(path, rest, budget)
        return
    if size > _MOST_NESTED:
        raise TooMuch(f"an archive inside is larger than {_MOST_NESTED // 2**20} MiB")
    content = rest.read(_MOST_NESTED + 1)
    budget.take(len(content))
    yield from _inside(path, io.BytesIO(content), budget, depth + 1)


def _plain(path: str, stream: IO[bytes] | _Joined | gzip.GzipFile, budget: Budget) -> Iterator[Piece]:
    offset = line = 0
    kept = b""
    while fresh := stream.read(PIECE):
        budget.take(len(fresh))
        data = kept + fresh
        yield Piece(path, data, offset, line)
        kept = data[-OVERLAP:] if len(data) > OVERLAP else data
        offset += len(data) - len(kept)
        line += data.count(b"\n", 0, len(data) - len(kept))
        if len(fresh) < PIECE:
            return


class _Joined:
    """What was read already, and the rest of a stream: reads only, forward only."""

    def __init__(self, head: bytes, rest: IO[bytes] | gzip.GzipFile) -> None:
        self._head = head
        self._rest = rest

    def read(self, count: int = -1) -> bytes:
        """Return the next bytes; fewer only at the end."""
        if not self._head:
            return self._rest.read(count)
        if count < 0:
            head, self._head = self._head, b""
            return head + self._rest.read()
        head, self._head = self._head[:count], self._head[count:]
        return head if len(head) == count else head + self._rest.read(count - len(head))
