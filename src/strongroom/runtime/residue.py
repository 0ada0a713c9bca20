"""What is left of a text in a process's memory: for the isolation tests, and for whoever wants to look for themselves.

Always true here: memory is read and never written, a text is looked for as it was sent and in nothing else, and what is
found is counted by the kind of region, never quoted.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CHUNK: Final = 4 << 20


def count(pid: int, text: bytes) -> Counter[str]:
    """Return how often `text` stands in the writable memory of a process, by region (`[heap]`, `[stack]`, `anonymous`, a file's name).

    Raises:
        PermissionError: when this process may not look (root, or who owns the process's user namespace, may).
        ProcessLookupError: when there is no such process.
    """
    found: Counter[str] = Counter()
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end, name in _regions(pid):
            for piece in _pieces(memory.fileno(), start, end, overlap=len(text) - 1):
                if times := piece.count(text):
                    found[name] += times
    return found


def _regions(pid: int) -> Iterator[tuple[int, int, str]]:
    for line in Path(f"/proc/{pid}/maps").read_text(encoding="ascii", errors="replace").splitlines():
        span, permissions, _, _, _, *name = line.split(maxsplit=5)
        if permissions.startswith("rw"):
            start, _, end = span.partition("-")
            yield int(start, 16), int(end, 16), Path(name[0]).name if name else "anonymous"


def _pieces(memory: int, start: int, end: int, *, overlap: int) -> Iterator[bytes]:
    kept = b""
    for offset in range(start, end, _CHUNK):
        piece = b""
        with contextlib.suppress(OSError):  # a guard page, or a region that went away meanwhile
            piece = os.pread(memory, min(_CHUNK, end - offset), offset)
        yield kept + piece
        kept = piece[-overlap:] if overlap else b""
