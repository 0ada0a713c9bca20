"""One worker's life, across its processes: started, watched, started again, and at last stopped.

Always true here: what happens is told to the observer once, no process is left running when `stop` returns, and before each
start, after a crash too, it is asked whether the worker may.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Final, NamedTuple, TypeAlias

from strongroom.kernel.clock import Clock
from strongroom.kernel.events import Observer
from strongroom.kernel.lines import follow
from strongroom.runtime.backoff import Backoff, BackoffPolicy
from strongroom.runtime.blobs import WrongDigestError
from strongroom.runtime.events import (
    WorkerBarred,
    WorkerExited,
    WorkerFailed,
    WorkerReady,
    WorkerStarted,
    WorkerStopped,
    WorkerUnresponsive,
)
from strongroom.runtime.launch import Launched, LaunchError
from strongroom.runtime.spec import WorkerSpec
from strongroom.wire import ClientError, Pool, UnixTarget

_OK: Final = 200


@unique
class WorkerState(StrEnum):
    """Where a worker stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"  # for its next start, after a crash
    BARRED = "barred"  # it may not be started now
    STOPPED = "stopped"


class Barred(NamedTuple):
    """Why a worker may not be started now, and in how many seconds that is asked again at the latest."""

    why: str
    again_s: float


MayStart: TypeAlias = Callable[[], Awaitable[Barred | None]]
"""Asked before each start of a worker; None: it may. Raises nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPolicy:
    """The host's patience, in seconds.

    Attributes:
        start_s: from the start of a process to its first answer.
        check_every_s: between two looks at a worker that is ready.
        check_s: for one look.
        misses: looks in a row that may fail before it is killed.
        settle_s: from a failed look to the kill, so that a crash is not called a hang.
        grace_s: from being asked to stop to being killed.
        backoff: between crashes.
    """

    start_s: float = 120.0
    check_every_s: float = 5.0
    check_s: float = 10.0
    misses: int = 3
    settle_s: float = 1.0
    grace_s: float = 5.0
    backoff: BackoffPolicy = field(default_factory=BackoffPolicy)


class Keeper:
    """One worker's life, across its processes."""

    def __init__(
        self,
        spec: WorkerSpec,
        *,
        launch: Callable[[], Awaitable[Launched]],
        clock: Clock,
        observe: Observer,
        log: Callable[[bytes], None],
        policy: HostPolicy,
        may_start: MayStart | None = None,
    ) -> None:
        self.spec = spec
        self.state = WorkerState.STARTING
        self.was_ready = asyncio.Event()
        self.settled = asyncio.Event()
        """Whether it was ready once, or may not be started."""
        self.barred = ""
        self._may_start = may_start
        self._ending = asyncio.Event()
        self._again = asyncio.Event()
        self._launch = launch
        self._clock = clock
        self._observe = observe
        self._log = log
        self._policy = policy
        self._backoff = Backoff(policy.backoff)
        self._ready_at: float | None = None
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name=f"worker {spec.name}")

    async def stop(self) -> None:
        """Stop for good."""
        self._stopping.set()
        await self._task

    def end(self) -> None:
        """End the process that runs, if one does; before the next start it is asked whether that may be."""
        self._ending.set()

    def ask_again(self) -> None:
        """Ask at once whether a worker may start that might not."""
        self._again.set()

    async def _is_barred(self) -> bool:
        """Ask whether the worker may start; if not, wait until that may be another matter."""
        self._ending.clear()  # before it is asked: what is said meanwhile ends what is started by then
        self._again.clear()
        barred = None if self._may_start is None else await self._may_start()
        if barred is None:
            self.barred = ""
            return False
        self.state = WorkerState.BARRED
        if barred.why != self.barred:
            self.barred = barred.why
            self._observe(WorkerBarred(worker=self.spec.name, reason=barred.why))
        self.settled.set()
        waits = [asyncio.create_task(each.wait()) for each in (self._stopping, self._again)]
        await asyncio.wait(waits, timeout=barred.again_s, return_when=asyncio.FIRST_COMPLETED)
        for each in waits:
            each.cancel()
        return True

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            if await self._is_barred():
                continue
            self.state, self._ready_at = WorkerState.STARTING, None
            began = self._clock.boottime()
            try:
                launched = await self._launch()
            except (LaunchError, OSError, WrongDigestError) as error:
                wait_s = self._backoff.after(0)
                self._observe(WorkerFailed(worker=self.spec.name, reason=str(error), restart_in_s=wait_s))
            else:
                wait_s = await self._live(launched, began)
            self.state = WorkerState.WAITING
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
        self.state = WorkerState.STOPPED

    async def _live(self, launched: Launched, began: float) -> float:
        """See one process through to its end; return how long to wait before the next."""
        name = self.spec.name
        self._observe(WorkerStarted(worker=name, pid=launched.process.pid))
        following = asyncio.create_task(follow(launched.errors, self._log))
        ended = asyncio.create_task(launched.gone())
        watching = asyncio.create_task(self._watch(launched, began))
        stopping = asyncio.create_task(self._stopping.wait())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait({ended, stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
        asked = not ended.done()
        if asked:
            await self._end(launched, ended)
        status = await ended
        await following
        for task in (watching, stopping, ending):
            task.cancel()
        await asyncio.wait({watching, stopping, ending})
        if asked:
            return 0.0
        # Loading is no merit: only a worker that was ready for a while has been well.
        wait_s = self._backoff.after(0 if self._ready_at is None else self._clock.boottime() - self._ready_at)
        was_ready = self.state is WorkerState.READY
        self._observe(WorkerExited(worker=name, status=status, was_ready=was_ready, restart_in_s=wait_s))
        return wait_s

    async def _end(self, launched: Launched, ended: asyncio.Task[int]) -> None:
        launched.end_input()
        done, _ = await asyncio.wait({ended}, timeout=self._policy.grace_s)
        if not done:
            launched.kill()
            await asyncio.wait({ended})
        self.spec.socket_path.unlink(missing_ok=True)
        self._observe(WorkerStopped(worker=self.spec.name, forced=not done))

    async def _watch(self, launched: Launched, began: float) -> None:
        """Say when the worker is ready; kill it when it does not become, or stay, able to answer."""
        pool = Pool(UnixTarget(self.spec.socket_path), max_connections=1)
        try:
            # One question, which the socket's queue holds until the worker accepts: no polling.
            if await self._answers(pool, self._policy.start_s):
                self.state = WorkerState.READY
                self.was_ready.set()
                self.settled.set()
                self._ready_at = self._clock.boottime()
                after_s = self._ready_at - began
                self._observe(WorkerReady(worker=self.spec.name, after_s=after_s))
                await self._until_silent(pool)
            # A process that is dying anyway ends within this moment, and that cancels us.
            await asyncio.sleep(self._policy.settle_s)
            self._observe(WorkerUnresponsive(worker=self.spec.name))
            launched.kill()
        finally:
            await pool.close()

    async def _until_silent(self, pool: Pool) -> None:
        misses = 0
        while misses < self._policy.misses:
            await asyncio.sleep(self._policy.check_every_s)
            match await self._answers(pool, self._policy.check_s):
                case True:
                    misses = 0
                case False:
                    return  # it says so itself: there is nothing to wait for
                case None:
                    misses += 1

    async def _answers(self, pool: Pool, within_s: float) -> bool | None:
        """Ask the worker whether it is well; None when it does not say."""
        try:
            async with pool.request("GET", "/health", timeout_s=within_s) as response:
                await response.read(1 << 10)
                return response.status == _OK
        except ClientError:
            return None
