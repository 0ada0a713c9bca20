"""How a process of our own speaks: lines on standard error, which is a pipe that its supervisor reads.

Always true here: speaking never waits. A full pipe takes nothing, the line is lost, and the next one that gets through says how
many were.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

import msgspec

from strongroom.app.logs.model import SAID_BYTES, Level, Said, level_of
from strongroom.kernel.lines import places

_STDOUT, _STDERR = 1, 2
_SOURCE: Final = 80
_QUOTING: Final = frozenset({"asyncio"})  # its messages go on with the repr of what failed, which quotes the exception


class PipeHandler(logging.Handler):
    """Writes each record as one line to a descriptor that does not block."""

    def __init__(self, descriptor: int = _STDERR) -> None:
        super().__init__()
        os.set_blocking(descriptor, False)
        self._descriptor: Final = descriptor
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record, or count it as lost."""
        lost = self._lost
        try:
            os.write(self._descriptor, line_of(said_of(record, lost)))
        except OSError:  # full, or nobody reads any more
            self._lost += 1
        else:
            self._lost -= lost


def said_of(record: logging.LogRecord, lost: int = 0) -> Said:
    """Return what a record says. An exception's own text stays out: it may quote what was in hand."""
    try:
        text = record.getMessage()
    except Exception as error:  # noqa: BLE001 - a badly formed message must not end who says it
        text = f"{record.msg!s:.200} ({type(error).__name__} in its arguments)"
    if record.name in _QUOTING:
        text = text.partition("\n")[0]
    where = ""
    if record.exc_info and record.exc_info[0] is not None:
        where = places(record.exc_info[0], record.exc_info[2])
    return Said(
        at=record.created,
        level=level_of(record.levelno),
        source=record.name[:_SOURCE],
        text=text,
        where=where,
        lost=lost,
    )


def line_of(said: Said) -> bytes:
    """Return the line, cut so that a pipe takes it whole."""
    line = msgspec.json.encode(said)
    if len(line) >= SAID_BYTES:
        bare = msgspec.structs.replace(said, text="", cut=True)
        room = SAID_BYTES - len(msgspec.json.encode(bare)) - 1
        text = said.text[:room]
        while (size := len(msgspec.json.encode(text)) - 2) > room:
            text = text[: len(text) * room // size]
        line = msgspec.json.encode(msgspec.structs.replace(bare, text=text))
    return line + b"\n"


class Voice(io.TextIOBase):
    """Standard output and error of a process: what is printed becomes lines of the log."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say: Final = say
        self._begun = ""
        self._lock: Final = threading.Lock()

    def writable(self) -> bool:
        """It takes text."""
        return True

    def write(self, text: str, /) -> int:
        """Take text; every full line is said."""
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            if len(self._begun) > SAID_BYTES:
                lines, self._begun = [*lines, self._begun], ""
        for line in lines:
            if line.strip():
                self._say(line)
        return len(text)


def speak(level: int = logging.INFO, handler: logging.Handler | None = None) -> None:
    """Make everything that this process says lines of the log: records, prints, warnings, and exceptions nobody caught."""
    root = logging.getLogger()
    root.handlers[:] = [handler or PipeHandler()]
    root.setLevel(level)
    logging.raiseExceptions = False
    logging.captureWarnings(True)  # noqa: FBT003 - the standard library's signature
    output = logging.getLogger("output")
    sys.stdout = sys.stderr = Voice(output.info)
    fault = logging.getLogger("strongroom")

    def uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        del error
        fault.error("an exception that nobody caught: %s", places(kind, trace))

    sys.excepthook = uncaught
    threading.excepthook = lambda told: uncaught(told.exc_type, told.exc_value, told.exc_traceback)
    sys.unraisablehook = lambda told: uncaught(told.exc_type, told.exc_value, told.exc_traceback)


def now_said(level: Level, source: str, text: str) -> Said:
    """Return something as said at this moment."""
    return Said(at=time.time(), level=level, source=source, text=text)
