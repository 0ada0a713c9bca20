"""What a caller meets when the worker is gone, lies, babbles or dies: one clear error, nothing of the inside, no hang."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.gateway.testing import (
    STREAM_END,
    STREAM_HEAD,
    Asked,
    Behaviour,
    chat,
    chat_chunk,
    chat_stream,
    chunked,
    event,
    says,
    whole,
)
from strongroom.gateway.upstreams import worker_socket
from strongroom.registry.admission.testing import digest_of

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

INSIDE = "/srv/models/secret.gguf: GGML_ASSERT(x) failed, tenant globex, password hunter2"
ASKED: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}]}
STREAMED = {**ASKED, "stream": True}


def hangs_up(after: bytes, *, half: bool = False) -> Behaviour:
    async def behave(asked: Asked) -> None:
        await asked.say(after)
        if half:
            asked.writer.write_eof()
            await asked.left()
        asked.writer.close()

    return behave


async def byte_by_byte(asked: Asked) -> None:
    for byte in chat_stream("one ", "by ", "one"):
        await asked.say(bytes([byte]))


BEFORE: dict[str, tuple[Behaviour, int, str]] = {
    # what the worker does before anything was relayed: status and code for the caller
    "dies at once": (hangs_up(b""), 502, "model_failed"),
    "answers garbage": (says(b"\x00\x01\x02 garbage\r\n\r\n"), 502, "model_failed"),
    "answers another protocol": (says(b"SSH-2.0-OpenSSH_9\r\n"), 502, "model_failed"),
    "half closes in the head": (hangs_up(b"HTTP/1.1 200 OK\r\ncontent-", half=True), 502, "model_failed"),
    "half closes in the body": (hangs_up(whole(chat())[:-9], half=True), 502, "model_failed"),
    "has a huge head": (says(b"HTTP/1.1 200 OK\r\nx: " + b"a" * 100_000 + b"\r\n\r\n"), 502, "model_failed"),
    "frames twice": (
        says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}"),
        502,
        "model_failed",
    ),
    "says no end": (hangs_up(b"HTTP/1.1 200 OK\r\n\r\n{}"), 502, "model_failed"),
    "sends HTML": (says(whole(f"<html>{INSIDE}".encode(), kind=b"text/html")), 502, "model_failed"),
    "sends invalid UTF-8": (says(whole(b'{"choices": [{"message": {"content": "\xff"}}]}')), 502, "model_failed"),
    "sends no choice": (says(whole({**chat(), "choices": []})), 502, "model_failed"),
    "sends other types": (says(whole({"choices": 5, "usage": INSIDE})), 502, "model_failed"),
    "counts below zero": (says(whole({**chat(), "usage": {"prompt_tokens": -1}})), 502, "model_failed"),
    "counts beyond a record": (says(whole({**chat(), "usage": {"prompt_tokens": 2**40}})), 502, "model_failed"),
    "nests without end": (says(whole(b'{"x":' * 100_000)), 502, "model_failed"),
    "redirects": (says(whole({}, 302)), 502, "model_failed"),
    "fails": (says(whole({"error": {"message": INSIDE, "code": INSIDE}}, 500)), 502, "model_failed"),
    "fails in text": (says(whole(INSIDE.encode(), 500, b"text/plain")), 502, "model_failed"),
    "does not know us": (says(whole({"error": {"message": INSIDE}}, 404)), 502, "model_failed"),
    "is busy": (says(whole({"error": {"message": INSIDE}}, 503)), 503, "unavailable"),
    "finds it too large": (says(whole({"error": {"message": INSIDE}}, 413)), 413, "request_too_large"),
    "refuses with its insides": (
        says(whole({"error": {"message": INSIDE, "param": INSIDE, "code": INSIDE}}, 400)),
        400,
        "invalid_request",
    ),
    "refuses with garbage": (says(whole(b"\xff" + INSIDE.encode(), 400)), 400, "invalid_request"),
    "refuses a long prompt": (
        says(
            whole(
                {
                    "error": {
                        "message": "The prompt has 9999 tokens; this model's context has 4096.",
                        "param": "messages",
                        "code": "context_length_exceeded",
                    }
                },
                400,
            )
        ),
        400,
        "context_length_exceeded",
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", BEFORE)
async def test_a_worker_that_fails_before_it_answers_is_one_clear_error(
    plane: Plane, case: str, *, stream: bool
) -> None:
    plane.chat.behaviour, status, code = BEFORE[case]
    answer = await plane.ask(body={**ASKED, "stream": stream})
    assert (answer.status, answer.error["code"]) == (status, code)
    assert not any(word in answer.body for word in (b"srv", b"GGML", b"globex", b"hunter2", b"gguf", b"Traceback"))
    plane.chat.behaviour = says(whole(chat("well again")))
    assert (await plane.ask(body=ASKED)).json["choices"][0]["message"]["content"] == "well again"


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_an_answer_that_is_longer_than_the_bound_is_a_failed_one(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, framing: str
) -> None:
    """The bound is 64 MiB; here it is lowered to what an answer just fits, and one byte less."""
    body = whole(chat("x" * 10_000)).partition(b"\r\n\r\n")[2]
    kind = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    head = b"content-length: %d\r\n\r\n" % len(body) if framing == "length" else b"transfer-encoding: chunked\r\n\r\n"
    sent = body if framing == "length" else chunked(body[:5000]) + chunked(body[5000:]) + STREAM_END
    plane.chat.behaviour = says(kind + head + sent)
    gateway: Any = plane.gateway
    monkeypatch.setattr(gateway, "_limits", replace(gateway._limits, max_answer_bytes=len(body)))
    assert (await plane.ask(body=ASKED)).status == 200
    monkeypatch.setattr(gateway, "_limits", replace(gateway._limits, max_answer_bytes=len(body) - 1))
    answer = await plane.ask(body=ASKED)
    assert (answer.status, answer.error["code"]) == (502, "model_failed")
    assert b"xxx" not in answer.body
    plane.chat.behaviour = says(whole(chat("well again")))
    assert (await plane.ask(body=ASKED)).status == 200


HELLO = event(chat_chunk(content="Hello"))
AFTER: dict[str, Behaviour] = {
    # what the worker does after the first words have gone out
    "dies": hangs_up(STREAM_HEAD + HELLO),
    "half closes": hangs_up(STREAM_HEAD + HELLO, half=True),
    "ends without its last word": says(STREAM_HEAD + HELLO + STREAM_END),
    "babbles": says(STREAM_HEAD + HELLO + event(INSIDE) + STREAM_END),
    "says an error": says(STREAM_HEAD + HELLO + event({"error": {"message": INSIDE}}) + event("[DONE]") + STREAM_END),
    "breaks its chunks": says(STREAM_HEAD + HELLO + b"zz\r\n" + INSIDE.encode()),
    "sends an endless event": says(STREAM_HEAD + HELLO + chunked(b"data: " + b"a" * 2**21) + STREAM_END),
    "speaks after its last word": says(
        STREAM_HEAD + HELLO + event("[DONE]") + event(chat_chunk(content=INSIDE)) + STREAM_END
    ),
    "never ends after its last word": hangs_up(STREAM_HEAD + HELLO + event("[DONE]")),
}


@pytest.mark.parametrize("case", AFTER)
async def test_a_worker_that_fails_in_mid_stream_ends_it_with_an_error_event(plane: Plane, case: str) -> None:
    plane.chat.behaviour = AFTER[case]
    answer = await plane.ask(body=STREAMED)
    assert answer.status == 200
    first, *_, last = answer.events
    assert '"content":"Hello"' in first
    assert '"code":"model_failed"' in last
    assert f'"request_id":"{answer.headers["x-request-id"]}"' in last
    assert "[DONE]" not in answer.events
    assert not any(word in answer.body for word in (b"srv", b"GGML", b"globex", b"hunter2"))


async def test_a_stream_in_one_byte_pieces_comes_out_whole(plane: Plane) -> None:
    plane.chat.behaviour = byte_by_byte
    slowly = await plane.ask(body=STREAMED)
    plane.chat.behaviour = says(chat_stream("one ", "by ", "one"))
    at_once = await plane.ask(body=STREAMED)
    ids = {answer.headers["x-request-id"].removeprefix("req_") for answer in (slowly, at_once)}

    def text(events: list[str]) -> list[str]:
        for each in ids:
            events = [data.replace(each, "") for data in events]
        return [data.split('"choices"')[-1] for data in events]

    assert text(slowly.events) == text(at_once.events)
    assert slowly.events[-1] == "[DONE]"


async def test_data_after_an_answer_never_reaches_the_next_caller(plane: Plane) -> None:
    plane.chat.behaviour = says(whole(chat("for acme")) + whole(chat(INSIDE)))
    first = await plane.ask(body=ASKED)
    assert first.status in {200, 502}
    plane.chat.behaviour = says(whole(chat("for globex")))
    answer = await plane.ask(body=ASKED, key="globex")
    assert answer.json["choices"][0]["message"]["content"] == "for globex"


async def test_a_caller_who_leaves_in_mid_stream_frees_the_worker_within_100_ms(plane: Plane) -> None:
    # The best of five: other tests share the machine, and what they take is not the gateway's.
    assert min([await _freed_after(plane) for _ in range(5)]) < 0.1


async def _freed_after(plane: Plane) -> float:
    """Return the seconds from a caller's leaving to the worker's seeing it."""
    left: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    async def talks_on(asked: Asked) -> None:
        await asked.say(STREAM_HEAD + HELLO)
        await asked.left()
        left.set_result(asyncio.get_running_loop().time())

    plane.chat.behaviour = talks_on
    line = await plane.line()
    key = plane.keys["acme"].encode()
    body = b'{"model":"tiny","stream":true,"messages":[{"role":"user","content":"x"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n"
    await line.say(head % (key, len(body)) + body)
    await line.until(b"Hello")
    went = asyncio.get_running_loop().time()
    await line.close()
    async with asyncio.timeout(5):
        return await left - went


async def test_a_caller_who_leaves_before_the_first_word_frees_the_worker_too(plane: Plane) -> None:
    asked_for, left = asyncio.Event(), asyncio.Event()

    async def thinks(asked: Asked) -> None:
        asked_for.set()
        await asked.left()
        left.set()

    plane.chat.behaviour = thinks
    asking = asyncio.create_task(plane.ask(body=ASKED))
    async with asyncio.timeout(5):
        await asked_for.wait()
        asking.cancel()
        await left.wait()


async def test_a_worker_that_is_not_there_is_a_503_that_says_when_to_come_back(plane: Plane) -> None:
    from strongroom.kernel.principal import Environment  # noqa: PLC0415 - for the socket's name only

    path = worker_socket(plane.sockets, Environment.DEV, digest_of("tiny"))
    aside = path.with_suffix(".aside")
    path.rename(aside)
    plane.chat.behaviour = hangs_up(b"")  # and the connections that are still open end
    try:
        answers = [await plane.ask(body=ASKED) for _ in range(3)]
        ready = await plane.ask("/readyz", method="GET")
    finally:
        aside.rename(path)
    last = answers[-1]
    assert (last.status, last.error["code"], last.headers["retry-after"]) == (503, "unavailable", "1")
    assert ready.status == 503
    plane.chat.behaviour = says(whole(chat()))
    assert (await plane.ask(body=ASKED)).status == 200
    assert (await plane.ask("/readyz", method="GET")).status == 200


async def test_a_caller_who_does_not_read_holds_the_worker_back_and_nothing_grows(plane: Plane) -> None:
    sent = 0
    stuck = asyncio.Event()

    async def floods(asked: Asked) -> None:
        nonlocal sent
        await asked.say(STREAM_HEAD)
        piece = event(chat_chunk(content="x" * 16_000))
        while True:
            try:
                async with asyncio.timeout(1):
                    await asked.say(piece)
            except TimeoutError:
                stuck.set()
                return
            sent += len(piece)

    plane.chat.behaviour = floods
    reader, writer = await asyncio.open_connection("127.0.0.1", plane.port)
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader._transport.pause_reading()  # type: ignore[attr-defined]
    body = b'{"model":"tiny","stream":true,"messages":[{"role":"user","content":"x"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer %b\r\ncontent-length: %d\r\n\r\n"
    writer.write(head % (plane.keys["acme"].encode(), len(body)) + body)
    async with asyncio.timeout(150):  # each character is looked at, and the system's buffers take millions
        await stuck.wait()
    assert sent < 16 * 2**20
    assert (await plane.ask("/livez", method="GET")).status == 200
    writer.transport.abort()
