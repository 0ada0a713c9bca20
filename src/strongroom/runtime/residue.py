"""What is left of a text in a process's memory: for the isolation tests, and for whoever wants to look for themselves.

Always true here: memory is read and never written, a text is looked for as it was sent and in nothing else, and what is
found is counted by the kind of region, never quoted.
"""

from __future__ import annotations

import ctypes
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CHUNK: Final = 4 << 20


class _Span(ctypes.Structure):
    """`struct iovec`."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def count(pid: int, text: bytes) -> Counter[str]:
    """Return how often `text` stands in a process's writable memory, by region (`[heap]`, `[stack]`, `anonymous`, a file's name).

    Raises:
        PermissionError: when this process may not look (root may, and who owns the process's user namespace).
        ProcessLookupError: when there is no such process.
    """
    found: Counter[str] = Counter()
    for start, end, name in _regions(pid):
        for piece in _pieces(pid, start, end, overlap=len(text) - 1):
            if times := piece.count(text):
                found[name] += times
    return found


def _regions(pid: int) -> Iterator[tuple[int, int, str]]:
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="ascii", errors="replace").splitlines():
        span, permissions, _, _, _, *name = line.split(maxsplit=5)
        if permissions.startswith("rw"):
            start, _, end = span.partition("-")
            yield int(start, 16), int(end, 16), Path(name[0]).name if name else "anonymous"


def _pieces(pid: int, start: int, end: int, *, overlap: int) -> Iterator[bytes]:
    kept = b""
    for offset in range(start, end, _CHUNK):
        piece = _read(pid, offset, min(_CHUNK, end - offset))
        yield kept + piece
        kept = piece[-overlap:] if overlap else b""


def _read(pid: int, address: int, length: int) -> bytes:
    """Read by the system call rather than /proc/PID/mem, which belongs to root where a process cannot be dumped."""
    buffer = ctypes.create_string_buffer(length)
    ours, theirs = _Span(ctypes.addressof(buffer), length), _Span(address, length)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.process_vm_readv.restype = ctypes.c_ssize_t
    got: int = libc.process_vm_readv(
        pid, ctypes.byref(ours), ctypes.c_ulong(1), ctypes.byref(theirs), ctypes.c_ulong(1), ctypes.c_ulong(0)
    )
    if got >= 0:
        return buffer.raw[:got]
    number = ctypes.get_errno()
    error = OSError(number, os.strerror(number))
    if isinstance(error, PermissionError | ProcessLookupError):
        raise error
    return b""  # a region that went away meanwhile
