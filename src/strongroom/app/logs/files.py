"""One process's log on disk: `NAME.log`, and the parts that were put aside, `NAME-<UTC>.log`.

Always true here: a part is put aside when it is full or a day old; the oldest go when all are too large together, or too old.
"""

from __future__ import annotations

import contextlib
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from strongroom.app.logs.model import Bounds, moment

_STAMP: Final = "%Y%m%dT%H%M%S%fZ"
_ASIDE: Final = re.compile(r"^(?P<name>.+)-\d{8}T\d{12}Z\.log$")
_DAY: Final = timedelta(days=1)


class Rotated:
    """A log that is appended to."""

    def __init__(self, directory: Path, name: str, bounds: Bounds) -> None:
        self._directory: Final = directory
        self._name: Final = name
        self._bounds: Final = bounds
        self._path: Final = directory / f"{name}.log"
        self._descriptor = -1
        self._size = 0
        self._since = datetime.min.replace(tzinfo=UTC)

    def append(self, line: bytes, now: datetime) -> None:
        """Append one line.

        Raises:
            OSError: when it cannot be written; the next call tries again from the beginning.
        """
        try:
            if self._descriptor < 0:
                self._open(now)
            if self._size and (self._size + len(line) > self._bounds.part or now - self._since >= _DAY):
                self._put_aside(now)
            view = memoryview(line)
            while view:  # a nearly full disk takes a part
                view = view[os.write(self._descriptor, view) :]
            self._size += len(line)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self, now: datetime) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        found = os.fstat(self._descriptor)
        self._size, self._since = found.st_size, now if not found.st_size else moment(found.st_mtime)
        if found.st_size and not self._whole():
            os.write(self._descriptor, b"\n")  # a write that was cut short must not swallow the next line
        self._tidy(now)

    def _whole(self) -> bool:
        with self._path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) == b"\n"

    def _put_aside(self, now: datetime) -> None:
        self.close()
        newest = parts(self._directory, self._name)[-1:]
        # A clock that stands, or goes back, must neither overwrite a part nor put this one before an older.
        stamp = now.astimezone(UTC)
        while newest and self._aside(stamp).name <= newest[0].name:
            stamp = max(stamp, _stamp_of(newest[0])) + timedelta(microseconds=1)
        with contextlib.suppress(FileNotFoundError):
            self._path.rename(self._aside(stamp))
        self._open(now)

    def _aside(self, stamp: datetime) -> Path:
        return self._directory / f"{self._name}-{stamp.strftime(_STAMP)}.log"

    def _tidy(self, now: datetime) -> None:
        kept = self._size
        for part in reversed(parts(self._directory, self._name)):
            found = part.stat()
            kept += found.st_size
            old = now - moment(found.st_mtime) > timedelta(days=self._bounds.days)
            if old or kept + self._bounds.part > self._bounds.total:
                part.unlink(missing_ok=True)


def parts(directory: Path, name: str) -> list[Path]:
    """Return the parts of a log that were put aside, the oldest first."""
    found = (each for each in directory.glob(f"{glob_escape(name)}-*Z.log"))
    return sorted(each for each in found if (match := _ASIDE.match(each.name)) and match["name"] == name)


def _stamp_of(part: Path) -> datetime:
    return datetime.strptime(part.stem.rpartition("-")[2], _STAMP).replace(tzinfo=UTC)


def names(directory: Path) -> list[str]:
    """Return whose logs there are."""
    return sorted(each.stem for each in directory.glob("*.log") if _ASIDE.match(each.name) is None)


def glob_escape(name: str) -> str:
    """Return `name` without what a glob takes for more than a letter."""
    return re.sub(r"([*?[])", r"[\1]", name)
