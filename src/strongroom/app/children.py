"""Child processes of the supervisor: started, watched, restarted with growing pauses, stopped.

Always true here:
- a child inherits the descriptors it is given and no others, and an environment made for it;
- what a child says, and whatever else it prints, goes through a pipe into the log sink, and nowhere else;
- a child that ends by itself is started again; the pause grows while it keeps ending and is forgotten once it stays;
- whatever a start fails with, it is tried again, and what was opened for it is closed;
- no child is left unwatched in silence: a watch that ends ends everything (`watch_over`).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from strongroom.app.refusals import FAILED, CannotStart
from strongroom.confinement.tree import RuntimeTree
from strongroom.kernel.clock import Clock
from strongroom.kernel.lines import follow
from strongroom.runtime.backoff import Backoff, BackoffPolicy

RESTARTS: Final = BackoffPolicy(first_s=0.4, cap_s=10.0, stable_s=30.0)
"""The pauses before our own processes and the database are started again."""
_STOP_S: Final = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A process of our own.

    Attributes:
        name: for its log and for people.
        role: the entry point in `processes`.
        hand_over: makes the reading end of a fresh handover pipe for each start.
        listen: descriptor of the socket it serves on; None: it makes its own.
        uid: numeric uid to run under, or None for the supervisor's.
        log: takes each line that it says or prints.
    """

    name: str
    role: str
    hand_over: Callable[[], int]
    listen: int | None
    uid: int | None
    log: Callable[[bytes], None]


class Child:
    """One process that is kept running."""

    def __init__(self, spec: ChildSpec, tree: RuntimeTree, clock: Clock, tell: Callable[[str], None]) -> None:
        self._spec = spec
        self._tree = tree
        self._clock = clock
        self._tell = tell
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The running process."""
        return None if self._process is None else self._process.pid

    @property
    def name(self) -> str:
        """What it is called."""
        return self._spec.name

    @property
    def watch(self) -> asyncio.Task[None]:
        """Runs as long as the process is watched.

        Raises:
            RuntimeError: before `start`.
        """
        if self._task is None:
            raise RuntimeError("not started yet")
        return self._task

    async def start(self) -> None:
        """Start the process and begin to watch it."""
        self._process = await self._launch()
        self._task = asyncio.create_task(self._watch(), name=f"watch {self._spec.name}")

    async def _launch(self) -> Process:
        spec = self._spec
        with contextlib.ExitStack() as opened:
            handover = spec.hand_over()
            opened.callback(os.close, handover)
            process = await asyncio.create_subprocess_exec(
                *self._tree.command("strongroom.app.processes"),
                spec.role,
                str(handover),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(handover,) if spec.listen is None else (handover, spec.listen),
                env=self._tree.environment(),
                cwd="/",
                process_group=0,  # Ctrl-C reaches the supervisor alone; it stops everybody in order
                user=spec.uid,
                group=spec.uid,
                extra_groups=None if spec.uid is None else [],
            )
        assert process.stdout is not None  # noqa: S101 - made with a pipe
        self._following = asyncio.create_task(follow(process.stdout, spec.log), name=f"log of {spec.name}")
        return process

    async def _watch(self) -> None:
        backoff = Backoff(RESTARTS)
        while self._process is not None:
            started = self._clock.boottime()
            code = await self._process.wait()
            pause = backoff.after(self._clock.boottime() - started)
            name, again = self._spec.name, f"starting it again in {pause:.1f} s"
            self._tell(f"{name} ended ({ending(code)}); {again}; `strongroom logs --process {name}` says more")
            self._process = await self._relaunched(pause, backoff)

    async def _relaunched(self, pause: float, backoff: Backoff) -> Process:
        """Launch again, however long it cannot be: no room, a certificate that is being replaced, a full disk."""
        while True:
            await asyncio.sleep(pause)
            pause = backoff.after(0)
            try:
                return await self._launch()
            except Exception as error:  # noqa: BLE001 - whatever it was, a process that stays away is worse
                self._tell(f"{self._spec.name} could not start ({why(error)}); trying again in {pause:.1f} s")

    async def stop(self) -> None:
        """Stop the process: first asked, then made to."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(sign)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
                    break
        if self._following is not None:  # its last words
            await asyncio.wait({self._following}, timeout=_STOP_S)


async def watch_over(children: Sequence[Child], stop: asyncio.Event) -> None:
    """Return when `stop` is set.

    Raises:
        CannotStart: when a child is no longer watched, so that everything is stopped rather than left half alive.
    """
    told = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({told, *(child.watch for child in children)}, return_when=asyncio.FIRST_COMPLETED)
        for child in children:
            if child.watch.done():
                error = None if child.watch.cancelled() else child.watch.exception()
                reason = "it ended" if error is None else why(error)
                raise CannotStart(f"{child.name} is no longer watched ({reason}); stopping everything", FAILED)
    finally:
        told.cancel()


def why(error: BaseException) -> str:
    """Return what went wrong, in words that quote nothing: an exception's own text may hold what was in hand."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return type(error).__name__


def ending(code: int) -> str:
    """Return how a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:  # a real-time signal has a number only
        return f"signal {-code}"
