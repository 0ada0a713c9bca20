"""A worker's standard error, kept in a file that cannot grow without bound."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

_MAX_LINE: Final = 500
_CONTROLS: Final = bytes.maketrans(bytes([*range(9), *range(10, 32), 127]), b"?" * 32)


class BoundedLog:
    """Appends lines to a file; when it is full it becomes `.1`, and the one before that is dropped."""

    def __init__(self, path: Path, *, max_bytes: int = 1 << 20) -> None:
        self._path = path
        self._max_bytes = max_bytes

    async def follow(self, stream: asyncio.StreamReader) -> None:
        """Append every line of `stream` until it ends."""
        while line := await _line(stream):
            self.append(line)

    def append(self, line: bytes) -> None:
        """Append one line, cut to 500 bytes, without control characters."""
        clean = line.rstrip(b"\n")[:_MAX_LINE].translate(_CONTROLS)
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, clean + b"\n")
            full = os.fstat(handle).st_size >= self._max_bytes
        finally:
            os.close(handle)
        if full:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))


async def _line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await stream.readexactly(error.consumed)
