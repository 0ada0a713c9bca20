"""Whatever a start fails with: the process comes back once it can, nothing is leaked, and no watch ends in silence."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from strongroom.app import children
from strongroom.app.children import Child, ChildSpec, ending, watch_over
from strongroom.app.refusals import CannotStart
from strongroom.confinement.tree import RuntimeTree, current_tree
from strongroom.kernel.clock import SystemClock
from strongroom.runtime.backoff import BackoffPolicy

FAULTS = (
    ValueError("the settings are too large to hand over"),
    subprocess.SubprocessError("preexec"),
    msgspec.ValidationError("a secret"),
    FileNotFoundError(2, "No such file or directory", "/certificate.pem"),
)


@dataclass
class Told:
    """What the supervisor was told, for tests to wait on."""

    lines: list[str] = field(default_factory=list[str])
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.news.set()

    async def until(self, part: str, times: int = 1) -> None:
        async with asyncio.timeout(30):
            while sum(part in line for line in self.lines) < times:
                self.news.clear()
                await self.news.wait()


def nothing() -> int:
    """Hand over nothing: the process ends by itself at once."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    os.close(writing)
    return reading


def nowhere(line: bytes) -> None:
    """Take a line of a child's and forget it."""


def child(listener: socket.socket, tell: Callable[[str], None], hand: Callable[[], int] = nothing) -> Child:
    spec = ChildSpec(name="part", role="gateway", hand_over=hand, listen=listener.fileno(), uid=None, log=nowhere)
    return Child(spec, current_tree(), SystemClock(), tell)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "RESTARTS", BackoffPolicy(first_s=0.01, cap_s=0.05))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_it_comes_back_whatever_a_start_fails_with(fault: Exception) -> None:
    told, broken = Told(), False

    def hand_over() -> int:
        if broken:
            raise fault
        return nothing()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = child(listener, told, hand_over)
        await one.start()
        broken = True
        await told.until("could not start", 3)
        assert not one.watch.done()
        assert "a secret" not in "".join(told.lines)
        ends = sum("ended (" in line for line in told.lines)
        broken = False
        await told.until("ended (", ends + 1)  # so it was started again, and more than once
        await one.stop()


async def test_a_failed_start_leaks_no_descriptor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = child(listener, told)
        await one.start()
        with monkeypatch.context() as broken:

            def gone(tree: RuntimeTree, module: str) -> list[str]:
                return [str(tmp_path / f"{type(tree)} {module}")]

            broken.setattr(RuntimeTree, "command", gone)
            await _no_descriptor_is_leaked(told)
        ends = sum("ended (" in line for line in told.lines)
        await told.until("ended (", ends + 1)
        await one.stop()


async def _no_descriptor_is_leaked(told: Told) -> None:
    await told.until("could not start (No such file or directory", 2)
    before = descriptors()
    await told.until("could not start", 12)
    assert descriptors() < before + 5  # one a start would be ten more; others of this process come and go


async def test_a_watch_that_breaks_stops_everything() -> None:
    def tell(line: str) -> None:
        raise RuntimeError(line)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = child(listener, tell)
        await one.start()
        with pytest.raises(CannotStart, match="part is no longer watched"):
            async with asyncio.timeout(30):
                await watch_over([one], asyncio.Event())
        await one.stop()


async def test_being_told_to_stop_ends_the_watch_over_all() -> None:
    stop = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = child(listener, Told())
        await one.start()
        stop.set()
        await watch_over([one], stop)
        await one.stop()


def test_every_signal_has_words() -> None:
    assert ending(-signal.SIGKILL) == "signal SIGKILL"
    assert ending(-(signal.SIGRTMIN + 1)) == f"signal {signal.SIGRTMIN + 1}"
    assert ending(3) == "exit code 3"
