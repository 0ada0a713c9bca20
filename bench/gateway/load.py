"""A closed-loop load generator: so many connections, each asking again as soon as it has the whole answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

PROMPT = "Tell me in a few sentences what a strongroom is, and what one keeps in it. " * 6
END = b"0\r\n\r\n"


def request(key: str, body: bytes, *, extra: bytes = b"", path: bytes = b"/v1/chat/completions") -> bytes:
    """Return a request with the fields that the openai client sends."""
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %b\r\n"
        b"Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 3.54.0\r\n"
        b"X-Stainless-Lang: python\r\nX-Stainless-OS: Linux\r\nX-Stainless-Arch: x64\r\n"
        b"X-Stainless-Runtime: CPython\r\n%bContent-Length: %d\r\n\r\n%b"
    ) % (path, key.encode(), extra, len(body), body)


@dataclass
class Tally:
    wanted: int
    took: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Seconds until an answer's first bytes of content."""
    wrong: list[bytes] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Client(asyncio.Protocol):
    def __init__(self, tally: Tally, data: bytes) -> None:
        self.tally = tally
        self.data = data
        self.got = b""
        self.length = -1
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        self.got, self.length = b"", -1
        self.since = time.perf_counter()
        self.transport.write(self.data)

    def data_received(self, data: bytes) -> None:
        if self.length < 0:
            self.got += data
            head, end, body = self.got.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self.tally.wrong.append(self.got)
                self.tally.done.set()
                return
            if not body:
                return  # the head alone
            self.tally.first.append(time.perf_counter() - self.since)
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self.length = len(head) + 4 + int(length) if length else 0
            data = body
            size = len(self.got)
        else:
            size = len(self.got) + len(data)
            self.got = self.got + data if self.length else (self.got + data)[-8:]
        whole = size >= self.length if self.length else (self.got if len(self.got) <= 8 else data).endswith(END)
        if whole:
            self.tally.took.append(time.perf_counter() - self.since)
            if len(self.tally.took) < self.tally.wanted:
                self._ask()
            else:
                self.tally.done.set()


async def run(target: int | Path, data: bytes, *, requests: int, connections: int) -> list[float]:
    """Return the seconds that each request took. Any answer but 200 fails."""
    return (await tally(target, data, requests=requests, connections=connections)).took


async def tally(target: int | Path, data: bytes, *, requests: int, connections: int) -> Tally:
    """Return what was counted. Any answer but 200 fails."""
    found = Tally(requests)
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        if isinstance(target, int):
            made = await loop.create_connection(lambda: Client(found, data), "127.0.0.1", target)
        else:
            made = await loop.create_unix_connection(lambda: Client(found, data), str(target))
        clients.append(made[0])
    async with asyncio.timeout(180):
        await found.done.wait()
    for client in clients:
        client.abort()
    assert not found.wrong, found.wrong[0][:400]
    return found
