"""Reading logs back: those of several processes as one, in the order of time, and what comes from now on."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from strongroom.app.logs.files import names, parts
from strongroom.app.logs.model import TEXT, Level, Line, moment
from strongroom.privacy.strict import Strict

_LOOK_S: Final = 0.2
_LONGEST: Final = 64 * 1024


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are asked for.

    Attributes:
        processes: whose; empty: everybody's.
        since: from when on.
        level: what matters as much, or more.
        last: at most so many, the newest; None: all.
    """

    processes: tuple[str, ...] = ()
    since: datetime | None = None
    level: Level = Level.DEBUG
    last: int | None = None

    def takes(self, line: Line) -> bool:
        """Whether a line is wanted."""
        return line.level.weight >= self.level.weight and (self.since is None or line.at >= self.since)


def there(directory: Path) -> list[str]:
    """Return whose logs there are."""
    return names(directory)


def read(directory: Path, wanted: Wanted) -> list[Line]:
    """Return the lines that are wanted, in the order of time.

    Raises:
        OSError: when they may not be read.
    """
    os.scandir(directory).close()  # a directory that may not be read has no logs by a glob's word
    chosen = wanted.processes or tuple(names(directory))
    streams = [_of(directory, name, wanted) for name in chosen]
    merged = heapq.merge(*streams, key=lambda line: line.at)
    if wanted.last is None:
        return list(merged)
    return list(merged)[-wanted.last :] if wanted.last else []


def follow(directory: Path, wanted: Wanted, *, stop: Callable[[], bool] = lambda: False) -> Iterator[Line]:
    """Return what is said from this call on, until `stop` says so."""
    tails = {name: _Tail(directory, name) for name in names(directory)}
    for tail in tails.values():
        tail.to_end()
    return _following(directory, wanted, tails, stop)


def _following(directory: Path, wanted: Wanted, tails: dict[str, _Tail], stop: Callable[[], bool]) -> Iterator[Line]:
    while not stop():
        for name in names(directory):
            tails.setdefault(name, _Tail(directory, name))
        chosen = [tail for name, tail in tails.items() if not wanted.processes or name in wanted.processes]
        lines = [line for tail in chosen for line in tail.more() if wanted.takes(line)]
        yield from sorted(lines, key=lambda line: line.at)
        if not lines:
            time.sleep(_LOOK_S)


def _of(directory: Path, name: str, wanted: Wanted) -> Iterator[Line]:
    lines: list[Line] = []
    for path in [*parts(directory, name), directory / f"{name}.log"]:
        try:
            if wanted.since is not None and moment(path.stat().st_mtime) < wanted.since:
                continue
            with path.open("rb") as file:
                lines += [line for line in _lines(name, file) if wanted.takes(line)]
        except FileNotFoundError:
            continue
    return iter(sorted(lines, key=lambda line: line.at))


def _lines(name: str, raw: Iterable[bytes]) -> Iterator[Line]:
    for each in raw:
        line = _line(name, each)
        if line is not None:
            yield line


def _line(name: str, raw: bytes) -> Line | None:
    try:
        return msgspec.json.decode(raw, type=Line)
    except msgspec.MsgspecError:
        text = raw.rstrip(b"\n").decode("utf-8", "replace")
        if not text.strip():
            return None
        # Of before there was a sink, or cut by a power loss.
        clean = Strict().clean(text[: 2 * TEXT], TEXT)
        old = datetime.min.replace(tzinfo=UTC)
        return Line(
            at=old, process=name, level=Level.INFO, source="output", text=clean.text[:TEXT], masked=dict(clean.masked)
        )


class _Tail:
    """The end of a file that grows, and is now and then put aside for a new one."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._name = name
        self._path = directory / f"{name}.log"
        self._file: int | None = None
        self._rest = b""

    def to_end(self) -> None:
        """Leave out what is there already."""
        self._open()
        if self._file is not None:
            os.lseek(self._file, 0, os.SEEK_END)

    def more(self) -> Sequence[Line]:
        """Return the lines that came since."""
        if self._file is None:
            self._open()
        if self._file is None:
            return ()
        found = self._drain()
        if self._moved():
            found += self._drain()
            for part in self._since():
                found += part.read_bytes().splitlines()
            os.close(self._file)
            self._file = None
        return list(_lines(self._name, found))

    def _since(self) -> Sequence[Path]:
        """Return the parts that were put aside after the one that is open here."""
        assert self._file is not None  # noqa: S101 - asked of an open one
        aside, ours = parts(self._directory, self._name), os.fstat(self._file).st_ino
        at = next((number for number, part in enumerate(aside) if part.stat().st_ino == ours), len(aside))
        return aside[at + 1 :]

    def _open(self) -> None:
        try:
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._file = None

    def _moved(self) -> bool:
        assert self._file is not None  # noqa: S101 - asked of an open one
        try:
            return self._path.stat().st_ino != os.fstat(self._file).st_ino
        except FileNotFoundError:
            return True

    def _drain(self) -> list[bytes]:
        assert self._file is not None  # noqa: S101 - asked of an open one
        data = self._rest
        while part := os.read(self._file, _LONGEST):
            data += part
        *lines, self._rest = data.split(b"\n")
        return lines
