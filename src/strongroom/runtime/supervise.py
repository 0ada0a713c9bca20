"""Keeps a set of workers alive: starts, waits until ready, restarts with back-off, stops, leaves nobody behind.

Always true here:
- a crash costs the requests that worker was serving; its socket refuses until the next start, then holds callers until
  it is ready; a crash loop waits longer each time, up to a cap;
- a worker that lives and does not answer is killed;
- after `stop`, and after the host's own death however it comes, no worker is left: they follow its end of a pipe, and
  the kernel follows its parent;
- weights are sealed once per release and shared by its workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.kernel.events import Observer
from strongroom.runtime import weights
from strongroom.runtime.backoff import Backoff, BackoffPolicy
from strongroom.runtime.blobs import WrongDigestError
from strongroom.runtime.events import (
    WorkerExited,
    WorkerFailed,
    WorkerReady,
    WorkerStarted,
    WorkerStopped,
    WorkerUnresponsive,
)
from strongroom.runtime.launch import Launched, Launcher, LaunchError
from strongroom.runtime.logs import BoundedLog
from strongroom.runtime.spec import WorkerSpec
from strongroom.wire import ClientError, Pool, UnixTarget

_OK: Final = 200


@unique
class WorkerState(StrEnum):
    """Where a worker stands."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"  # for its next start, after a crash
    STOPPED = "stopped"


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


class WorkersNotReadyError(Exception):
    """Some workers did not become ready in time; says which."""


class WorkerHost:
    """Runs workers until it is told to stop."""

    def __init__(
        self,
        launcher: Launcher,
        *,
        clock: Clock,
        observe: Observer,
        logs: Path,
        policy: HostPolicy | None = None,
    ) -> None:
        self._launcher = launcher
        self._clock = clock
        self._observe = observe
        self._logs = logs
        self._policy = policy or HostPolicy()
        self._sealed: dict[str, int] = {}
        self._keepers: dict[str, _Keeper] = {}

    async def start(self, specs: Sequence[WorkerSpec]) -> None:
        """Seal the weights and begin to start every worker; returns before they are ready.

        Raises:
            ValueError: for two workers of one name, socket or uid.
            WrongDigestError: when a blob's bytes are not the ones its name says.
            OSError: when a blob cannot be read.
        """
        everyone = [*(keeper.spec for keeper in self._keepers.values()), *specs]
        _distinct("name", [spec.name for spec in everyone])
        _distinct("socket", [spec.socket_path for spec in everyone])
        _distinct("uid", [spec.uid for spec in everyone if spec.uid is not None])
        for artefact in (item for spec in specs for item in spec.artefacts):
            if artefact.digest not in self._sealed:
                self._sealed[artefact.digest] = await asyncio.to_thread(weights.seal, artefact)
        for spec in specs:
            self._keepers[spec.name] = _Keeper(self, spec)

    async def ready(self, within_s: float) -> None:
        """Wait until every worker has been ready once.

        Raises:
            WorkersNotReadyError: naming those that were not, in time.
        """
        waits = {name: asyncio.create_task(keeper.was_ready.wait()) for name, keeper in self._keepers.items()}
        if waits:
            _, late = await asyncio.wait(waits.values(), timeout=within_s)
            for task in late:
                task.cancel()
            if late:
                raise WorkersNotReadyError(", ".join(name for name, task in waits.items() if task in late))

    def states(self) -> dict[str, WorkerState]:
        """Return where each worker stands."""
        return {name: keeper.state for name, keeper in self._keepers.items()}

    async def stop(self) -> None:
        """Stop every worker, cleanly within the grace and by force after it, and let go of the weights."""
        keepers, self._keepers = list(self._keepers.values()), {}
        await asyncio.gather(*(keeper.stop() for keeper in keepers))
        for descriptor in self._sealed.values():
            os.close(descriptor)
        self._sealed.clear()

    # What keepers share.

    async def launch(self, spec: WorkerSpec) -> Launched:
        """Start one process of a worker."""
        return await self._launcher.launch(spec, self._sealed)

    @property
    def policy(self) -> HostPolicy:
        """The host's patience."""
        return self._policy

    @property
    def clock(self) -> Clock:
        """The host's clock."""
        return self._clock

    @property
    def observe(self) -> Observer:
        """Whom to tell."""
        return self._observe

    def log(self, spec: WorkerSpec) -> BoundedLog:
        """Return the worker's log."""
        return BoundedLog(self._logs / f"worker-{spec.name}.log")


def _distinct(what: str, values: Sequence[Hashable]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"every worker has a {what} of its own")


class _Keeper:
    """One worker's life, across its processes."""

    def __init__(self, host: WorkerHost, spec: WorkerSpec) -> None:
        self.state = WorkerState.STARTING
        self.was_ready = asyncio.Event()
        self._host = host
        self.spec = spec
        self._backoff = Backoff(host.policy.backoff)
        self._log = host.log(spec)
        self._stopping = asyncio.Event()
        self._task = asyncio.create_task(self._keep(), name=f"worker {spec.name}")

    async def stop(self) -> None:
        """Stop for good."""
        self._stopping.set()
        await self._task

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            self.state = WorkerState.STARTING
            began = self._host.clock.boottime()
            try:
                launched = await self._host.launch(self.spec)
            except (LaunchError, OSError, WrongDigestError) as error:
                wait_s = self._backoff.after(0)
                self._host.observe(WorkerFailed(worker=self.spec.name, reason=str(error), restart_in_s=wait_s))
            else:
                wait_s = await self._live(launched, began)
            self.state = WorkerState.WAITING
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stopping.wait()
        self.state = WorkerState.STOPPED

    async def _live(self, launched: Launched, began: float) -> float:
        """See one process through to its end; return how long to wait before the next."""
        name, host = self.spec.name, self._host
        host.observe(WorkerStarted(worker=name, pid=launched.process.pid))
        following = asyncio.create_task(self._log.follow(launched.errors))
        ended = asyncio.create_task(launched.gone())
        watching = asyncio.create_task(self._watch(launched, began))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        asked = not ended.done()
        if asked:
            await self._end(launched, ended)
        status = await ended
        await following
        for task in (watching, stopping):
            task.cancel()
        await asyncio.wait({watching, stopping})
        if asked:
            return 0.0
        wait_s = self._backoff.after(host.clock.boottime() - began)
        was_ready = self.state is WorkerState.READY
        host.observe(WorkerExited(worker=name, status=status, was_ready=was_ready, restart_in_s=wait_s))
        return wait_s

    async def _end(self, launched: Launched, ended: asyncio.Task[int]) -> None:
        launched.end_input()
        done, _ = await asyncio.wait({ended}, timeout=self._host.policy.grace_s)
        if not done:
            launched.kill()
            await asyncio.wait({ended})
        self.spec.socket_path.unlink(missing_ok=True)
        self._host.observe(WorkerStopped(worker=self.spec.name, forced=not done))

    async def _watch(self, launched: Launched, began: float) -> None:
        """Say when the worker is ready; kill it when it does not become, or stay, able to answer."""
        policy = self._host.policy
        pool = Pool(UnixTarget(self.spec.socket_path), max_connections=1)
        try:
            # One question, which the socket's queue holds until the worker accepts: no polling.
            if await self._answers(pool, policy.start_s):
                self.state = WorkerState.READY
                self.was_ready.set()
                after_s = self._host.clock.boottime() - began
                self._host.observe(WorkerReady(worker=self.spec.name, after_s=after_s))
                await self._until_silent(pool)
            # A process that is dying anyway ends within this moment, and that cancels us.
            await asyncio.sleep(policy.settle_s)
            self._host.observe(WorkerUnresponsive(worker=self.spec.name))
            launched.kill()
        finally:
            await pool.close()

    async def _until_silent(self, pool: Pool) -> None:
        misses = 0
        while misses < self._host.policy.misses:
            await asyncio.sleep(self._host.policy.check_every_s)
            misses = 0 if await self._answers(pool, self._host.policy.check_s) else misses + 1

    async def _answers(self, pool: Pool, within_s: float) -> bool:
        try:
            async with pool.request("GET", "/health", timeout_s=within_s) as response:
                await response.read(1 << 10)
                return response.status == _OK
        except ClientError:
            return False
