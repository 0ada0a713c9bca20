"""A scan: files side by side, each piece through the detector, and what is let pass taken out."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Final, NamedTuple

from strongroom.leaks import notebooks, sources
from strongroom.leaks.detect import ALLOW, Detector, Found, Options
from strongroom.leaks.model import Hit, Report, Unreadable, fingerprint, shown
from strongroom.leaks.sources import Piece

Progress = Callable[[int, int], None]
"""Told of files and bytes read so far."""

_BATCH: Final = 64
_ALONE: Final = 256
"""Fewer files are read in this process: another takes longer to start."""

_MOST_HITS: Final = 10_000
_UTF16: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


class _Part(NamedTuple):
    hits: list[Hit]
    broken: list[Unreadable]
    files: int
    bytes: int
    allowed: int


def scan(paths: Sequence[Path], options: Options, *, jobs: int = 1, progress: Progress | None = None) -> Report:
    """Scan files and trees.

    Args:
        paths: what to scan.
        options: what to look for and what to let pass.
        jobs: how many processes at most.
        progress: told of what was read, from time to time.
    """
    began = time.monotonic()
    broken: list[Unreadable] = []
    found = sources.files(list(paths), options, broken)
    parts: list[_Part] = []
    files = size = 0
    for part in _parts(found, options, jobs):
        parts.append(part)
        files, size = files + part.files, size + part.bytes
        if progress is not None:
            progress(files, size)
    return _report(parts, broken, time.monotonic() - began)


def scan_bytes(name: str, data: bytes, options: Options) -> Report:
    """Scan what was read already, such as standard input."""
    began = time.monotonic()
    return _report([_read(name, io.BytesIO(data), options)], [], time.monotonic() - began)


def _parts(found: Iterator[Path], options: Options, jobs: int) -> Iterator[_Part]:
    first = list(islice(found, _ALONE))
    if jobs < 2 or len(first) < _ALONE:  # noqa: PLR2004 - two are more than one
        for path in (*first, *found):
            yield _file(path, options)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(_batch, first[at : at + _BATCH], options) for at in range(0, len(first), _BATCH)]
        while waiting:
            while len(waiting) < 4 * jobs and (more := list(islice(found, _BATCH))):
                waiting.append(pool.submit(_batch, more, options))
            yield from waiting.pop(0).result()


def _batch(paths: Iterable[Path], options: Options) -> list[_Part]:
    return [_file(path, options) for path in paths]


def _file(path: Path, options: Options) -> _Part:
    try:
        with path.open("rb") as stream:
            return _read(str(path), stream, options)
    except OSError as error:
        return _Part([], [Unreadable(path=str(path), why=error.strerror or "it cannot be read")], 1, 0, 0)


def _read(name: str, stream: IO[bytes], options: Options) -> _Part:
    hits: list[Hit] = []
    broken: list[Unreadable] = []
    allowed = size = 0
    seen: set[tuple[str, int]] = set()
    coding: str | None = None
    for piece in sources.pieces(name, stream, broken):
        size += len(piece.data)
        if piece.offset == 0:  # a file's coding is told at its beginning and holds for all its pieces
            coding = _UTF16.get(piece.data[:2])
        for hit, at, passes in _hits(piece, coding, options):
            if (piece.path, at) in seen:
                continue  # pieces overlap
            seen.add((piece.path, at))
            allowed += passes
            if not passes and len(hits) < _MOST_HITS:
                hits.append(hit)
    if len(hits) == _MOST_HITS:
        broken.append(Unreadable(path=name, why=f"it holds more than {_MOST_HITS} keys; the rest is not told"))
    return _Part(hits, broken, 1, size, allowed)


def _hits(piece: Piece, coding: str | None, options: Options) -> Iterator[tuple[Hit, int, bool]]:
    """Yield each hit with its place in the file, and whether it is let pass."""
    data = piece.data
    if coding is not None:
        data = data.decode(coding, "replace").encode("utf-8")
    found = _detector(tuple(sorted(options.patterns.items()))).find(data)
    if not found:
        return
    where = _Cells(piece, data)
    for each in found:
        secret = data[each.start : each.end]
        first = data.rfind(b"\n", 0, each.start) + 1
        last = data.find(b"\n", each.start)
        mark = fingerprint(secret)
        hit = Hit(
            path=piece.path,
            line=piece.line + data.count(b"\n", 0, each.start) + 1,
            column=each.start - first + 1,
            kind=each.kind,
            rule=each.rule,
            shown=shown(secret),
            fingerprint=mark,
            where=where.of(each, secret),
        )
        passes = mark in options.allow or ALLOW in data[first : last if last >= 0 else len(data)]
        before = each.start if coding is None else len(data[: each.start].decode(errors="replace").encode(coding))
        yield hit, piece.offset + before, passes


class _Cells:
    """The cells of a notebook, read when the first hit asks for them."""

    def __init__(self, piece: Piece, data: bytes) -> None:
        self._is_one = piece.path.endswith(".ipynb") and piece.offset == 0 and len(data) <= notebooks.MOST
        self._data = data
        self._cells: list[tuple[str, bytes]] | None = None

    def of(self, found: Found, secret: bytes) -> str:
        """Return the first cell that holds the beginning of a secret."""
        del found
        if not self._is_one:
            return ""
        if self._cells is None:
            self._cells = notebooks.cells(self._data) or []
        head = secret.partition(b"\\n")[0].partition(b"\n")[0]
        return next((name for name, text in self._cells if head in text), "")


@lru_cache(maxsize=1)
def _detector(patterns: tuple[tuple[str, str], ...]) -> Detector:
    return Detector(dict(patterns))


def _report(parts: Sequence[_Part], broken: Sequence[Unreadable], seconds: float) -> Report:
    return Report(
        hits=tuple(sorted(hit for part in parts for hit in part.hits)),
        unreadable=tuple(sorted([*broken, *(each for part in parts for each in part.broken)])),
        files=sum(part.files for part in parts),
        bytes=sum(part.bytes for part in parts),
        allowed=sum(part.allowed for part in parts),
        seconds=round(seconds, 3),
    )


def processors() -> int:
    """Return how many processes may run side by side."""
    return len(os.sched_getaffinity(0))
