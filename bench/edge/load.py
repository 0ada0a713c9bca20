"""A closed-loop load generator: so many connections, each asking again as soon as it is answered."""

from __future__ import annotations

import asyncio
import time
from typing import cast

BODY = b'{"model":"m","messages":[{"role":"user","content":"' + b"x" * 400 + b'"}]}'
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer srk_inf_dev_0123456789\r\n"
    b"Content-Type: application/json\r\nAccept: application/json\r\nUser-Agent: bench\r\nContent-Length: %d\r\n\r\n%b"
) % (len(BODY), BODY)


class Client(asyncio.Protocol):
    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        head, end, body = data.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) if end else 1
        if len(body) < length:
            self.rest = data
            return
        self.rest = b""
        if not head.startswith(b"HTTP/1.1 200"):
            self.tally.wrong += 1
        self.tally.answered += 1
        if self.tally.answered < self.tally.wanted:
            self.transport.write(REQUEST)
        else:
            self.tally.done.set()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self.tally.done.is_set():
            self.tally.wrong += 1


class Tally:
    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        self.answered = 0
        self.wrong = 0
        self.done = asyncio.Event()


async def run(port: int, *, requests: int, connections: int = 32) -> float:
    """Return seconds taken; anything but `requests` answers of 200 fails."""
    tally = Tally(requests)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    clients = [(await loop.create_connection(lambda: Client(tally), "127.0.0.1", port))[0] for _ in range(connections)]
    async with asyncio.timeout(120):
        await tally.done.wait()
    took = time.perf_counter() - began
    for client in clients:
        client.abort()
    assert tally.wrong == 0, f"{tally.wrong} wrong answers"
    return took
