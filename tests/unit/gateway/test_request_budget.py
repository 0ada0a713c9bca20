"""What an ordinary request may cost: counted in Python calls, which are the same on every machine.

Whoever adds a control to every request's way raises the budget here, with the time it costs by `make bench-stages` in the
commit's message.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from bench.stages.rig import EVENTS, Rig, rig
from bench.stages.run import calls, check

from strongroom.wire import Request

MOST = 176
MOST_WITH_PROMPT = 186  # ten: it is put in front, and its answer is looked through for its words
MOST_AN_EVENT = 16.0


async def cheapest(made: Rig, request: Request) -> Counter[str]:
    """Return the calls of a request that nothing fell into: a round of leases, or what another test hung on the collector."""
    return min([await calls(made, request) for _ in range(5)], key=Counter.total)


async def counted(directory: Path, prompt: str = "") -> tuple[Counter[str], Counter[str]]:
    with rig(directory, prompt) as made:
        leasing = asyncio.create_task(made.leases.run())
        try:
            await check(made)  # and every share, plan and decision is there
            return await cheapest(made, made.whole), await cheapest(made, made.stream)
        finally:
            leasing.cancel()


def test_an_ordinary_request_passes_every_stage_within_its_budget(tmp_path: Path) -> None:
    whole, stream = asyncio.run(counted(tmp_path))
    passed = {"receive", "authenticate", "admit", "screen", "route", "relay"}
    assert passed <= set(whole), "the control: the stages were seen"
    assert whole.total() <= MOST, whole
    assert (stream.total() - whole.total()) / EVENTS <= MOST_AN_EVENT, stream


def test_a_system_prompt_under_its_tenants_keys_costs_a_request_no_look_at_the_vault(tmp_path: Path) -> None:
    whole, _ = asyncio.run(counted(tmp_path, "You answer for the service desk of Acme. Never discuss prices."))
    assert whole.total() > MOST, "the control: there is one"
    assert whole.total() <= MOST_WITH_PROMPT, whole
