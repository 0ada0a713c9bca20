"""Keeps a set of workers alive: starts, waits until ready, restarts with back-off, stops, leaves nobody behind.

Always true here:
- a crash costs the requests that worker was serving; its socket refuses until the next start, then holds callers until
  it is ready; a crash loop waits longer each time, up to a cap;
- a worker that lives and does not answer is killed;
- no worker is started, anew or after a crash, without having asked whether it may;
- after `stop`, and after the host's own death however it comes, no worker is left: they follow its end of a pipe, and
  the kernel follows its parent;
- weights are sealed once per release and shared by its workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Callable, Hashable, Mapping, Sequence

from strongroom.kernel.clock import Clock
from strongroom.kernel.events import Observer
from strongroom.runtime import weights
from strongroom.runtime.keeper import HostPolicy, Keeper, MayStart, WorkerState
from strongroom.runtime.launch import Launcher
from strongroom.runtime.spec import WorkerSpec

__all__ = ["HostPolicy", "WorkerHost", "WorkerState", "WorkersNotReadyError"]


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
        log: Callable[[str, bytes], None],
        policy: HostPolicy | None = None,
    ) -> None:
        self._launcher = launcher
        self._clock = clock
        self._observe = observe
        self._log = log
        self._policy = policy or HostPolicy()
        self._sealed: dict[str, int] = {}
        self._keepers: dict[str, Keeper] = {}
        self._own: dict[str, Mapping[str, int]] = {}

    async def start(
        self, specs: Sequence[WorkerSpec], may_start: Callable[[WorkerSpec], MayStart | None] | None = None
    ) -> None:
        """Seal the weights and begin to start every worker; returns before they are ready.

        Args:
            specs: what each is to be.
            may_start: returns what each asks before a start; None: nothing is asked.

        Raises:
            ValueError: for two workers of one name, socket or uid.
            WrongDigestError: when a blob's bytes are not the ones its name says.
            OSError: when a blob cannot be read.
        """
        self._refuse_clash(specs)
        for artefact in (item for spec in specs for item in spec.artefacts):
            if artefact.digest not in self._sealed:
                self._sealed[artefact.digest] = await asyncio.to_thread(weights.seal, artefact)
        for spec in specs:
            self._keepers[spec.name] = self._keeper(spec, self._sealed, None if may_start is None else may_start(spec))

    def add(self, spec: WorkerSpec, sealed: Mapping[str, int], may_start: MayStart | None = None) -> None:
        """Begin to start one worker on memory that was sealed for it alone, and is let go of when it is removed.

        Args:
            spec: what to be.
            sealed: a read-only descriptor of sealed memory for each artefact, by digest; the host's from here on.
            may_start: asked before each start; None: nothing is asked.

        Raises:
            ValueError: for a name, socket or uid that another worker has; the descriptors stay the caller's then.
        """
        self._refuse_clash([spec])
        self._own[spec.name] = sealed
        self._keepers[spec.name] = self._keeper(spec, dict(sealed), may_start)

    async def remove(self, name: str) -> None:
        """Stop a worker that was added, cleanly within the grace and by force after it."""
        keeper = self._keepers.pop(name, None)
        if keeper is not None:
            await keeper.stop()
        for descriptor in self._own.pop(name, {}).values():
            os.close(descriptor)

    async def is_ready(self, name: str, within_s: float) -> bool:
        """Wait until a worker has been ready once; whether it was in time."""
        keeper = self._keepers.get(name)
        if keeper is None:
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await keeper.was_ready.wait()
        return keeper.was_ready.is_set()

    def _keeper(self, spec: WorkerSpec, sealed: dict[str, int], may_start: MayStart | None) -> Keeper:
        return Keeper(
            spec,
            launch=functools.partial(self._launcher.launch, spec, sealed),
            clock=self._clock,
            observe=self._observe,
            log=functools.partial(self._log, f"worker-{spec.name}"),
            policy=self._policy,
            may_start=may_start,
        )

    def _refuse_clash(self, specs: Sequence[WorkerSpec]) -> None:
        everyone = [*(keeper.spec for keeper in self._keepers.values()), *specs]
        _distinct("name", [spec.name for spec in everyone])
        _distinct("socket", [spec.socket_path for spec in everyone])
        _distinct("uid", [spec.uid for spec in everyone if spec.uid is not None])

    async def ready(self, within_s: float) -> None:
        """Wait until every worker has been ready once, or was found not to be allowed to start.

        Raises:
            WorkersNotReadyError: naming those that were not, in time.
        """
        waits = {name: asyncio.create_task(keeper.settled.wait()) for name, keeper in self._keepers.items()}
        try:
            await asyncio.wait([*waits.values(), asyncio.create_task(asyncio.sleep(0))], timeout=within_s)
        finally:
            late = [name for name, task in waits.items() if not task.done()]
            for task in waits.values():
                task.cancel()
        if late:
            raise WorkersNotReadyError(", ".join(late))

    def states(self) -> dict[str, WorkerState]:
        """Return where each worker stands."""
        return {name: keeper.state for name, keeper in self._keepers.items()}

    def barred(self) -> dict[str, str]:
        """Return which workers may not be started now, and why."""
        return {name: keeper.barred for name, keeper in self._keepers.items() if keeper.state is WorkerState.BARRED}

    def end(self, unwanted: Callable[[WorkerSpec], bool]) -> list[str]:
        """End the processes of the workers that are `unwanted` now, and return their names; whether they start again is asked."""
        ended = {
            name: keeper
            for name, keeper in self._keepers.items()
            if keeper.state is not WorkerState.BARRED and unwanted(keeper.spec)
        }
        for keeper in ended.values():
            keeper.end()
        return sorted(ended)

    def ask_again(self, wanted: Callable[[WorkerSpec], bool]) -> None:
        """Ask at once whether those of the `wanted` may start that might not."""
        for keeper in self._keepers.values():
            if keeper.state is WorkerState.BARRED and wanted(keeper.spec):
                keeper.ask_again()

    async def dismiss(self, unwanted: Callable[[WorkerSpec], bool]) -> list[str]:
        """Stop the workers that are `unwanted` for good, as `stop` does, and return their names."""
        keepers = {name: keeper for name, keeper in self._keepers.items() if unwanted(keeper.spec)}
        for name in keepers:  # first: nobody who looks meanwhile counts on them
            del self._keepers[name]
        await asyncio.gather(*(keeper.stop() for keeper in keepers.values()))
        return sorted(keepers)

    async def stop(self) -> None:
        """Stop every worker, cleanly within the grace and by force after it, and let go of the weights."""
        keepers, self._keepers = list(self._keepers.values()), {}
        await asyncio.gather(*(keeper.stop() for keeper in keepers))
        for sealed in (self._sealed, *self._own.values()):
            for descriptor in sealed.values():
                os.close(descriptor)
        self._sealed.clear()
        self._own.clear()


def _distinct(what: str, values: Sequence[Hashable]) -> None:
    if len(set(values)) != len(values):
        raise ValueError(f"every worker has a {what} of its own")
