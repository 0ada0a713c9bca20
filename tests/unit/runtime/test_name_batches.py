"""Batches of the worker for names: in turn between tenants, bounded, and done with whoever leaves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from strongroom.privacy.naming import Read
from strongroom.runtime.lender import QueueFullError
from strongroom.runtime.name_front import Batcher
from strongroom.runtime.namer import Window, fitting


class Engine:
    """Reads windows when it is let; each text is as many windows as it has characters."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.let = threading.Event()
        self.begun = threading.Event()
        self.fails = False

    def cut(self, text: str) -> list[Window]:
        return [Window((ord(character),), ((place, place + 1),), 0, 1) for place, character in enumerate(text)]

    def run(self, run: Sequence[Window]) -> list[list[Read]]:
        self.begun.set()
        assert self.let.wait(10)
        self.runs.append("".join(chr(window.ids[0]) for window in run))
        if self.fails:
            raise RuntimeError("no")
        return [[Read(*window.places[0], 0, 1.0)] for window in run]


async def begun(engine: Engine) -> None:
    assert await asyncio.to_thread(engine.begun.wait, 10)


def batcher(engine: Engine) -> Batcher:
    stands_in: Any = engine
    return Batcher(stands_in)


async def test_a_long_text_of_one_tenant_delays_anothers_by_one_batch() -> None:
    engine = Engine()
    made = batcher(engine)
    long = asyncio.ensure_future(made.read("a", ["a" * 40]))
    await begun(engine)  # a batch of a's alone is under way, and b's texts come
    # The one thread that cuts is the one that reads: b's are cut between two batches.
    short = asyncio.ensure_future(made.read("b", ["bb", "b"]))
    engine.let.set()
    assert [len(each) for each in await short] == [2, 1]
    assert [len(each) for each in await long] == [40]
    assert "".join(engine.runs).count("a") == 40
    first = next(number for number, run in enumerate(engine.runs) if "b" in run)
    assert first <= 2
    assert engine.runs[first].count("b") == 3, "all of b's in its first batch"
    assert "a" in engine.runs[first], "and a goes on beside it"


async def test_who_leaves_is_read_no_further() -> None:
    engine = Engine()
    made = batcher(engine)
    gone = asyncio.ensure_future(made.read("a", ["a" * 400]))
    await begun(engine)
    gone.cancel()
    await asyncio.wait([gone])
    engine.let.set()
    assert await made.read("b", ["b"])
    assert "".join(engine.runs).count("a") <= 16


async def test_what_waits_is_bounded_for_each_tenant() -> None:
    engine = Engine()
    made = batcher(engine)
    engine.let.set()
    with pytest.raises(QueueFullError):
        await made.read("a", ["a" * 5000])
    assert await made.read("b", ["b"]), "another is read all the same"
    assert await made.read("a", [""]) == [[]]


async def test_a_fault_of_the_engine_ends_those_that_were_read_and_nobody_after_them() -> None:
    engine = Engine()
    made = batcher(engine)
    engine.let.set()
    engine.fails = True
    with pytest.raises(RuntimeError):
        await made.read("a", ["a"])
    engine.fails = False
    assert await made.read("a", ["a"]) == [[Read(0, 1, 0, 1.0)]]


@pytest.mark.parametrize(
    ("lengths", "taken"), [((1,), 1), ((160,) * 9, 6), ((1,) * 20, 8), ((5000, 1), 1), ((10, 1020), 1)]
)
def test_a_run_is_bounded_in_windows_and_in_tokens(lengths: tuple[int, ...], taken: int) -> None:
    waiting = [Window((0,) * length, ((0, 1),) * length, 0, length) for length in lengths]
    assert fitting(waiting) == taken
