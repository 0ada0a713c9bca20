"""Isolation test 60: a worker that is killed leaves no file, neither for the worker after it nor for the machine."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.runtime.backoff import BackoffPolicy
from strongroom.runtime.events import WorkerReady, WorkerStarted
from strongroom.runtime.rig import Rig
from strongroom.runtime.spec import Kind
from strongroom.runtime.supervise import HostPolicy

CANARY = b"canary-6060-of-tenant-b"
PROBE = {Kind.EMBEDDING: "strongroom.runtime.probe_worker"}
SHARED = (Path("/dev/shm"), Path("/tmp"), Path("/var/tmp"), Path("/run"))  # noqa: S108 - looked through, not written to


def until(condition: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def spilt(places: tuple[Path, ...]) -> Iterator[Path]:
    """Yield the files of the one name under which the probe spills, with the canary in them."""
    for place in places:
        for path in (place / "spilt", *place.glob("*/spilt"), *place.glob("sr-rig-*/**/spilt")):
            if path.is_file() and CANARY in path.read_bytes():
                yield path


@pytest.mark.parametrize("namespaces", [True, False])
def test_after_a_kill_nothing_is_left_anywhere(*, namespaces: bool) -> None:
    policy = HostPolicy(backoff=BackoffPolicy(first_s=0.05, stable_s=0.1))
    with Rig([Kind.EMBEDDING], namespaces=namespaces, modules=PROBE, policy=policy) as rig:
        took = rig.ask(Kind.EMBEDDING, "/spill", CANARY).json()
        assert took, "nothing could be written at all: the test would prove nothing"
        assert len(rig.ask(Kind.EMBEDDING, "/spilt", b"").json()) >= 1
        seen = list(spilt((*SHARED, rig.home)))
        # In a namespace not even the living worker's files are anybody else's; without one they are in its directory.
        assert [path.parent.parent for path in seen] == ([] if namespaces else [rig.home / "scratch"])
        started = [event for event in rig.events if isinstance(event, WorkerStarted)]
        os.kill(started[-1].pid, signal.SIGKILL)
        until(lambda: len([event for event in rig.events if isinstance(event, WorkerReady)]) > 1)
        assert rig.ask(Kind.EMBEDDING, "/spilt", b"").json() == []
        assert list(spilt((*SHARED, rig.home))) == []
        rig.ask(Kind.EMBEDDING, "/spill", CANARY)
        rig.run(rig.host.stop())
        assert list(spilt((*SHARED, rig.home))) == []


def test_without_a_namespace_only_its_own_directory_takes_files() -> None:
    with Rig([Kind.EMBEDDING], namespaces=False, modules=PROBE) as rig:
        assert rig.ask(Kind.EMBEDDING, "/spill", CANARY).json() == [str(rig.home / "scratch" / "minilm.dev")]
