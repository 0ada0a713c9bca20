"""A worker's only log: lines on standard error, a pipe that its launcher reads. It never waits: what does not fit is lost and counted."""

from __future__ import annotations

import logging
import os
import sys
from types import TracebackType
from typing import Final

from strongroom.kernel.lines import places

_STDERR: Final = 2
_LONGEST: Final = 1000  # bytes; a pipe takes as much at once or nothing
_lost = 0


def note(text: str) -> None:
    """Write a line to the worker's log; never with anything from a request."""
    global _lost  # noqa: PLW0603 - one process, one standard error, one event loop
    told = f" ({_lost} lines were lost before)" if _lost else ""
    try:
        os.write(_STDERR, (text + told).encode("utf-8", "replace")[:_LONGEST] + b"\n")
    except OSError:
        _lost += 1
    else:
        _lost = 0


class _Notes(logging.Handler):
    """Notes what libraries log: the first line, and of an exception its type and places."""

    def emit(self, record: logging.LogRecord) -> None:
        """Note one record; asyncio's messages go on with the repr of what failed, which quotes it."""
        kind, _, trace = record.exc_info or (None, None, None)
        text = record.getMessage().partition("\n")[0]
        note(f"{record.name}: {text}" if kind is None else f"{record.name}: {text}: {places(kind, trace)}")


def listen() -> None:
    """Make notes of what is logged and of what nobody caught; a full pipe loses lines rather than stop the worker."""
    os.set_blocking(_STDERR, False)
    logging.getLogger().handlers[:] = [_Notes(logging.WARNING)]
    logging.raiseExceptions = False

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        del error
        note(f"an exception that nobody caught: {places(kind, trace)}")

    sys.excepthook = uncaught
