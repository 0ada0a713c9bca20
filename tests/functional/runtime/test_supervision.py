"""Crashes, hangs, and ends of workers and of the host that keeps them."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from strongroom.kernel.events import Event
from strongroom.runtime.backoff import BackoffPolicy
from strongroom.runtime.events import (
    WorkerExited,
    WorkerFailed,
    WorkerReady,
    WorkerStarted,
    WorkerStopped,
    WorkerUnresponsive,
)
from strongroom.runtime.rig import Rig, ask, fields, scope
from strongroom.runtime.spec import Kind
from strongroom.runtime.supervise import HostPolicy, WorkerState
from strongroom.wire import Pool, Truncated, UnixTarget

CHAT = "/v1/chat/completions"
FAST = HostPolicy(
    check_every_s=0.5, check_s=1, misses=2, grace_s=2, settle_s=0.3, backoff=BackoffPolicy(first_s=0.05, stable_s=0.1)
)
_Event = TypeVar("_Event", bound=Event)


@pytest.fixture(scope="module")
def rig() -> Generator[Rig]:
    with Rig([Kind.CHAT], policy=FAST) as rig:
        yield rig


def seen(rig: Rig, kind: type[_Event]) -> list[_Event]:
    return [event for event in rig.events if isinstance(event, kind)]


def until(condition: Callable[[], bool], within_s: float = 30) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def family(pid: int) -> list[int]:
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children")
        found += map(int, children.read_text(encoding="ascii").split()) if children.exists() else []
    return found


def lives(pid: int) -> bool:
    """Whether the process is there and more than a name that init has yet to collect."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (FileNotFoundError, ProcessLookupError):
        return False


def worker_pid(rig: Rig) -> int:
    """Return the pid of the model process itself: the last of the latest start's family."""
    return family(seen(rig, WorkerStarted)[-1].pid)[-1]


def test_only_the_client_may_connect(rig: Rig) -> None:
    found = rig.socket(Kind.CHAT).stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_uid == os.geteuid()


async def test_a_kill_in_mid_stream_truncates_that_answer_and_no_other(rig: Rig) -> None:
    # isolation test 63
    secret = "zebra-canary-7741"
    pool = Pool(UnixTarget(rig.socket(Kind.CHAT)))
    body = {"messages": [{"role": "user", "content": f"Repeat {secret} forever."}], "max_tokens": 1500, "stream": True}
    ready = len(seen(rig, WorkerReady))
    async with pool.request("POST", CHAT, fields(scope("a")), json.dumps(body).encode(), timeout_s=60) as response:
        stream = response.stream()
        await anext(stream)
        os.kill(worker_pid(rig), signal.SIGKILL)
        with pytest.raises(Truncated):
            async for _ in stream:
                pass
    await asyncio.to_thread(until, lambda: len(seen(rig, WorkerReady)) > ready)
    exited = seen(rig, WorkerExited)[-1]
    assert exited.was_ready
    again = {"messages": [{"role": "user", "content": "What did I say before?"}], "max_tokens": 40, "temperature": 0}
    answer = await ask(rig.socket(Kind.CHAT), CHAT, again, scope=scope("b"))
    assert answer.status == 200
    assert answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    assert secret.encode() not in answer.body
    logs = b"".join(path.read_bytes() for path in (rig.home / "logs").iterdir())
    assert secret.encode() not in logs
    await pool.close()


def test_a_worker_that_hangs_is_killed_and_started_again(rig: Rig) -> None:
    ready, hung = len(seen(rig, WorkerReady)), len(seen(rig, WorkerUnresponsive))
    os.kill(worker_pid(rig), signal.SIGSTOP)
    until(lambda: len(seen(rig, WorkerReady)) > ready)
    assert len(seen(rig, WorkerUnresponsive)) == hung + 1
    assert rig.ask(Kind.CHAT, "/health").status == 200


def test_an_engine_that_stands_still_is_told_killed_and_started_again() -> None:
    modules = {Kind.EMBEDDING: "strongroom.runtime.probe_worker"}
    policy = replace(FAST, backoff=BackoffPolicy())
    with Rig([Kind.EMBEDDING], policy=policy, modules=modules) as rig:
        assert rig.ask(Kind.EMBEDDING, "/stall", b"{}").status == 200
        until(lambda: len(seen(rig, WorkerUnresponsive)) == 1)
        until(lambda: len(seen(rig, WorkerReady)) == 2)
        assert seen(rig, WorkerExited)[-1].restart_in_s <= 0.2
        assert rig.ask(Kind.EMBEDDING, "/health").status == 200


def test_a_worker_that_cannot_start_is_reported_and_tried_again() -> None:
    modules = {Kind.EMBEDDING: "strongroom.runtime.no_such_worker"}
    rig = Rig([], policy=FAST, modules=modules)
    with rig:
        rig.run(rig.host.start([rig.spec(Kind.EMBEDDING)]))
        until(lambda: len(seen(rig, WorkerFailed)) >= 2)
        failed = seen(rig, WorkerFailed)
        assert "no_such_worker" in failed[0].reason
        assert rig.host.states()["minilm.dev"] in {WorkerState.STARTING, WorkerState.WAITING}


def test_stopping_leaves_nobody_and_no_socket() -> None:
    rig = Rig([Kind.EMBEDDING])
    with rig:
        pids = family(seen(rig, WorkerStarted)[-1].pid)
        socket = rig.socket(Kind.EMBEDDING)
        assert socket.exists()
        rig.run(rig.host.stop())
        assert not socket.exists()
        assert [pid for pid in pids if lives(pid)] == []
    assert [event.forced for event in seen(rig, WorkerStopped)] == [False]


@pytest.mark.parametrize("namespaces", [True, False])
def test_a_host_that_is_killed_takes_its_workers_along(*, namespaces: bool) -> None:
    program = f"""
import time
from strongroom.runtime.events import WorkerStarted
from strongroom.runtime.rig import Rig
from strongroom.runtime.spec import Kind
with Rig([Kind.EMBEDDING], namespaces={namespaces}) as rig:
    print(next(e.pid for e in rig.events if isinstance(e, WorkerStarted)), rig.home, flush=True)
    time.sleep(120)
"""
    host = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    )
    assert host.stdout is not None
    pid, _, home = host.stdout.readline().strip().partition(" ")
    pids = family(int(pid))
    host.kill()
    host.wait()
    host.stdout.close()
    until(lambda: not any(map(lives, pids)), 10)
    shutil.rmtree(home)


def test_memory_beyond_the_bound_ends_the_worker_alone() -> None:
    modules = {Kind.EMBEDDING: "strongroom.runtime.probe_worker"}
    changes = {"memory_bytes": 256 << 20}
    with Rig([Kind.EMBEDDING], policy=FAST, modules=modules, changes=changes) as rig:
        ready = len(seen(rig, WorkerReady))
        try:
            # A resource limit makes the allocation fail; a control group ends the process.
            assert rig.ask(Kind.EMBEDDING, "/hog", b"2000").status == 500
        except Truncated:
            until(lambda: len(seen(rig, WorkerReady)) > ready)
        assert rig.ask(Kind.EMBEDDING, "/health").status == 200


def test_a_worker_is_never_root() -> None:
    rig = Rig([], policy=FAST, changes={"uid": 0 if os.geteuid() == 0 else None})
    with rig:
        rig.run(rig.host.start([rig.spec(Kind.EMBEDDING)]))
        until(lambda: bool(seen(rig, WorkerFailed) if os.geteuid() == 0 else seen(rig, WorkerReady)))
        assert os.geteuid() != 0 or "never root" in seen(rig, WorkerFailed)[0].reason


def test_names_sockets_and_uids_are_unique_and_usable(rig: Rig) -> None:
    other = replace(rig.spec(Kind.CHAT), name="other", socket_path=rig.home / "x.sock", uid=77)
    for clash in ({"name": "smollm2-135m.dev"}, {"socket_path": rig.socket(Kind.CHAT)}):
        with pytest.raises(ValueError, match="of its own"):
            rig.run(rig.host.start([replace(other, **clash)]))
    with pytest.raises(ValueError, match="107"):
        replace(other, socket_path=Path("/" + "x" * 107))
    with pytest.raises(ValueError, match="name"):
        replace(other, name="../x")
