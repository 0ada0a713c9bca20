"""What a client of the edge meets: keep-alive, pipelining, framing, limits, and being refused."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from strongroom.wire import Admission, Limits, Reply, Request

if TYPE_CHECKING:
    from tests.functional.wire.conftest import Echo, Edge, Until

GET = b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: a\r\n"


def post(body: bytes, extra: bytes = b"") -> bytes:
    return b"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), extra, body)


async def test_one_connection_carries_many_requests(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo))
    for n in range(3):
        await caller.say(post(b"body-%d" % n))
        answer = await caller.answer()
        assert (answer.status, answer.body) == (200, b"body-%d" % n)
        assert "connection" not in answer.headers
        assert answer.headers["date"].endswith("GMT")
        assert "server" not in answer.headers


async def test_a_request_arrives_as_it_was_sent(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo))
    await caller.say(
        b"PUT /%2e/x;y?a=%20&b HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\nx-one: 2\r\nEmpty:\r\nContent-Length: 2\r\n\r\nhi"
    )
    await caller.answer()
    (request,) = echo.seen
    assert (request.method, request.path, request.query, request.body) == ("PUT", "/%2e/x;y", b"a=%20&b", b"hi")
    assert request.header(b"x-one") == b"1"
    assert [v for n, v in request.headers if n == b"x-one"] == [b"1", b"2"]
    assert request.header(b"empty") == b""
    assert request.header(b"absent") is None
    assert (request.peer, request.tls_peer, request.secure, request.version) == ("127.0.0.1", None, False, "1.1")
    assert "a=" not in repr(request)


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(edge: Edge) -> None:
    running = 0

    async def handler(request: Request, reply: Reply) -> None:
        nonlocal running
        running += 1
        assert running == 1
        await asyncio.sleep(0)
        running -= 1
        await reply.send(200, [], request.body)

    caller = await edge.call(await edge.serve(handler, limits=Limits(max_pipelined_bytes=100)))
    await caller.say(b"".join(post(b"%d" % n) for n in range(200)))
    assert [(await caller.answer()).body for _ in range(200)] == [b"%d" % n for n in range(200)]
    assert edge.faults == []


async def test_http_1_0_gets_one_answer_and_no_chunks(edge: Edge) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        reply.start(200, [])
        await reply.write(b"one")
        await reply.write(b"two")
        await reply.end()

    caller = await edge.call(await edge.serve(handler))
    await caller.say(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = (await caller.rest()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == b"onetwo"


async def test_connection_close_is_kept(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo))
    await caller.say(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET)
    answers = await caller.rest()
    assert answers.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answers


async def test_head_has_the_length_and_not_the_body(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo))
    await caller.say(b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET)
    answer = await caller.answer(head_only=True)
    assert answer.headers["content-length"] == "3"
    assert (await caller.answer()).headers["x-path"] == "/a"


async def test_no_content_has_no_framing(edge: Edge) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        if request.path == "/start":
            reply.start(304, [(b"content-length", b"7")])
            await reply.write(b"dropped")
            await reply.end()
        else:
            await reply.send(204, [], b"")

    caller = await edge.call(await edge.serve(handler))
    for path in (b"/send", b"/start"):
        await caller.say(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        answer = await caller.answer(head_only=True)
        assert not {"content-length", "transfer-encoding"} & answer.headers.keys()


async def test_chunked_body_and_dropped_trailers(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo))
    await caller.say(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
        b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Trailer: v\r\nAuthorization: Bearer t\r\n\r\n" + GET
    )
    assert (await caller.answer()).body == b"abc0123456789"
    assert echo.seen[0].header(b"x-trailer") is None
    assert (await caller.answer()).headers["x-path"] == "/a"
    assert echo.seen[1].headers == [(b"host", b"a")]


async def test_expect_continue_is_answered_only_when_the_body_is_awaited(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo, limits=Limits(max_body_bytes=10)))
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    await caller.say(head % 3)
    assert (await caller.answer()).status == 100
    await caller.say(b"abc")
    assert (await caller.answer()).body == b"abc"
    await caller.say(head % 3 + b"def")
    answer = await caller.answer()
    assert (answer.status, answer.body) == (200, b"def")
    await caller.say(head % 11)
    assert (await caller.rest()).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"a" * 100), 414),
        (b"GET /%b" % (b"a" * 200), 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 8 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"y" * 500), 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: %b" % (b"y" * 500), 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + b"32\r\n" + b"x" * 50 + b"\r\n33\r\n",
            413,
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: %b" % (b"y" * 500), 400),
    ],
)
async def test_limits(edge: Edge, echo: Echo, raw: bytes, status: int) -> None:
    limits = Limits(max_target_bytes=100, max_headers=8, max_header_bytes=400, max_body_bytes=100)
    caller = await edge.call(await edge.serve(echo, limits=limits))
    await caller.say(raw)
    assert (await caller.rest()).startswith(b"HTTP/1.1 %d " % status)
    assert echo.seen == []


async def test_a_ten_megabyte_body_is_refused_and_the_refusal_can_be_read(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo))
    caller.writer.write(post(b"x" * 10_000_000))
    assert (await caller.rest()).startswith(b"HTTP/1.1 413 ")


async def test_a_ten_megabyte_body_is_taken_where_it_is_allowed(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo, limits=Limits(max_body_bytes=10_000_000)))
    body = bytes(range(250)) * 40_000
    caller.writer.write(post(body))
    assert (await caller.answer()).body == body


async def test_the_longest_head_may_come_a_byte_at_a_time(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo))
    head = b"GET / HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"y" * 2000)
    for n in range(len(head)):
        await caller.say(head[n : n + 1])
    assert (await caller.answer()).status == 200
    assert echo.seen[0].header(b"x") == b"y" * 2000


async def test_errors_speak_the_surface_s_dialect(edge: Edge, echo: Echo) -> None:
    server = await edge.serve(
        echo, render_error=lambda status, tell: ([(b"x-dialect", b"ours")], f"{status}!{tell}".encode())
    )
    caller = await edge.call(server)
    await caller.say(b"GET / HTTP/1.1\r\n\r\n")
    answer = await caller.answer()
    assert answer.headers["x-dialect"] == "ours"
    assert answer.body.startswith(b"400!")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (b"Host: localhost:1\r\n", 200),
        (b"Host: LOCALHOST\r\n", 200),
        (b"Host: [::1]:80\r\n", 200),
        (b"Host: evil.example\r\n", 421),
        (b"Host: localhost.evil.example\r\n", 421),
        (b"Host: localhost\r\nOrigin: https://console.example\r\n", 200),
        (b"Host: localhost:1\r\nOrigin: http://localhost:1\r\n", 200),
        (b"Host: localhost:1\r\nOrigin: http://localhost:2\r\n", 403),
        (b"Host: localhost:1\r\nOrigin: https://localhost:1\r\n", 403),
        (b"Host: localhost\r\nOrigin: null\r\n", 403),
        (b"Host: localhost\r\nOrigin: http://evil.example\r\n", 403),
        (b"Host: evil.example\r\nOrigin: http://evil.example\r\n", 421),
    ],
)
async def test_hosts_and_origins(edge: Edge, echo: Echo, fields: bytes, status: int) -> None:
    admission = Admission(hosts=frozenset({"localhost", "[::1]"}), origins=frozenset({"https://console.example"}))
    caller = await edge.call(await edge.serve(echo, admission=admission))
    await caller.say(b"GET / HTTP/1.1\r\n" + fields + b"\r\n")
    assert (await caller.answer()).status == status
    assert len(echo.seen) == (status == 200)


async def test_http_1_0_without_a_host_is_refused_where_hosts_are_listed(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo, admission=Admission(hosts=frozenset({"localhost"}))))
    await caller.say(b"GET / HTTP/1.0\r\n\r\n")
    assert (await caller.answer()).status == 421


async def test_origins_alone_do_not_trust_the_host(edge: Edge, echo: Echo) -> None:
    caller = await edge.call(await edge.serve(echo, admission=Admission(origins=frozenset())))
    await caller.say(b"GET / HTTP/1.1\r\nHost: evil.example\r\nOrigin: http://evil.example\r\n\r\n")
    assert (await caller.answer()).status == 403


@dataclass
class Held:
    """Answers when it is let."""

    let: asyncio.Event = field(default_factory=asyncio.Event)
    under_way: int = 0

    async def __call__(self, request: Request, reply: Reply) -> None:
        self.under_way += 1
        await self.let.wait()
        await reply.send(200, [], request.body)


async def test_one_request_too_many_is_told_so(edge: Edge, until: Until) -> None:
    held = Held()
    server = await edge.serve(held, limits=Limits(max_connections=2))
    busy = [await edge.call(server) for _ in range(2)]
    for each in busy:
        await each.say(GET)
    await until(lambda: held.under_way == 2)
    for _ in range(5):  # those that were refused do not pile up, either
        refused = await edge.call(server)
        assert (await refused.answer()).status == 503
        assert server.connections <= 3
    held.let.set()
    for each in busy:
        assert (await each.answer()).status == 200
    late = await edge.call(server)
    await late.say(GET)
    assert (await late.answer()).status == 200


@pytest.mark.parametrize(
    "words",
    [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\n", GET, b"nonsense\r\n\r\n", POST + b"Content-Length: 9\r\n\r\n"],
    ids=["silent", "a byte", "no end", "idle", "refused", "no body"],
)
async def test_who_says_next_to_nothing_keeps_nobody_out(edge: Edge, echo: Echo, words: bytes) -> None:
    server = await edge.serve(echo, limits=Limits(max_connections=4))
    for count in range(12):
        rude = await edge.call(server)
        if words:
            await rude.say(words)
        if words == GET:
            await rude.answer()
        caller = await edge.call(server)
        await caller.say(GET)
        assert (await caller.answer()).status == 200, count
        assert server.connections <= 4
        caller.leave()


async def test_the_longest_silent_one_goes_first_and_nobody_who_is_answered(edge: Edge, until: Until) -> None:
    held = Held()
    server = await edge.serve(held, limits=Limits(max_connections=4))
    busy, sending, older, newer = [await edge.call(server) for _ in range(4)]
    await busy.say(GET)
    await until(lambda: held.under_way == 1)
    await sending.say(POST + b"Content-Length: 4\r\n\r\nab")
    await older.say(b"G")
    await newer.say(b"G")
    await (fifth := await edge.call(server)).say(GET)
    assert await older.rest() == b""
    await until(lambda: held.under_way == 2)
    held.let.set()
    await sending.say(b"cd")
    await newer.say(GET[1:])
    for each in (busy, sending, newer, fifth):
        assert (await each.answer()).status == 200


async def test_a_crowd_of_bytes_does_not_shut_the_port(edge: Edge, echo: Echo) -> None:
    server = await edge.serve(echo, limits=Limits(max_connections=64))
    crowd = [await edge.call(server) for _ in range(300)]
    for each in crowd:
        with contextlib.suppress(ConnectionError):
            await each.say(b"G")
    caller = await edge.call(server)
    await caller.say(GET)
    assert (await caller.answer()).status == 200
    assert server.connections <= 64


@pytest.mark.parametrize(
    "pieces",
    [(b"GET / HTTP/1.1\rHost: a\r\r",), (b"GET / HTTP/1.1\r", b"Host: a"), (GET[:-2] + b"X: a\r", b"Y: b")],
    ids=["throughout", "first line", "field"],
)
async def test_a_bare_cr_is_refused_at_once(edge: Edge, echo: Echo, pieces: tuple[bytes, ...]) -> None:
    caller = await edge.call(await edge.serve(echo))  # the head's own time is longer than the test waits
    for piece in pieces:
        await caller.say(piece)
        await asyncio.sleep(0.01)  # so that they arrive apart
    assert (await caller.answer()).status == 400


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x", b"a\r\nb: c")],
        [(b"x", b"a\nb")],
        [(b"x", b"a\0b")],
        [(b"x\r\ny", b"a")],
        [(b"x y", b"a")],
        [(b"x:y", b"a")],
        [(b"", b"a")],
        [(b"content-length", b"3")],
        [(b"transfer-encoding", b"chunked")],
    ],
)
async def test_nothing_is_injected_into_an_answer(edge: Edge, headers: list[tuple[bytes, bytes]]) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.send(200, headers, b"")

    caller = await edge.call(await edge.serve(handler))
    await caller.say(GET)
    assert (await caller.answer()).status == 500
    assert [type(fault) for fault in edge.faults] == [ValueError]


async def test_a_faulty_handler_is_500_and_tells_nothing(edge: Edge) -> None:
    async def handler(request: Request, _: Reply) -> None:
        if request.path == "/silent":
            return
        if request.path == "/cancelled":
            raise asyncio.CancelledError
        raise LookupError("secret detail")

    server = await edge.serve(handler)
    for path in (b"/raises", b"/silent", b"/cancelled"):
        caller = await edge.call(server)
        await caller.say(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        answer = await caller.rest()
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"secret" not in answer
    assert [type(fault) for fault in edge.faults] == [LookupError, RuntimeError, asyncio.CancelledError]


async def test_an_answer_that_breaks_is_never_taken_for_a_whole_one(edge: Edge) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        length = [(b"content-length", b"5")] if request.path in {"/short", "/long"} else []
        reply.start(200, length)
        await reply.write(b"some")
        if request.path == "/abort":
            reply.abort()
        elif request.path == "/raise":
            raise LookupError
        elif request.path == "/short":
            await reply.end()
        elif request.path == "/long":
            await reply.write(b"more")

    server = await edge.serve(handler)
    for path in (b"/abort", b"/raise", b"/short", b"/long", b"/forgets"):
        caller = await edge.call(server)
        await caller.say(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        answer = await caller.rest()
        assert not answer.endswith(b"0\r\n\r\n")
        assert b"somem" not in answer
    caller = await edge.call(server)
    await caller.say(b"GET /abort HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionResetError):  # where the end of the connection would be a clean end
        await caller.rest()


async def test_two_answers_to_one_request_are_a_fault(edge: Edge) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        await reply.send(200, [], b"first")
        await reply.send(200, [], b"second")

    caller = await edge.call(await edge.serve(handler))
    await caller.say(GET)
    assert b"second" not in await caller.rest()
    assert [type(fault) for fault in edge.faults] == [RuntimeError]


async def test_inherited_socket_and_shared_port(edge: Edge, echo: Echo) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        inherited = await edge.serve(echo, sock=sock.dup())
        caller = await edge.call(inherited)
        await caller.say(GET)
        assert (await caller.answer()).status == 200
    one = await edge.serve(echo, reuse_port=True)
    two = await edge.serve(echo, reuse_port=True, port=one.port)
    assert one.port == two.port


async def test_statuses_are_final_ones(edge: Edge) -> None:
    async def handler(request: Request, reply: Reply) -> None:
        await reply.send(int(request.path[1:]), [])

    caller = await edge.call(await edge.serve(handler))
    await caller.say(b"GET /299 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await caller.answer()).status == 299
    await caller.say(b"GET /101 HTTP/1.1\r\nHost: a\r\n\r\n")
    assert re.match(rb"HTTP/1.1 500 ", await caller.rest())
