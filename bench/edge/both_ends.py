"""Our server and our client in one process, over loopback: CPU per exchange, both ends together."""

from __future__ import annotations

import asyncio
import time

from bench.edge.load import BODY

from strongroom.wire import Pool, Reply, Request, TcpTarget, serve_tcp

HEADERS = [
    (b"authorization", b"Bearer srk_inf_dev_0123456789"),
    (b"content-type", b"application/json"),
    (b"accept", b"application/json"),
]
ANSWER = b'{"ok":true}' + b" " * 489


async def fixed(_: Request, reply: Reply) -> None:
    await reply.send(200, [(b"content-type", b"application/json")], ANSWER)


async def measure(*, callers: int = 32, requests: int = 400) -> float:
    """Return CPU microseconds per exchange."""
    server = await serve_tcp(fixed)
    pool = Pool(TcpTarget("127.0.0.1", server.port))

    async def caller() -> None:
        for _ in range(requests):
            async with pool.request("POST", "/v1/chat/completions", HEADERS, BODY, timeout_s=10) as response:
                assert await response.read(10_000) == ANSWER

    await asyncio.gather(*(caller() for _ in range(callers)))  # warm
    before = time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    took = time.process_time() - before
    await pool.close()
    await server.close()
    return took / (callers * requests) * 1e6
