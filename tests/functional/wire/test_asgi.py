"""A real Litestar application, and raw ASGI ones, on the edge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import pytest
from litestar import Litestar, Request, get, post
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from strongroom.wire import AsgiBridge

if TYPE_CHECKING:
    from tests.functional.wire.conftest import Edge


def application(events: list[str]) -> Litestar:
    @get("/scope/{rest:path}")
    async def scope(request: Request[Any, Any, Any], rest: FromPath[str]) -> dict[str, Any]:
        s = request.scope
        return {
            "rest": rest,
            "raw": s["raw_path"].decode(),
            "query": s["query_string"].decode(),
            "scheme": s["scheme"],
            "client": s["client"],
        }

    @post("/double")
    async def double(data: JSONBody[dict[str, int]]) -> dict[str, int]:
        return {name: value * 2 for name, value in data.items()}

    @get("/stream")
    async def stream() -> Stream:
        async def pieces() -> AsyncGenerator[bytes]:
            for n in range(3):
                yield b"piece %d\n" % n

        return Stream(pieces(), media_type="text/plain")

    @get("/fault")
    async def fault() -> None:
        raise LookupError("secret detail")

    return Litestar(
        [scope, double, stream, fault],
        on_startup=[lambda: events.append("up")],
        on_shutdown=[lambda: events.append("down")],
        openapi_config=None,
    )


async def test_a_litestar_application(edge: Edge) -> None:
    events: list[str] = []
    async with AsgiBridge(application(events)).lifespan() as bridge:
        assert events == ["up"]
        caller = await edge.call(await edge.serve(bridge))
        await caller.say(b"GET /scope/a%2Fb/%C3%A4?x=%20 HTTP/1.1\r\nHost: a\r\n\r\n")
        body = (await caller.answer()).body
        assert b'"raw":"/scope/a%2Fb/%C3%A4"' in body
        assert '"rest":"/a/b/ä"'.encode() in body
        assert b'"query":"x=%20"' in body
        assert b'"scheme":"http","client":["127.0.0.1",' in body
        await caller.say(
            b'POST /double HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{"a":21}'
        )
        answer = await caller.answer()
        assert (answer.status, answer.body) == (201, b'{"a":42}')
        await caller.say(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = await caller.answer()
        assert answer.headers["transfer-encoding"] == "chunked"
        assert answer.body == b"piece 0\npiece 1\npiece 2\n"
        await caller.say(b"HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await caller.answer(head_only=True)).status == 405
        await caller.say(b"GET /missing HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await caller.answer()).status == 404
        await caller.say(b"GET /fault HTTP/1.1\r\nHost: a\r\n\r\n")
        assert (await caller.answer()).status == 500
    assert events == ["up", "down"]


async def test_a_leaving_client_is_told_to_the_application_and_not_torn(edge: Edge) -> None:
    told, finished = asyncio.Event(), asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        del scope
        assert (await receive())["type"] == "http.request"
        assert (await receive())["type"] == "http.disconnect"
        told.set()
        await asyncio.sleep(0.01)
        await send({"type": "http.response.start", "status": 200})
        with pytest.raises(OSError, match="left"):
            await send({"type": "http.response.body", "body": b"late"})
        finished.set()

    caller = await edge.call(await edge.serve(AsgiBridge(app)))
    await caller.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0.02)
    caller.leave()
    await asyncio.wait_for(told.wait(), 2)
    await asyncio.wait_for(finished.wait(), 2)


async def test_an_application_that_does_not_end_is_cancelled(edge: Edge) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def app(scope: object, receive: object, send: object) -> None:
        del scope, receive, send
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    caller = await edge.call(await edge.serve(AsgiBridge(app, grace_s=0.05)))
    await caller.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await started.wait()
    caller.leave()
    await asyncio.wait_for(cancelled.wait(), 2)


async def test_a_faulty_application_is_500(edge: Edge) -> None:
    async def app(scope: object, receive: object, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-A", b"b")]})
        raise LookupError

    caller = await edge.call(await edge.serve(AsgiBridge(app)))
    await caller.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await caller.answer()).status == 500
    assert [type(fault) for fault in edge.faults] == [LookupError]


@pytest.mark.parametrize("stage", ["startup", "shutdown"])
async def test_a_failed_lifespan_raises(stage: str) -> None:
    async def app(scope: object, receive: Any, send: Any) -> None:
        del scope
        while True:
            kind = (await receive())["type"]
            verdict = "failed" if kind.endswith(stage) else "complete"
            await send({"type": f"{kind}.{verdict}", "message": "no luck"})

    with pytest.raises(RuntimeError, match="no luck"):
        async with AsgiBridge(app).lifespan():
            assert stage == "shutdown"


async def test_an_application_without_lifespan_raises() -> None:
    async def app(scope: object, receive: object, send: object) -> None:
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        async with AsgiBridge(app).lifespan():
            pass
