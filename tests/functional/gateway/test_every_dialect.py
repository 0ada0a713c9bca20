"""What holds in every dialect alike: one clear no, in its own words, for the same faults of callers and of engines."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.gateway.testing import (
    STREAM_END,
    STREAM_HEAD,
    Asked,
    Behaviour,
    WorkerDouble,
    chat,
    chat_chunk,
    chat_stream,
    chunked,
    event,
    says,
    whole,
)

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

INSIDE = "/srv/models/secret.gguf: GGML_ASSERT(x) failed, tenant globex, password hunter2"
TEXTS = ("one ", "by ", "one")
SMUGGLING = Path(__file__).parents[1] / "wire" / "smuggling.txt"
SECOND = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def completion(text: str, finish: str | None = "stop") -> dict[str, Any]:
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    return {"choices": [{"index": 0, "text": text, "finish_reason": finish}], "usage": usage}


def completion_stream() -> bytes:
    chunks: list[Any] = [{"choices": [{"index": 0, "text": text, "finish_reason": None}]} for text in TEXTS]
    return STREAM_HEAD + b"".join(map(event, [*chunks, completion(""), "[DONE]"])) + STREAM_END


@dataclass(frozen=True)
class Way:
    """One way to ask.

    Attributes:
        path: of the endpoint.
        body: a good request; it names the model unless the path does.
        answer: what the engine answers to it, well.
        stream: the same, streamed; None where nothing streams.
        last: the last word of a stream.
        headers: what the dialect demands.
        worker: which double is asked.
    """

    path: str
    body: dict[str, Any]
    answer: dict[str, Any]
    stream: bytes | None = None
    last: str = ""
    headers: tuple[str, ...] = ()
    worker: str = "chat"

    def double(self, plane: Plane) -> WorkerDouble:
        double: WorkerDouble = getattr(plane, self.worker)
        return double

    async def ask(self, plane: Plane, body: object = None, **how: Any) -> Answer:
        return await plane.ask(self.path, self.body if body is None else body, headers=self.headers, **how)

    def no(self, answer: Answer) -> str:
        """Return the sentence of a no, which has the dialect's shape."""
        document = answer.json
        if self.path.startswith("/v2"):
            assert list(document) == ["error"]
            said: str = document["error"]
            return said
        error: dict[str, Any] = document["error"]
        assert {"message", "type"} <= set(error)
        if self.path == "/v1/messages":
            assert document["type"] == "error"
        sentence: str = error["message"]
        return sentence


MESSAGES = [{"role": "user", "content": "hello"}]
TENSOR = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}
WAYS: dict[str, Way] = {
    "chat": Way("/v1/chat/completions", {"model": "tiny", "messages": MESSAGES}, chat(), chat_stream(*TEXTS), "[DONE]"),
    "completion": Way("/v1/completions", {"model": "tiny", "prompt": "x"}, completion("x"), completion_stream(), "[DONE]"),
    "responses": Way(
        "/v1/responses", {"model": "tiny", "input": "hello"}, chat(), chat_stream(*TEXTS), "response.completed"
    ),
    "messages": Way(
        "/v1/messages", {"model": "tiny", "max_tokens": 9, "messages": MESSAGES}, chat(), chat_stream(*TEXTS),
        "message_stop", ("anthropic-version: 2023-06-01",),
    ),
    "embeddings": Way(
        "/v1/embeddings", {"model": "vectors", "input": "x"},
        {"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 1}}, worker="vectors",
    ),
    "infer": Way(
        "/v2/models/rows/infer", {"inputs": [TENSOR]},
        {"outputs": [{"name": "y", "shape": [1], "datatype": "INT64", "data": [10]}]}, worker="rows",
    ),
}  # fmt: skip
every = pytest.mark.parametrize("name", WAYS)
streaming = pytest.mark.parametrize("name", [name for name, way in WAYS.items() if way.stream is not None])


@every
async def test_a_good_request_is_answered(plane: Plane, name: str) -> None:
    way = WAYS[name]
    way.double(plane).behaviour = says(whole(way.answer))
    assert (await way.ask(plane)).status == 200


@every
async def test_what_could_be_read_in_two_ways_is_refused_and_the_connection_closed(plane: Plane, name: str) -> None:
    way = WAYS[name]
    lines = [line for line in SMUGGLING.read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) >= 80
    for case, status, text in (line.split("|", 2) for line in lines):
        raw = text.strip().encode().decode("unicode_escape").encode("latin-1")
        line = await plane.line()
        await line.say(raw.replace(b" / HTTP", f" {way.path} HTTP".encode(), 1) + SECOND)
        async with asyncio.timeout(10):
            answers = await line.reader.read()
        assert re.findall(rb"HTTP/1\.1 (\d{3})", answers) == [status.strip().encode()], case
        await line.close()
    assert way.double(plane).asked == []


GARBLED: dict[str, Any] = {
    "not JSON": b"{not json",
    "empty": b"",
    "a list": b"[]",
    "invalid UTF-8": b'{"model": "tiny", "x": "\xff\xfe"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "deep nesting": b'{"a":' * 40 + b"1" + b"}" * 40,
    "brackets without end": b"[" * 100_000,
    "a field of nobody": {"frobnicate": 1},
    # What engines would take as their own: none of it has a name here (isolation tests 42 and 45).
    "a cache salt": {"cache_salt": "x"},
    "an adapter": {"lora": [{"id": 0, "scale": 1.0}]},
    "a slot": {"id_slot": 0},
    "a word on caching": {"cache_prompt": True},
    "a tenant": {"tenant": "globex"},
    "a target": {"target": "elsewhere"},
    "a grammar": {"grammar": 'root ::= "x"'},
}


@every
async def test_garbled_input_is_refused_before_anybody_is_asked(plane: Plane, name: str) -> None:
    way = WAYS[name]
    for case, sent in GARBLED.items():
        answer = await way.ask(plane, {**way.body, **sent} if isinstance(sent, dict) else sent)
        assert answer.status == 400, case
        assert way.no(answer).isprintable()
        if isinstance(sent, dict):
            assert next(iter(sent)) in way.no(answer)
    assert way.double(plane).asked == []


@every
async def test_without_a_key_nobody_is_answered_and_anothers_model_is_a_missing_one(plane: Plane, name: str) -> None:
    way = WAYS[name]
    refused = await way.ask(plane, key=None)
    assert refused.status == 401
    assert way.no(refused)
    model = way.body.get("model", "rows")
    theirs = f"{name}-theirs"
    if theirs not in {route.name for route in plane.snapshot.routes()}:
        await plane.deploy("globex", theirs, of=model)
    told = []
    for missing in (theirs, "nothing"):
        asked = await plane.ask(
            way.path.replace("rows", missing),
            {**way.body, "model": missing} if "model" in way.body else way.body,
            headers=way.headers,
        )
        told.append((asked.status, way.no(asked), sorted(asked.headers)))
    assert told[0] == told[1]
    assert told[0][0] == 404


def closing(data: bytes, *, half: bool = False) -> Behaviour:
    async def behave(asked: Asked) -> None:
        await asked.say(data)
        if half:
            asked.writer.write_eof()
            await asked.left()
        asked.writer.close()

    return behave


def encoded(way: Way) -> bytes:
    return whole(way.answer).replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n", 1)


FAULTS: dict[str, Any] = {
    # what the engine does instead of answering well, made of the good answer
    "dies": lambda _: closing(b""),
    "garbage": lambda _: says(b"\x00\x01 garbage\r\n\r\n"),
    "half a head": lambda _: closing(b"HTTP/1.1 200 OK\r\ncontent-", half=True),
    "half a body": lambda way: closing(whole(way.answer)[:-5], half=True),
    "more announced than sent": lambda _: closing(b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n{"),
    "another type": lambda way: says(whole(json.dumps(way.answer).encode(), kind=b"text/html")),
    "a stream that nobody wanted": lambda way: says(whole(json.dumps(way.answer).encode(), kind=b"text/event-stream")),
    "packed": lambda way: says(encoded(way)),
    "a redirect": lambda _: says(whole({}, 302)),
    "an error with its insides": lambda _: says(whole({"error": {"message": INSIDE}}, 500)),
    "JSON of nothing": lambda _: says(whole({"x": INSIDE})),
    "nesting without end": lambda _: says(whole(b'{"x":' * 100_000)),
    "invalid UTF-8": lambda way: says(whole(json.dumps(way.answer).encode().replace(b"0", b"\xff"))),
}


@every
async def test_an_engine_that_does_not_answer_well_is_one_clear_no(plane: Plane, name: str) -> None:
    way = WAYS[name]
    for case, made in FAULTS.items():
        for stream in (False, True) if way.stream is not None else (False,):
            way.double(plane).behaviour = made(way)
            answer = await way.ask(plane, {**way.body, "stream": True} if stream else way.body)
            if case == "a stream that nobody wanted" and stream:
                continue  # it is wanted then, and has no event: tried below
            assert answer.status == 502, (case, stream, answer.body)
            assert not any(word in answer.body for word in (b"srv", b"GGML", b"globex", b"hunter2", b"Traceback"))
            assert "model failed" in way.no(answer), case
        way.double(plane).behaviour = says(whole(way.answer))
        assert (await way.ask(plane)).status == 200, case  # and nothing of it reaches the next


@every
async def test_data_after_an_answer_never_reaches_the_next_caller(plane: Plane, name: str) -> None:
    way = WAYS[name]
    way.double(plane).behaviour = says(whole(way.answer) + whole({"choices": INSIDE}))
    assert (await way.ask(plane)).status in {200, 502}
    way.double(plane).behaviour = says(whole(way.answer))
    answer = await way.ask(plane, key="globex")
    assert answer.status == 200
    assert b"hunter2" not in answer.body


@every
async def test_an_answer_in_one_byte_pieces_is_the_same_answer(plane: Plane, name: str) -> None:
    way = WAYS[name]

    async def slowly(asked: Asked) -> None:
        for byte in whole(way.answer):
            await asked.say(bytes([byte]))

    way.double(plane).behaviour = slowly
    assert (await way.ask(plane)).status == 200


def named_alike(answer: Answer) -> str:
    """Return a stream without what differs between two answers alike."""
    own = answer.headers["x-request-id"].removeprefix("req_")
    return re.sub(r'"created(_at)?":\d+', "", answer.body.decode().replace(own, ""))


@streaming
async def test_a_stream_in_one_byte_pieces_is_the_same_stream(plane: Plane, name: str) -> None:
    way = WAYS[name]
    stream = way.stream
    assert stream is not None

    async def slowly(asked: Asked) -> None:
        for byte in stream:
            await asked.say(bytes([byte]))

    told = []
    for behaviour in (says(stream), slowly):
        way.double(plane).behaviour = behaviour
        told.append(await way.ask(plane, {**way.body, "stream": True}))
    assert named_alike(told[0]) == named_alike(told[1])
    assert way.last in told[0].body.decode()


HELLO = event(chat_chunk(content="Hello"))
BROKEN: dict[str, Behaviour] = {
    # what an engine does after its first words
    "dies": closing(STREAM_HEAD + HELLO),
    "half closes": closing(STREAM_HEAD + HELLO, half=True),
    "ends without its last word": says(STREAM_HEAD + HELLO + STREAM_END),
    "babbles": says(STREAM_HEAD + HELLO + event(INSIDE) + STREAM_END),
    "says an error": says(STREAM_HEAD + HELLO + event({"error": {"message": INSIDE}}) + event("[DONE]") + STREAM_END),
    "breaks its chunks": says(STREAM_HEAD + HELLO + b"zz\r\n" + INSIDE.encode()),
    "sends an endless event": says(STREAM_HEAD + HELLO + chunked(b"data: " + b"a" * 2**21) + STREAM_END),
    "speaks after its last word": says(STREAM_HEAD + HELLO + event("[DONE]") + HELLO + STREAM_END),
}


@streaming
async def test_a_stream_that_breaks_ends_with_an_error_and_no_last_word(plane: Plane, name: str) -> None:
    way = WAYS[name]
    for case, behaviour in BROKEN.items():
        way.double(plane).behaviour = behaviour
        answer = await way.ask(plane, {**way.body, "stream": True})
        text = answer.body.decode()
        assert "failed while answering" in text, case
        assert way.last not in text, case
        assert not any(word in text for word in ("srv", "GGML", "globex", "hunter2"))


@streaming
async def test_a_caller_who_leaves_frees_the_engine_within_100_ms(plane: Plane, name: str) -> None:
    # The best of five: other tests share the machine, and what they take is not the gateway's.
    assert min([await freed_after(plane, WAYS[name]) for _ in range(5)]) < 0.1


async def freed_after(plane: Plane, way: Way) -> float:
    """Return the seconds from a caller's leaving to the engine's seeing it."""
    left: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    first = HELLO if way.path != "/v1/completions" else event({"choices": [{"index": 0, "text": "Hello"}]})

    async def talks_on(asked: Asked) -> None:
        await asked.say(STREAM_HEAD + first)
        await asked.left()
        left.set_result(asyncio.get_running_loop().time())

    way.double(plane).behaviour = talks_on
    line = await plane.line()
    body = json.dumps({**way.body, "stream": True}).encode()
    head = [
        f"POST {way.path} HTTP/1.1", "host: a", f"authorization: Bearer {plane.keys['acme']}", *way.headers,
        f"content-length: {len(body)}", "", "",
    ]  # fmt: skip
    await line.say("\r\n".join(head).encode() + body)
    await line.until(b"Hello")
    went = asyncio.get_running_loop().time()
    await line.close()
    async with asyncio.timeout(5):
        return await left - went
