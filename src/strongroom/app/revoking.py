"""Ends the workers of a release as soon as it is revoked, and lets none of them start again."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from strongroom.kernel.clock import SystemClock
from strongroom.registry import REVOKED
from strongroom.runtime.spec import WorkerSpec
from strongroom.runtime.supervise import WorkerHost
from strongroom.store import Dsn
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower

_FIRST_READ_S: Final = 10.0


@asynccontextmanager
async def ending_revoked(login: Dsn, host: WorkerHost, *, tell: Callable[[str], None]) -> AsyncGenerator[None, None]:
    """End what is revoked already, then whatever is revoked meanwhile."""
    revoked, changed = set[str](), asyncio.Event()

    def told(entries: list[FeedEntry], full: bool) -> None:
        del full  # for good: a revocation that is not in the feed any more was one all the same
        found = {entry.id for entry in entries if entry.kind == REVOKED}
        if not found <= revoked:
            revoked.update(found)
            changed.set()

    def unwanted(spec: WorkerSpec) -> bool:
        return f"sha256:{spec.digest}" in revoked

    async def end() -> None:
        while True:
            await changed.wait()
            changed.clear()
            if ended := await host.dismiss(unwanted):
                tell(f"ended {', '.join(ended)}: the release was revoked")

    follower = Follower(login, SystemClock(), told)
    follower.start()
    await follower.ensure(_FIRST_READ_S)
    await host.dismiss(unwanted)
    ending = asyncio.create_task(end(), name="revocations")
    try:
        yield
    finally:
        ending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ending
        await follower.close()
