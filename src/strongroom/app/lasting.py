"""That what a process does beside answering goes on, or is known not to.

Always true here:
- what a duty fails with is told in the log, by where it came by and in no words of its own: they may quote what was in hand;
- a duty that can be begun anew is, after a pause that grows (`kept_up`);
- one that cannot, as it has closed what it works with, ends its process, which the supervisor starts again (`until`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine
from typing import Final, TypeAlias

from strongroom.kernel.clock import Clock
from strongroom.kernel.lines import places
from strongroom.runtime.backoff import Backoff, BackoffPolicy

_AGAIN: Final = BackoffPolicy(first_s=1.0, cap_s=60.0, stable_s=300.0)
_log: Final = logging.getLogger(__name__)

Duty: TypeAlias = Callable[[], Coroutine[None, None, None]]
"""Begins what is done until it is cancelled, or until there is nothing more to do."""


async def kept_up(name: str, duty: Duty, clock: Clock, pauses: BackoffPolicy = _AGAIN) -> None:
    """Do a duty until cancelled, or until it has nothing more to do; begin it again whatever it fails with."""
    backoff = Backoff(pauses)
    while True:
        began = clock.boottime()
        try:
            return await duty()
        except Exception as error:  # noqa: BLE001 - whatever it was, a duty that nobody does any more is worse
            pause = backoff.after(clock.boottime() - began)
            _log.error("%s: %s; beginning again in %.1f s", name, places(type(error), error.__traceback__), pause)
        await asyncio.sleep(pause)


async def until(stop: asyncio.Event, duties: Collection[asyncio.Task[None]]) -> None:
    """Return when `stop` is set.

    Raises:
        RuntimeError: when one of `duties` has ended before: it is to end the process.
    """
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({told, *duties}, return_when=asyncio.FIRST_COMPLETED)
        if told.done():
            return
        for duty in duties:
            if duty.done():
                error = None if duty.cancelled() else duty.exception()
                why = "it had nothing more to do" if error is None else places(type(error), error.__traceback__)
                _log.error("%s has ended (%s): so this process ends", duty.get_name(), why)
                raise RuntimeError(f"{duty.get_name()} has ended")
    finally:
        told.cancel()
