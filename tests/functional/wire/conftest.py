"""The wire's tests: real sockets, on both event loops.

`edge` starts servers and stops them; `Caller` is a client that can be as rude as a socket allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from strongroom.wire import Handler, Reply, Request, Server, serve_tcp

PATIENCE_S = 5.0


@pytest.fixture(
    scope="session",
    params=[("asyncio", {"use_uvloop": True}), ("asyncio", {"use_uvloop": False})],
    ids=["uvloop", "asyncio"],
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    return request.param


@dataclass
class Answer:
    """One reply as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Caller:
    """A raw connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, *, head_only: bool = False) -> Answer:
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.split(": ", 1) for line in head[1:] if line)
            status = int(head[0].split(" ")[1])
            body = b""
            if head_only or status < 200:
                pass
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            elif headers.get("transfer-encoding") == "chunked":
                while size := int(await self.reader.readuntil(b"\r\n"), 16):
                    body += (await self.reader.readexactly(size + 2))[:-2]
                assert await self.reader.readexactly(2) == b"\r\n"
            return Answer(status, headers, body)

    async def rest(self) -> bytes:
        """Return everything up to the end of the connection; the test fails if it does not end."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()

    def leave(self) -> None:
        self.writer.close()


@dataclass
class Edge:
    """Starts servers for one test."""

    stack: AsyncExitStack
    faults: list[BaseException] = field(default_factory=list)

    async def serve(self, handler: Handler, **options: Any) -> Server:
        server = await serve_tcp(handler, on_fault=lambda _, fault: self.faults.append(fault), **options)
        self.stack.push_async_callback(server.close)
        return server

    async def call(self, server: Server, **options: Any) -> Caller:
        caller = Caller(*await asyncio.open_connection("127.0.0.1", server.port, **options))
        self.stack.callback(caller.leave)
        return caller


@pytest.fixture
async def edge() -> AsyncGenerator[Edge]:
    async with AsyncExitStack() as stack:
        yield Edge(stack)


@dataclass
class Echo:
    """Answers with what it was asked, and remembers it."""

    seen: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request, reply: Reply) -> None:
        self.seen.append(request)
        await reply.send(200, [(b"x-path", request.path.encode())], request.body)


@pytest.fixture
def echo() -> Echo:
    return Echo()


Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def until() -> Until:
    """Wait until something is true, step by step of the event loop."""

    async def wait(true: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not true():  # noqa: ASYNC110 - what is waited for is inside the server, which has no event for it
                await asyncio.sleep(0.002)

    return wait
