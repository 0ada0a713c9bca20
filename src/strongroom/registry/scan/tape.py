"""A file as a tape: read once, from its start to its end, and hashed while it is read.

Always true here:
- what a parser sees and what the digests are of are the same bytes, whoever writes to the file meanwhile;
- memory is one chunk of the file and the few that wait to be hashed, whatever the file says of itself;
- reading past the end is `Malformed`; a file that is shorter than it was when it was opened is `Changed`.
"""

from __future__ import annotations

import hashlib
import os
import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol

from blake3 import blake3

CHUNK: Final = 1 << 20
_BESIDE: Final = 4 * CHUNK
"""Files larger than this are hashed on threads of their own."""
_WAITING: Final = 4
_VARINT_BYTES: Final = 10


class Malformed(Exception):  # noqa: N818 - a value that says why
    """The bytes are not what they begin as.

    Attributes:
        rule: in `rules.RULES`.
        said: one sentence.
        at: where, in bytes from the file's start.
    """

    def __init__(self, rule: str, said: str, at: int | None = None) -> None:
        super().__init__(said)
        self.rule = rule
        self.said = said
        self.at = at


class Changed(Exception):  # noqa: N818 - as above
    """The file changed while it was read."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> object: ...


class _Beside:
    """Feeds one hash on a thread of its own; hashing leaves the interpreter's lock."""

    def __init__(self, hasher: _Hash) -> None:
        self._waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._room = threading.Semaphore(_WAITING)
        self._hasher = hasher
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def update(self, data: bytes) -> None:
        self._room.acquire()
        self._waiting.put(data)

    def end(self) -> None:
        self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (data := self._waiting.get()) is not None:
            self._hasher.update(data)
            self._room.release()


class Tape:
    """One file, read forward only."""

    def __init__(self, descriptor: int, size: int, moved: Callable[[int], None] | None = None) -> None:
        """Start at the beginning of a file.

        Args:
            descriptor: open for reading.
            size: its size when it was opened.
            moved: told how far reading has come, once a chunk.
        """
        self.descriptor = descriptor
        self.size = size
        self._moved = moved
        self._buffer = b""
        self._start = 0  # of the buffer, in the file
        self._index = 0  # in the buffer
        self._sha256, self._blake3 = hashlib.sha256(), blake3()
        hashers: tuple[_Hash, ...] = (self._sha256, self._blake3)
        self._beside = [_Beside(each) for each in hashers] if size > _BESIDE else []
        self._hashers: list[_Hash] = list(self._beside or hashers)

    @property
    def at(self) -> int:
        """How far reading has come."""
        return self._start + self._index

    @property
    def left(self) -> int:
        """How much there is still to read."""
        return self.size - self.at

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes; the caller has bounded `count`.

        Raises:
            Malformed: when there are fewer.
        """
        end = self._index + count
        if end <= len(self._buffer):
            data = self._buffer[self._index : end]
            self._index = end
            return data
        if count > self.left:
            raise Malformed("truncated", f"The file ends {count - self.left} bytes too early.", self.at)
        parts = [self._buffer[self._index :]]
        wanted = count - len(parts[0])
        self._index = len(self._buffer)
        while wanted:
            self._next()
            part = self._buffer[:wanted]
            self._index = len(part)
            wanted -= len(part)
            parts.append(part)
        return b"".join(parts)

    def peek(self, count: int) -> bytes:
        """Return up to `count` of the next bytes without passing them; fewer only at the file's end."""
        if len(self._buffer) - self._index < count and self._start + len(self._buffer) < self.size:
            rest = self._buffer[self._index :]
            start = self.at
            self._start += len(self._buffer)
            self._buffer = b""
            while len(rest) < count and self._start < self.size:
                self._fetch()
                rest += self._buffer
                self._start += len(self._buffer)
            self._buffer, self._start, self._index = rest, start, 0
        return self._buffer[self._index : self._index + count]

    def skip(self, count: int) -> None:
        """Pass `count` bytes.

        Raises:
            Malformed: when there are fewer.
        """
        if count > self.left:
            raise Malformed("truncated", f"The file ends {count - self.left} bytes too early.", self.at)
        target = self.at + count
        while target > self._start + len(self._buffer):
            self._next()
        self._index = target - self._start

    def zeros(self, count: int) -> bool:
        """Pass `count` bytes, which the caller has bounded, and return whether all were zero."""
        return not self.read(count).strip(b"\0")

    def chunk(self, most: int) -> bytes:
        """Return what is at hand of the next `most` bytes, at least one unless there is none."""
        if self._index == len(self._buffer) and self.left:
            self._next()
        data = self._buffer[self._index : self._index + most]
        self._index += len(data)
        return data

    def varint(self) -> int:
        """Return the next protobuf varint, which is below 2**64 and not longer than it must be.

        Raises:
            Malformed: when there is none.
        """
        value = shift = 0
        for _ in range(_VARINT_BYTES):
            if self._index >= len(self._buffer):
                if not self.left:
                    raise Malformed("truncated", "The file ends within a number.", self.at)
                self._next()
            byte = self._buffer[self._index]
            self._index += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the continuation bit
                if value >> 64 or (byte == 0 and shift):
                    raise Malformed("protobuf", "A number is written longer than it is.", self.at)
                return value
            shift += 7
        raise Malformed("protobuf", "A number has no end.", self.at)

    def strings(self, count: int, longest: int) -> None:
        """Pass `count` texts, each behind its length in eight bytes.

        Raises:
            Malformed: when one is longer than `longest`, or passes the file's end.
        """
        buffer, index, end = self._buffer, self._index, len(self._buffer)
        for _ in range(count):
            if index + 8 > end:
                self._index = index
                length = int.from_bytes(self.read(8), "little")
                buffer, index, end = self._buffer, self._index, len(self._buffer)
            else:
                length = int.from_bytes(buffer[index : index + 8], "little")
                index += 8
            if length > longest:
                self._index = index
                raise Malformed("string-length", f"A text of {length} bytes is longer than any may be.", self.at)
            index += length
            if index > end:
                self._index = index - length
                self.skip(length)
                buffer, index, end = self._buffer, self._index, len(self._buffer)
        self._index = index

    def finish(self) -> tuple[str, str]:
        """Read what is left and return SHA-256 and BLAKE3 of the whole file, in hex."""
        try:
            self.skip(self.left)
        finally:
            for each in self._beside:
                each.end()
            self._beside = []
        return self._sha256.hexdigest(), self._blake3.hexdigest()

    def look(self, offset: int, count: int) -> bytes:
        """Return bytes from anywhere, to look for a second format; nothing is admitted on what they say."""
        return os.pread(self.descriptor, count, offset)

    def _next(self) -> None:
        self._start += len(self._buffer)
        self._index = 0
        self._fetch()

    def _fetch(self) -> None:
        wanted = min(CHUNK, self.size - self._start)
        data = os.pread(self.descriptor, wanted, self._start)
        if len(data) != wanted:
            raise Changed
        for each in self._hashers:
            each.update(data)
        self._buffer = data
        if self._moved is not None:
            self._moved(self._start + len(data))
