"""Whether a worker may start: asked of the channel, the list of what is revoked and what is demanded, before each start.

Always true here:
- what was never told that it may start does not: not when it is said no, and not when it cannot be asked;
- a worker that ends by itself while nobody can be asked starts again for as long as the last yes is believed, and no longer;
- each yes and each no that comes from asking stands in the log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from strongroom.kernel.clock import Clock
from strongroom.kernel.refusal import Refused
from strongroom.runtime.keeper import Barred
from strongroom.store import StoreError
from strongroom.vault import VaultUnavailable

AskStart: TypeAlias = Callable[[bool], Awaitable[str]]
"""Raises `Refused` when a worker may not start; returns what could not be told, or "". True: that is no reason against it."""

AGAIN_S: Final = 300.0
"""After how long a no is asked for again, when nothing was heard that could change it; twice as long after each."""

_MOST_AGAIN_S: Final = 86_400.0
_RETRY_S: Final = 5.0
_ASK_S: Final = 30.0


class StartGate:
    """Asks for one worker."""

    def __init__(self, ask: AskStart, clock: Clock, believed_s: float, tell: Callable[[str], None]) -> None:
        """Make it.

        Args:
            ask: asks.
            clock: counts how old a yes is, by time since boot.
            believed_s: for how long the last yes counts where nobody can be asked.
            tell: is told when that is done.
        """
        self._ask: Final = ask
        self._clock: Final = clock
        self._believed_s: Final = believed_s
        self._tell: Final = tell
        self._yes_at = float("-inf")
        self._again_s = AGAIN_S
        self._asked_already = False

    def asked_already(self) -> None:
        """Take in that the very start that comes was asked for and may be."""
        self._yes_at, self._asked_already = self._clock.boottime(), True

    async def __call__(self) -> Barred | None:
        """Return why the worker may not start now; None: it may."""
        if self._asked_already:
            self._asked_already = False
            return None
        is_believed = self._clock.boottime() - self._yes_at < self._believed_s
        try:
            async with asyncio.timeout(_ASK_S):
                untold = await self._ask(is_believed)
        except Refused as refused:
            self._yes_at, again_s = float("-inf"), self._again_s
            self._again_s = min(2 * again_s, _MOST_AGAIN_S)
            return Barred(refused.refusal.tell, again_s)
        except (StoreError, VaultUnavailable, TimeoutError) as error:
            untold = f"It cannot be asked for now ({type(error).__name__})."
        except Exception as fault:  # noqa: BLE001 - whatever it was, it is no yes
            untold = f"A fault of Strongroom's own ({type(fault).__name__}) while it was asked for."
        if not untold:
            self._yes_at, self._again_s = self._clock.boottime(), AGAIN_S
            return None
        if is_believed:
            self._tell(
                f"{untold} It is started all the same, by the last yes, which is believed for {self._believed_s:.0f} s."
            )
            return None
        return Barred(untold, _RETRY_S)
