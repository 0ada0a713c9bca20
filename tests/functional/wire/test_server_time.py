"""Slow clients, leaving clients, slow readers, and stopping."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from strongroom.wire import Limits, Reply, Request

if TYPE_CHECKING:
    from tests.functional.wire.conftest import Edge, Until

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
SHORT = Limits(
    header_timeout_s=0.2,
    body_timeout_s=0.4,
    body_grace_s=0.2,
    min_body_bytes_per_s=1000,
    idle_timeout_s=0.2,
    write_timeout_s=0.2,
    linger_timeout_s=0.2,
)


async def echo(request: Request, reply: Reply) -> None:
    await reply.send(200, [], request.body)


async def drip(caller: object, data: bytes, every_s: float) -> None:
    for n in range(len(data)):
        try:
            await caller.say(data[n : n + 1])  # type: ignore[attr-defined] # a Caller
        except ConnectionError:
            return
        await asyncio.sleep(every_s)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 1000,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"y" * 1000,
    ],
    ids=["head", "body"],
)
async def test_slow_loris_is_cut_off(edge: Edge, raw: bytes) -> None:
    caller = await edge.call(await edge.serve(echo, limits=SHORT))
    head = raw.index(b"y")
    await caller.say(raw[:head])
    async with asyncio.TaskGroup() as tasks:
        dripping = tasks.create_task(drip(caller, raw[head:], 0.02))
        assert (await caller.rest()).startswith(b"HTTP/1.1 408 ")
        dripping.cancel()


async def test_a_body_at_the_agreed_rate_is_taken(edge: Edge) -> None:
    limits = Limits(body_timeout_s=5, body_grace_s=0.3, min_body_bytes_per_s=1000)
    caller = await edge.call(await edge.serve(echo, limits=limits))
    await caller.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1200\r\n\r\n")
    for _ in range(6):  # 200 bytes in 0.1 s: twice the rate, well beyond the head start
        await caller.say(b"y" * 200)
        await asyncio.sleep(0.1)
    assert len((await caller.answer()).body) == 1200


async def test_silent_and_idle_connections_are_closed_without_a_word(edge: Edge) -> None:
    server = await edge.serve(echo, limits=SHORT)
    silent = await edge.call(server)
    assert await silent.rest() == b""
    idle = await edge.call(server)
    await idle.say(GET)
    assert (await idle.answer()).status == 200
    assert await idle.rest() == b""


async def test_a_leaving_client_cancels_its_handler_at_once(edge: Edge) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(_: Request, reply: Reply) -> None:
        reply.start(200, [])
        await reply.write(b"token")
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    caller = await edge.call(await edge.serve(handler))
    await caller.say(GET)
    await started.wait()
    left = time.monotonic()
    caller.leave()
    await asyncio.wait_for(cancelled.wait(), 2)
    assert time.monotonic() - left < 0.1
    assert edge.faults == []


async def test_a_client_that_leaves_mid_stream_stops_the_writer(edge: Edge) -> None:
    ended = asyncio.Event()

    async def handler(_: Request, reply: Reply) -> None:
        reply.start(200, [])
        try:
            while True:
                await reply.write(b"x" * 10_000)
                await asyncio.sleep(0)
        finally:
            ended.set()

    caller = await edge.call(await edge.serve(handler), limit=1024)
    await caller.say(GET)
    await caller.reader.readexactly(1000)
    caller.leave()
    await asyncio.wait_for(ended.wait(), 2)
    assert edge.faults == []


async def test_a_slow_reader_holds_the_writer_back_and_is_cut_off_in_the_end(edge: Edge) -> None:
    written, ended = 0, asyncio.Event()

    async def handler(_: Request, reply: Reply) -> None:
        nonlocal written
        reply.start(200, [])
        try:
            while True:
                await reply.write(b"x" * 65536)
                written += 65536
        finally:
            ended.set()

    caller = await edge.call(await edge.serve(handler, limits=SHORT), limit=1024)
    await caller.say(GET)
    await asyncio.wait_for(ended.wait(), 5)
    assert written < 20_000_000  # what two kernel buffers hold, not what the handler could have made
    assert edge.faults == []


async def test_a_reader_that_pauses_gets_everything(edge: Edge) -> None:
    async def handler(_: Request, reply: Reply) -> None:
        reply.start(200, [])
        for n in range(200):
            await reply.write(b"%06d" % n * 10_000)
        await reply.end()

    caller = await edge.call(await edge.serve(handler), limit=65536)
    await caller.say(GET)
    await asyncio.sleep(0.1)
    assert (await caller.answer()).body == b"".join(b"%06d" % n * 10_000 for n in range(200))


async def test_draining_finishes_what_is_in_hand(edge: Edge, until: Until) -> None:
    started, go = asyncio.Event(), asyncio.Event()

    async def handler(_: Request, reply: Reply) -> None:
        started.set()
        await go.wait()
        await reply.send(200, [], b"finished")

    server = await edge.serve(handler)
    busy, idle = await edge.call(server), await edge.call(server)
    await until(lambda: server.connections == 2)
    await busy.say(GET)
    await started.wait()
    async with asyncio.TaskGroup() as tasks:
        draining = tasks.create_task(server.drain(5))
        assert await idle.rest() == b""
        assert not draining.done()
        go.set()
        answer = await busy.rest()
    assert answer.endswith(b"finished")
    assert b"connection: close" in answer
    with pytest.raises(ConnectionRefusedError):
        await edge.call(server)


async def test_draining_ends_at_its_deadline(edge: Edge) -> None:
    cancelled = asyncio.Event()

    async def handler(_: Request, reply: Reply) -> None:
        reply.start(200, [])
        await reply.write(b"first")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    server = await edge.serve(handler)
    caller = await edge.call(server)
    await caller.say(GET)
    await caller.reader.readuntil(b"first")
    await asyncio.wait_for(server.drain(0.05), 2)
    assert cancelled.is_set()
    assert server.connections == 0
    assert not (await caller.rest()).endswith(b"0\r\n\r\n")
