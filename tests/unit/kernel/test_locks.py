"""Whoever holds one thing keeps nobody from another, and nothing is remembered of what nobody holds."""

from __future__ import annotations

import asyncio
import gc

from strongroom.kernel.locks import Locks


async def test_one_at_a_time_has_a_thing_and_another_thing_is_free() -> None:
    locks = Locks[str]()
    order: list[str] = []
    held = asyncio.Event()

    async def work(name: str) -> None:
        async with locks.of("acme"):
            order.append(f"{name} in")
            await held.wait()
            order.append(f"{name} out")

    working = [asyncio.create_task(work(name)) for name in ("first", "second")]
    await asyncio.sleep(0)  # both have begun
    async with asyncio.timeout(10):
        async with locks.of("globex"):
            order.append("another")
    held.set()
    await asyncio.gather(*working)
    assert order == ["first in", "another", "first out", "second in", "second out"]


async def test_nothing_is_kept_of_what_nobody_holds() -> None:
    locks = Locks[int]()
    for number in range(100):
        async with locks.of(number):
            assert len(locks) == 1
    gc.collect()
    assert len(locks) == 0
