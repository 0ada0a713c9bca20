"""Segment files: written by one thread, read by whoever ships them, removed whole.

Always true here:
- a file is made with mode 0600 and never opened for writing again once it is closed;
- after a write or a sync that failed nothing more goes into that file: what the kernel told once as lost must not be
  taken for written later (a second `fsync` would succeed, "fsyncgate", 2018);
- numbers of segments only grow.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct as Layout
from typing import Final, NamedTuple

from strongroom.gateway.spool.frames import Frame, read

MAGIC: Final = b"SRSPOOL1"
HEADER: Final = Layout("<8s16s")
"""Magic with the format's version, boot id of the machine that wrote it."""

_SUFFIX: Final = ".seg"
_CHUNK: Final = 256 * 1024


class Place(NamedTuple):
    """A place in a spool: segment, and offset in it."""

    segment: int
    offset: int


def boot_id() -> bytes:
    """Return the id of this boot of the machine, 16 bytes."""
    return bytes.fromhex(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", ""))


def path_of(directory: Path, segment: int) -> Path:
    """Return where a segment lies."""
    return directory / f"{segment:010d}{_SUFFIX}"


def listed(directory: Path) -> list[tuple[int, int]]:
    """Return (number, bytes) of the segments in `directory`, oldest first."""
    found: list[tuple[int, int]] = []
    for path in directory.glob(f"*{_SUFFIX}"):
        if path.stem.isdigit():
            with contextlib.suppress(FileNotFoundError):
                found.append((int(path.stem), path.stat().st_size))
    return sorted(found)


def boot_of(directory: Path, segment: int) -> bytes | None:
    """Return the boot id that a segment was written under; None: it has no whole header of ours."""
    with path_of(directory, segment).open("rb") as file:
        head = file.read(HEADER.size)
    if len(head) < HEADER.size:
        return None
    magic, boot = HEADER.unpack(head)
    return boot if magic == MAGIC else None


@dataclass(frozen=True, slots=True)
class Piece:
    """Some frames of a segment. `end` is where the next piece begins; `torn`: what follows there is no whole frame."""

    frames: tuple[tuple[int, Frame], ...]
    end: int
    torn: bool


def read_piece(directory: Path, at: Place, until: int | None) -> Piece:
    """Return the next whole frames of a segment, up to about 256 KiB of them.

    Args:
        directory: the spool.
        at: where to begin; offset 0 stands for the first frame.
        until: the offset where to end; None: the end of the file.
    """
    offset = max(at.offset, HEADER.size)
    with path_of(directory, at.segment).open("rb") as file:
        end = os.fstat(file.fileno()).st_size if until is None else until
        if offset >= end or (at.offset == 0 and file.read(HEADER.size)[:8] != MAGIC):
            return Piece((), offset, torn=offset < end)
        file.seek(offset)
        data = file.read(min(_CHUNK, end - offset))
    frames: list[tuple[int, Frame]] = []
    stop = 0
    for stop, number, frame in read(data):  # noqa: B007 - the last one says where whole frames end
        frames.append((number, frame))
    # A frame that the piece cuts in two is whole in the next one; no frame at all in so many bytes is damage.
    last = offset + len(data) >= end or not frames
    return Piece(tuple(frames), offset + stop, torn=last and offset + stop < end)


class Disk:
    """The writing end, for one thread. Every method may raise OSError; then nothing of what was given counts as kept."""

    def __init__(self, directory: Path, segment_bytes: int) -> None:
        self._directory: Final = directory
        self._limit: Final = segment_bytes
        self._boot: Final = boot_id()
        self._file: int | None = None
        self._named = False
        self._unsynced = False
        self._at = Place(0, 0)

    def write(self, data: bytes, *, sync: bool) -> Place:
        """Append whole frames and return where they end; with `sync` they, and all before them, are durable then."""
        try:
            if data:
                self._append(data)
            if sync:
                self.sync()
        except OSError:
            self._abandon()
            raise
        return self._at

    def sync(self) -> None:
        """Make everything that was written durable."""
        if self._file is None or not self._unsynced:
            return
        os.fdatasync(self._file)
        self._unsynced = False
        if not self._named:
            _sync_directory(self._directory)
            self._named = True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, data: bytes) -> None:
        if self._file is not None and self._at.offset + len(data) > self._limit:
            self.sync()
            self.close()
        if self._file is None:
            self._begin()
        self._unsynced = True
        self._put(data)

    def _begin(self) -> None:
        path = path_of(self._directory, self._at.segment + 1)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._at = Place(self._at.segment + 1, 0)
        self._named = False
        self._put(HEADER.pack(MAGIC, self._boot))

    def _put(self, data: bytes) -> None:
        if self._file is None:
            raise RuntimeError("no segment is open")
        rest = memoryview(data)
        while rest:  # a disk that is nearly full takes a part, and refuses the rest
            rest = rest[os.write(self._file, rest) :]
        self._at = Place(self._at.segment, self._at.offset + len(data))

    def _abandon(self) -> None:
        """Leave a segment that failed as it was after the last write that did not."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._at.offset)
        self.close()
        if self._at.offset == 0:  # not even its header is there
            with contextlib.suppress(OSError):
                path_of(self._directory, self._at.segment).unlink()


def remove(directory: Path, segment: int) -> int:
    """Remove a segment, all of whose frames are elsewhere by now; return how many bytes they had."""
    path = path_of(directory, segment)
    try:
        size = path.stat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return max(0, size - HEADER.size)


def spools(parent: Path) -> Iterator[Path]:
    """Yield every spool's directory below `parent`."""
    with contextlib.suppress(FileNotFoundError):
        yield from sorted(path for path in parent.iterdir() if path.is_dir() and not path.is_symlink())


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
