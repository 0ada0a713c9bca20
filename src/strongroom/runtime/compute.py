"""The one thread that a worker computes in.

Always true here: when a result is there, the thread holds nothing any more of what it was given, but for what it needs to
come round; who waits until it has come round (`turns`) finds nothing of an answered request in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from strongroom.runtime.lender import even_if_cancelled

_Given = TypeVar("_Given")
_Result = TypeVar("_Result")


class ComputeThread:
    """Runs one thing at a time, off the event loop."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    async def run(self, function: Callable[[_Given], _Result], given: _Given) -> _Result:
        """Return the function's result; when cancelled, still wait for its end."""
        # In a box that is emptied: the executor's own note of the work would keep it until the thread is next awake.
        box = [given]
        del given
        work = asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(box.pop()))
        return await even_if_cancelled(work)

    async def turns(self) -> bool:
        """Wait until the thread comes round."""
        await asyncio.get_running_loop().run_in_executor(self._pool, _nothing)
        return True


def _nothing() -> None:
    """Do nothing: that it is done says enough."""
