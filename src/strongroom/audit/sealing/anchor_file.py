"""A file that heads of the anchor are only ever added to, or a directory with a file for each, on whatever keeps them.

Always true here:
- the file is opened to append, and nothing is written into it twice; in a directory each head is a file that must be new;
- a line that a crash cut short stays as it is, and the next one begins anew.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from strongroom.audit.tlog.checkpoint import Checkpoint
from strongroom.audit.tlog.merkle import Malformed
from strongroom.audit.tlog.note import Note
from strongroom.kernel.clock import rfc3339

FORMAT: Final = "strongroom-anchor-file/1"
_TAIL: Final = 256 * 1024
_GET_FLAGS: Final = 0x80086601  # FS_IOC_GETFLAGS
_SET_FLAGS: Final = 0x40086602  # FS_IOC_SETFLAGS
_APPEND_ONLY: Final = 0x20  # FS_APPEND_FL, chattr +a


class AnchorFile:
    """Heads of the anchor, one a line; or, where `path` is a directory, one a file."""

    def __init__(self, path: Path) -> None:
        self.path: Final = path

    def add(self, note: Note, at: datetime) -> None:
        """Add a head, and return once it is on the medium.

        Raises:
            OSError: when it cannot be written.
        """
        line = json.dumps({"format": FORMAT, "at": rfc3339(at), "note": str(note)}, ensure_ascii=False).encode() + b"\n"
        if self.path.is_dir():
            head = Checkpoint.parse(note.text)
            _write(self.path / f"{head.origin.replace('/', '-')}-{head.size:020d}.json", line, os.O_EXCL, 0o444)
            _sync(self.path)
        else:
            _write(self.path, line, os.O_APPEND, 0o640)

    def last(self, origin: str) -> Note | None:
        """Return the newest head of a log that is there; None: there is none.

        Raises:
            OSError: when it cannot be read.
        """
        found: Note | None = None
        for text in self._lines():
            try:
                note = Note.parse(json.loads(text)["note"])
                head = Checkpoint.parse(note.text)
            except (ValueError, KeyError, TypeError, Malformed):
                continue  # cut short by a crash
            if head.origin == origin and (found is None or head.size >= Checkpoint.parse(found.text).size):
                found = note
        return found

    def _lines(self) -> Iterator[bytes]:
        if self.path.is_dir():
            for each in sorted(self.path.glob("*.json"))[-100:]:
                yield each.read_bytes()
        elif self.path.exists():
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
                yield from file.read().split(b"\n")


def _write(path: Path, line: bytes, how: int, mode: int) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | how, mode)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        if os.write(handle, line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make(path: Path, owner: int | None) -> bool:
    """Make the anchor file, for the process with the uid `owner`, and have the kernel take nothing but additions, if it does.

    Returns:
        Whether it does (`chattr +a`): that takes root, and a file system that knows it. For a directory: False.

    Raises:
        OSError: when it cannot be made.
    """
    if path.is_dir():
        return False
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    try:
        if owner is not None and os.fstat(handle).st_uid != owner:
            os.fchown(handle, owner, -1)
        try:
            flags = struct.unpack("i", fcntl.ioctl(handle, _GET_FLAGS, bytes(4)))[0]
            if not flags & _APPEND_ONLY:
                fcntl.ioctl(handle, _SET_FLAGS, struct.pack("i", flags | _APPEND_ONLY))
        except OSError:
            return False
        return True
    finally:
        os.close(handle)
