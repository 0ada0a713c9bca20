"""The pooled client against an upstream whose every byte the test decides."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest

from strongroom.wire import (
    ClientError,
    ConnectFailed,
    DeadlineExceeded,
    Pool,
    ProtocolFault,
    ReplyLimits,
    TcpTarget,
    Truncated,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[["Peer"], Awaitable[None]]


class Peer:
    """One accepted connection of the scripted upstream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.writer = writer
        self.number = number

    async def request(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length: "):
                return head + await self.reader.readexactly(int(line[16:]))
        return head

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class Upstream:
    def __init__(self) -> None:
        self.script: Script = self.always(OK)
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    def always(self, answer: bytes) -> Script:
        async def script(peer: Peer) -> None:
            while True:
                self.requests.append(await peer.request())
                await peer.say(answer)

        return script

    def once(self, answer: bytes) -> Script:
        async def script(peer: Peer) -> None:
            self.requests.append(await peer.request())
            await peer.say(answer)

        return script

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await self.script(Peer(reader, writer, self.connections))
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.fixture
async def upstream() -> AsyncGenerator[Upstream]:
    upstream = Upstream()
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0)
    upstream.port = server.sockets[0].getsockname()[1]
    yield upstream
    server.close()


@contextlib.asynccontextmanager
async def pooled(upstream: Upstream, **options: Any) -> AsyncGenerator[Pool]:
    pool = Pool(TcpTarget("127.0.0.1", upstream.port), **options)
    try:
        yield pool
    finally:
        await pool.close()


async def ask(pool: Pool, body: bytes = b"", *, method: str = "POST", timeout_s: float = 5.0) -> bytes:
    async with pool.request(method, "/x?y=z", [(b"x-a", b"b")], body, timeout_s=timeout_s) as response:
        return await response.read(100_000)


async def test_the_request_as_it_goes_out(upstream: Upstream) -> None:
    async with pooled(upstream) as pool:
        assert await ask(pool, b"body") == b"ok"
        assert await ask(pool, method="GET") == b"ok"
    host = b"host: 127.0.0.1:%d\r\n" % upstream.port
    assert upstream.requests[0] == b"POST /x?y=z HTTP/1.1\r\n" + host + b"x-a: b\r\ncontent-length: 4\r\n\r\nbody"
    assert upstream.requests[1] == b"GET /x?y=z HTTP/1.1\r\n" + host + b"x-a: b\r\n\r\n"
    assert upstream.connections == 1


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("get", "/", []),
        ("GET /x HTTP/1.1\r\nHost: b\r\n\r\nGET", "/", []),
        ("GET", "x", []),
        ("GET", "/ HTTP/1.1\r\nX: y", []),
        ("GET", "/a b", []),
        ("GET", "/ä", []),
        ("GET", "/#", []),
        ("GET", "/", [(b"x", b"a\r\nb: c")]),
        ("GET", "/", [(b"host", b"other")]),
        ("GET", "/", [(b"content-length", b"3")]),
        ("GET", "/", [(b"transfer-encoding", b"chunked")]),
    ],
)
async def test_a_malformed_request_is_never_sent(
    upstream: Upstream, method: str, path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    async with pooled(upstream) as pool:
        with pytest.raises(ValueError):  # noqa: PT011 - the text is not the contract
            pool.request(method, path, headers, timeout_s=1)
    assert upstream.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            id="cl-te",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok", id="te-cl"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", id="two-lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", id="length-list"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", id="length-negative"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", id="te-gzip"),
        pytest.param(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", id="te-1.0"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", id="chunk-lf"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n", id="chunk-garbage"),
        pytest.param(b"HTTP/1.1 204 OK\r\nTransfer-Encoding: chunked\r\n\r\n", id="204-te"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\nok", id="no-framing"),
        pytest.param(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", id="lf"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", id="obs-fold"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\nok", id="nul"),
        pytest.param(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="http2"),
        pytest.param(b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", id="rtsp"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2p1\r\n", id="ssh"),
        pytest.param(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", id="101"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 9 + OK, id="many-100"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"Content-Length: 2\r\n\r\nok", id="many-fields"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\nContent-Length: 2\r\n\r\nok", id="big-field"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, id="endless-field"),
    ],
)
async def test_a_bad_reply_is_a_fault_and_costs_the_connection(upstream: Upstream, answer: bytes) -> None:
    upstream.script = upstream.always(answer)
    async with pooled(upstream) as pool:
        with pytest.raises(ProtocolFault):
            await ask(pool)
        assert pool.connections == 0
        upstream.script = upstream.always(OK)
        assert await ask(pool) == b"ok"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ],
)
async def test_a_reply_that_stops_short_is_truncated_and_asked_once(upstream: Upstream, answer: bytes) -> None:
    upstream.script = upstream.once(answer)
    async with pooled(upstream) as pool:
        with pytest.raises(Truncated):
            await ask(pool)
    assert len(upstream.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokEXTRA",
        OK + b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nX",
    ],
)
async def test_what_follows_a_reply_never_reaches_the_next_caller(upstream: Upstream, answer: bytes) -> None:
    upstream.script = upstream.always(answer)
    async with pooled(upstream) as pool:
        assert await ask(pool) == b"ok"
        assert await ask(pool) == b"ok"
    assert upstream.connections == 2


async def test_late_words_on_an_idle_connection_never_reach_the_next_caller(upstream: Upstream) -> None:
    speak, spoken = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(OK)
        if peer.number == 1:
            await speak.wait()
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned")
            spoken.set()
        await peer.request()
        await peer.say(OK)

    upstream.script = script
    async with pooled(upstream) as pool:
        assert await ask(pool) == b"ok"
        speak.set()
        await spoken.wait()
        assert await ask(pool) == b"ok"
        assert await ask(pool) == b"ok"


async def test_an_unread_reply_costs_the_connection_and_mixes_nothing(upstream: Upstream) -> None:
    async def script(peer: Peer) -> None:
        while True:
            request = await peer.request()
            body = request[-1:] * 1_000_000
            await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    upstream.script = script
    async with pooled(upstream, max_connections=1) as pool:
        for letter in (b"a", b"b", b"c", b"d"):
            async with pool.request("POST", "/", [], letter, timeout_s=5) as response:
                if letter in b"ac":  # leaves without reading, or after reading a part
                    async for piece in response.stream():
                        assert piece
                        break
                else:
                    assert await response.read(1_000_000) == letter * 1_000_000
    assert upstream.connections == 3


async def test_many_callers_get_their_own_answers(upstream: Upstream) -> None:
    async def script(peer: Peer) -> None:
        while True:
            body = (await peer.request()).partition(b"\r\n\r\n")[2]
            await asyncio.sleep(0.001 * (body[-1] % 3))
            await peer.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for n in range(0, len(body), 2):
                await peer.say(b"%x\r\n%b\r\n" % (len(body[n : n + 2]), body[n : n + 2]))
            await peer.say(b"0\r\n\r\n")

    upstream.script = script
    async with pooled(upstream, max_connections=4) as pool:

        async def caller(name: int) -> None:
            for n in range(20):
                body = b"%d-%d" % (name, n)
                if n % 5 == 4:
                    with contextlib.suppress(TimeoutError):  # cancelled wherever it happens to be
                        async with asyncio.timeout(0.001 * (name % 4)):
                            await ask(pool, body)
                else:
                    assert await ask(pool, body) == body

        await asyncio.gather(*(caller(name) for name in range(12)))
        assert pool.connections <= 4


async def test_a_stale_connection_is_replaced_before_anything_is_sent(upstream: Upstream) -> None:
    upstream.script = upstream.once(OK)
    async with pooled(upstream) as pool:
        for _ in range(5):
            assert await ask(pool) == b"ok"
    assert upstream.connections == len(upstream.requests) == 5


async def test_a_request_that_may_have_been_processed_is_never_repeated(upstream: Upstream) -> None:
    async def script(peer: Peer) -> None:
        upstream.requests.append(await peer.request())
        await peer.say(OK)
        upstream.requests.append(await peer.request())  # read, and then nothing

    upstream.script = script
    async with pooled(upstream) as pool:
        assert await ask(pool) == b"ok"
        with pytest.raises(Truncated):
            await ask(pool, method="GET")
    assert len(upstream.requests) == 2


async def test_a_cancelled_caller_closes_the_connection_at_once(upstream: Upstream) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.request()
        asked.set()
        assert await peer.reader.read() == b""
        left.set()

    upstream.script = script
    async with pooled(upstream) as pool:
        task = asyncio.create_task(ask(pool))
        await asked.wait()
        began = time.monotonic()
        task.cancel()
        await asyncio.wait_for(left.wait(), 2)
        assert time.monotonic() - began < 0.1
        assert pool.connections == 0
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"])
async def test_the_deadline_holds_for_head_and_body(upstream: Upstream, start: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.say(start)
        await peer.reader.read()

    upstream.script = script
    async with pooled(upstream) as pool:
        with pytest.raises(DeadlineExceeded):
            await ask(pool, timeout_s=0.05)
        assert pool.connections == 0


async def test_each_exchange_keeps_its_own_deadline(upstream: Upstream) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.reader.read()

    upstream.script = script
    began = time.monotonic()

    async def give_up(timeout_s: float) -> float:
        with pytest.raises(DeadlineExceeded):
            await ask(pool, timeout_s=timeout_s)
        return time.monotonic() - began

    async with pooled(upstream) as pool:
        took = await asyncio.gather(*map(give_up, (0.3, 0.1, 0.2)))
    for wanted, measured in zip((0.3, 0.1, 0.2), took, strict=True):
        assert wanted - 0.01 <= measured < wanted + 0.09


async def test_waiting_for_a_connection_is_bounded_and_fair(upstream: Upstream) -> None:
    go = asyncio.Event()

    async def script(peer: Peer) -> None:
        while True:
            await peer.request()
            await go.wait()
            await peer.say(OK)

    upstream.script = script
    async with pooled(upstream, max_connections=1, wait_s=0.05) as pool:
        first = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        with pytest.raises(ConnectFailed):
            await ask(pool)
        with pytest.raises(DeadlineExceeded):
            await ask(pool, timeout_s=0.01)
        waiting = asyncio.create_task(ask(pool))
        await asyncio.sleep(0)
        go.set()
        assert await first == await waiting == b"ok"
    assert upstream.connections == 1


async def test_no_upstream_is_a_failed_connection() -> None:
    pool = Pool(TcpTarget("127.0.0.1", 1))
    with pytest.raises(ConnectFailed):
        await ask(pool)
    assert pool.connections == 0
    await pool.close()
    with pytest.raises(ConnectFailed):
        await ask(pool)


async def test_closing_ends_what_is_in_flight(upstream: Upstream) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.reader.read()

    upstream.script = script
    pool = Pool(TcpTarget("127.0.0.1", upstream.port), max_connections=1)
    flying, waiting = asyncio.create_task(ask(pool)), asyncio.create_task(ask(pool))
    await asyncio.sleep(0.05)
    await pool.close()
    results = await asyncio.gather(flying, waiting, return_exceptions=True)
    assert [type(result) for result in results] == [Truncated, ConnectFailed]
    assert all(isinstance(result, ClientError) for result in results)


async def test_a_long_body_is_not_read_ahead_of_its_reader(upstream: Upstream) -> None:
    sent = 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.request()
        await peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 40000000\r\n\r\n")
        for _ in range(400):
            await peer.say(b"x" * 100_000)
            sent += 100_000

    upstream.script = script
    async with pooled(upstream, limits=ReplyLimits(max_buffer_bytes=100_000)) as pool:
        async with pool.request("GET", "/", timeout_s=20) as response:
            await asyncio.sleep(0.2)
            assert sent < 20_000_000
            assert sum([len(piece) async for piece in response.stream()]) == 40_000_000
        async with pool.request("GET", "/", timeout_s=20) as response:
            with pytest.raises(ProtocolFault):
                await response.read(1_000_000)


async def test_bodiless_replies(upstream: Upstream) -> None:
    async with pooled(upstream) as pool:
        upstream.script = upstream.always(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert await ask(pool) == b""
        assert await ask(pool) == b""
        assert upstream.connections == 1
    upstream.script = upstream.always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    async with pooled(upstream) as pool, pool.request("HEAD", "/", timeout_s=5) as response:
        assert response.header(b"content-length") == b"5"
        assert await response.read(10) == b""


async def test_idle_connections_are_given_up(upstream: Upstream) -> None:
    async with pooled(upstream, idle_s=0.05) as pool:
        await ask(pool)
        assert pool.connections == 1
        await asyncio.sleep(0.15)
        assert pool.connections == 0
