"""Asking in an open loop: at a fixed rate, whatever becomes of the answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter

from strongroom.wire import ClientError, Pool

_STEP_S, _LATE_S = 0.002, 0.005
BODY = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}).encode()


Span = tuple[float, float]
"""From when to when, by `time.perf_counter`."""


async def ask(pool: Pool, key: str, took: list[Span], statuses: Counter[int]) -> None:
    """Ask once; keep from when to when an answer took."""
    began = time.perf_counter()
    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
    try:
        async with pool.request("POST", "/v1/chat/completions", headers, BODY, timeout_s=20) as response:
            await response.read(65536)
            statuses[response.status] += 1
    except ClientError:
        statuses[0] += 1
        return
    took.append((began, time.perf_counter()))


async def open_loop(
    pool: Pool, key: str, per_second: int, seconds: float, took: list[Span], statuses: Counter[int]
) -> None:
    """Ask at a fixed rate, whatever becomes of the answers."""
    loop = asyncio.get_running_loop()
    began, tasks = loop.time(), list[asyncio.Task[None]]()
    for number in itertools.count():
        at = number / per_second if per_second else seconds
        if at >= seconds:
            break
        await asyncio.sleep(max(0.0, began + at - loop.time()))
        tasks.append(asyncio.create_task(ask(pool, key, took, statuses)))
    await asyncio.sleep(max(0.0, began + seconds - loop.time()))
    await asyncio.gather(*tasks)


async def lateness(late: list[Span]) -> None:
    """Keep when this very process came too late to anything: what it measured then is its own waiting for a core."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(_STEP_S)
        now = time.perf_counter()
        if now - began > _STEP_S + _LATE_S:
            late.append((began, now))


def undisturbed(took: list[Span], late: list[Span]) -> list[float]:
    """Return how long those took during which this process was never late."""
    return [end - began for began, end in took if not any(begins < end and began < ends for begins, ends in late)]
