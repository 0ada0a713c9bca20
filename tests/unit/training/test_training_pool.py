"""The pool: a process that breaks, stalls or is cancelled is gone, and its job told why."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from strongroom.training.model import NewJob, Plan, Trainer, plan_of
from strongroom.training.pool import Bounds, Failed, Pool

PLAN: Plan = plan_of(NewJob(model=Trainer.LOGISTIC, training_file="x", suffix="m"))


def children() -> set[str]:
    """Return the processes that this one has started and not seen the end of."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split())


async def failed(pool: Pool) -> Failed:
    """Return why a job of `pool` comes to nothing."""
    with pytest.raises(Failed) as no:
        await pool.train(PLAN, b"a,label\n1,2\n")
    return no.value


def test_a_process_without_an_answer_is_told_as_crashed() -> None:
    before = children()
    found = asyncio.run(failed(Pool(module="platform")))  # it prints, and answers nothing that can be read
    assert found.code in {"crashed", "too_large"}
    assert children() <= before


def test_a_process_that_stalls_is_ended() -> None:
    before = children()
    assert asyncio.run(failed(Pool(Bounds(seconds=0.2)))).code == "timeout"
    assert children() <= before


def test_a_cancelled_job_ends_its_process() -> None:
    before = children()

    async def cancelled() -> None:
        task = asyncio.create_task(Pool().train(PLAN, b""))
        async with asyncio.timeout(30):
            while not children() - before:  # noqa: ASYNC110 - no event tells that a process has been started
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert children() <= before
