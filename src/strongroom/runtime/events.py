"""What the runtime tells the rooms above it. No event carries anything a tenant sent."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.kernel.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent(Event):
    """Base of what happens to one worker, by its name."""

    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStarted(WorkerEvent):
    """A process exists; it loads."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReady(WorkerEvent):
    """The worker answers."""

    after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerUnresponsive(WorkerEvent):
    """The worker lives and does not answer; it is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerExited(WorkerEvent):
    """The process has ended without being asked to; `status` is negative for a signal."""

    status: int
    was_ready: bool
    restart_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerFailed(WorkerEvent):
    """The worker could not even be started: `reason` says what the launcher met."""

    reason: str
    restart_in_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerStopped(WorkerEvent):
    """The worker has been stopped, and `forced` says whether it had to be killed."""

    forced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerBarred(WorkerEvent):
    """The worker may not be started now: `reason` says why, in words for people."""

    reason: str
