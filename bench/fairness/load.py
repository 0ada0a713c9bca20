"""Asking in an open loop: at a fixed rate, whatever becomes of the answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter

from strongroom.wire import ClientError, Pool

BODY = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}).encode()


async def ask(pool: Pool, key: str, took: list[float], statuses: Counter[int]) -> None:
    """Ask once; keep how long an answer took."""
    began = time.perf_counter()
    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", b"application/json")]
    try:
        async with pool.request("POST", "/v1/chat/completions", headers, BODY, timeout_s=20) as response:
            await response.read(65536)
            statuses[response.status] += 1
    except ClientError:
        statuses[0] += 1
        return
    took.append(time.perf_counter() - began)


async def open_loop(
    pool: Pool, key: str, per_second: int, seconds: float, took: list[float], statuses: Counter[int]
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
