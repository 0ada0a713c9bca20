"""Whether the engine's one loop still turns: it is asked something that only that loop can answer.

Always true here:
- one question is under way at most, however many ask for the worker's health;
- a question that the engine has not answered for `silent_s` means that it makes no progress for anybody: whoever keeps
  the worker is told so, and ends it. A loop that works comes round after each batch of a prompt and each token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

SILENT_S: Final = 15.0
_WAIT_S: Final = 0.5


class Pulse:
    """Asks, and remembers since when there has been no answer."""

    def __init__(
        self, ask: Callable[[], Awaitable[bool]], *, silent_s: float = SILENT_S, wait_s: float = _WAIT_S
    ) -> None:
        self._ask = ask
        self._silent_s = silent_s
        self._wait_s = wait_s
        self._asking: asyncio.Future[bool] | None = None
        self._since = 0.0

    async def beats(self) -> bool:
        """Whether the engine is well, as far as is known within a moment."""
        now = asyncio.get_running_loop().time
        if self._asking is None:
            self._asking, self._since = asyncio.ensure_future(self._ask()), now()
        asking = self._asking
        await asyncio.wait({asking}, timeout=self._wait_s)
        if not asking.done():
            return now() - self._since < self._silent_s
        if self._asking is asking:
            self._asking = None
        return asking.result()
