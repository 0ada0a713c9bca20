"""Isolation test 43: a prompt cached for one scope is never met by another, whatever either sends."""

from __future__ import annotations

import asyncio
from typing import Any

from strongroom.runtime.rig import Rig, ask, scope
from strongroom.runtime.spec import Kind

PATH = "/v1/chat/completions"
TEXT = "The quick brown fox jumps over the lazy dog while the canary sings in the strongroom. " * 3


async def cached(rig: Rig, tenant: str, **more: Any) -> int:
    body = {"messages": [{"role": "user", "content": TEXT}], "max_tokens": 2, **more}
    answer = await ask(rig.socket(Kind.CHAT), PATH, body, scope=scope(tenant))
    assert answer.status == 200
    return int(answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"])


async def test_the_same_prompt_is_cached_for_its_own_scope_and_for_no_other(rig: Rig) -> None:
    assert await cached(rig, "A1") == 0
    assert await cached(rig, "A1") > 40
    assert await cached(rig, "B1") == 0
    assert await cached(rig, "C1") == 0  # takes a slot that another held
    assert await cached(rig, "A1") == 0  # and finds nothing of its own in a slot that went through other hands
    assert await cached(rig, "C1") > 40


async def test_a_client_cannot_ask_for_anothers_cache(rig: Rig) -> None:
    await cached(rig, "A2")
    for slot in range(3):
        wish = {"cache_prompt": True, "id_slot": slot, "slot_id": slot, "cache_salt": "A2", "n_cache_reuse": 1}
        assert await cached(rig, f"B2-{slot}", **wish) == 0


async def test_a_refused_request_does_not_make_a_slot_ones_own(rig: Rig) -> None:
    await asyncio.gather(cached(rig, "A3"), cached(rig, "A3"))  # both slots hold A's prompt
    long = {"messages": [{"role": "user", "content": "hello " * 5000}]}
    refused = await ask(rig.socket(Kind.CHAT), PATH, long, scope=scope("B3"))
    assert refused.status == 400
    assert await cached(rig, "B3") == 0


async def test_under_a_crowd_no_scope_meets_another(rig: Rig) -> None:
    seen: set[str] = set()

    async def once(tenant: str) -> None:
        first = tenant not in seen
        seen.add(tenant)
        found = await cached(rig, tenant, max_tokens=1)
        assert not first or found == 0

    await asyncio.gather(*(once(f"crowd-{number}") for number in range(6)))
