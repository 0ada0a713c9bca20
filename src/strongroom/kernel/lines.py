"""Lines of logs: following what a process writes, and saying where a fault came by without quoting it."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

_FRAMES: Final = 8
_WHERE: Final = 500


async def follow(stream: asyncio.StreamReader, take: Callable[[bytes], None]) -> None:
    """Hand over every line of `stream` until it ends. Of a line beyond the reader's bound, what is beyond is dropped."""
    dropping = False
    while True:
        try:
            line, ended = await stream.readuntil(b"\n"), True
        except asyncio.IncompleteReadError as error:
            if error.partial and not dropping:
                take(error.partial)
            return
        except asyncio.LimitOverrunError as error:
            line, ended = await stream.readexactly(max(error.consumed, 1)), False
        if not dropping:
            take(line)
        dropping = not ended


def places(kind: type[BaseException], trace: TracebackType | None) -> str:
    """Return the type of an exception and where it came by, innermost first; its text may quote what was in hand."""
    frames = traceback.extract_tb(trace)[-_FRAMES:]
    came = " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{kind.__name__} at {came}"[:_WHERE] if came else kind.__name__
