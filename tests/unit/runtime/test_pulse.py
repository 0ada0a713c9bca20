from __future__ import annotations

import asyncio

from strongroom.runtime.pulse import Pulse


async def test_a_loop_that_turns_is_well_and_one_that_says_no_is_not() -> None:
    answers = [True, False, True]

    async def ask() -> bool:
        return answers.pop(0)

    pulse = Pulse(ask)
    assert [await pulse.beats() for _ in range(3)] == [True, False, True]


async def test_one_that_is_slow_is_well_until_it_has_been_silent_too_long() -> None:
    asked, answer = 0, asyncio.Event()

    async def ask() -> bool:
        nonlocal asked
        asked += 1
        await answer.wait()
        return True

    pulse = Pulse(ask, silent_s=0.3, wait_s=0.01)
    assert await pulse.beats()
    while await pulse.beats():
        pass
    assert asked == 1, "a question was asked again before it was answered"
    assert not any(await asyncio.gather(*(pulse.beats() for _ in range(5))))
    answer.set()
    assert await pulse.beats()
