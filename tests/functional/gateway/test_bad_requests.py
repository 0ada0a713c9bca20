"""What a caller may get wrong, and the one stable answer to each."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

HELLO = [{"role": "user", "content": "hello"}]
CHAT = "/v1/chat/completions"
DEEP = 40


def body(**fields: Any) -> dict[str, Any]:
    return {"model": "tiny", "messages": HELLO, **fields}


BAD_BODIES: dict[str, tuple[object, str | None]] = {
    # what is sent: the field that the answer names
    "not JSON": (b"{not json", None),
    "empty": (b"", None),
    "a list": (b"[]", None),
    "cut off": (json.dumps(body()).encode()[:-3], None),
    "two documents": (json.dumps(body()).encode() * 2, None),
    "invalid UTF-8": (b'{"model": "tiny", "messages": [{"role": "user", "content": "\xff\xfe"}]}', None),
    "a surrogate in UTF-8": (b'{"model": "tiny", "messages": [{"role": "user", "content": "\xed\xa0\x80"}]}', None),
    "a lone surrogate": (b'{"model": "tiny", "messages": [{"role": "user", "content": "\\ud800"}]}', None),
    "a byte order mark": (b"\xef\xbb\xbf" + json.dumps(body()).encode(), None),
    "UTF-16": (json.dumps(body()).encode("utf-16"), None),
    "not a number": (b'{"temperature": NaN, "model": "tiny", "messages": []}', None),
    "deep nesting": (body(tools=[json.loads('{"a":' * DEEP + "1" + "}" * DEEP)]), None),
    "no model": ({"messages": HELLO}, "model"),
    "no messages": ({"model": "tiny"}, "messages"),
    "empty messages": (body(messages=[]), "messages"),
    "model is a number": (body(model=5), "model"),
    "model is null": (body(model=None), "model"),
    "messages is a text": (body(messages="hello"), "messages"),
    "content is a number": (body(messages=[{"role": "user", "content": 5}]), "messages[0].content"),
    "a role that nobody has": (body(messages=[{"role": "root", "content": "x"}]), "messages[0].role"),
    "an image": (
        body(messages=[{"role": "user", "content": [{"type": "image_url"}]}]),
        "messages[0].content[0].type",
    ),
    "huge max_tokens": (body(max_tokens=10**12), "max_tokens"),
    "max_tokens beyond the bound": (body(max_tokens=4097), "max_tokens"),
    "negative max_tokens": (body(max_tokens=-1), "max_tokens"),
    "no tokens": (body(max_completion_tokens=0), "max_completion_tokens"),
    "two bounds": (body(max_tokens=5, max_completion_tokens=6), "max_tokens"),
    "negative temperature": (body(temperature=-0.1), "temperature"),
    "hot": (body(temperature=2.1), "temperature"),
    "infinite": (b'{"model":"tiny","messages":[{"role":"user","content":"x"}],"temperature":1e999}', "temperature"),
    "negative n": (body(n=-1), "n"),
    "several answers": (body(n=2), "n"),
    "log probabilities": (body(logprobs=True, top_logprobs=3), "logprobs"),
    "a field of the engine": (body(cache_prompt=True), "cache_prompt"),
    "a field of nobody": (body(frobnicate=1), "frobnicate"),
    "an unknown field within": (body(messages=[{"role": "user", "content": "x", "tenant": "globex"}]), "messages[0].tenant"),
    "five stops": (body(stop=list("abcde")), "stop"),
    "stream options without a stream": (body(stream_options={"include_usage": True}), "stream_options"),
    "another endpoint's model": (body(model="vectors"), "model"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_BODIES)
async def test_a_body_that_breaks_a_rule_is_refused_by_name(plane: Plane, case: str) -> None:
    sent, param = BAD_BODIES[case]
    answer = await plane.ask(body=sent)
    assert answer.status == 400
    assert answer.error["type"] == "invalid_request_error"
    assert answer.error["param"] == param
    assert plane.chat.asked == []
    again = await plane.ask(body=sent)
    assert {**again.error, "request_id": ""} == {**answer.error, "request_id": ""}


async def test_a_name_of_a_field_that_is_no_name_is_not_repeated(plane: Plane) -> None:
    answer = await plane.ask(body=body(**{"<script>alert(1)</script>": 1}))
    assert answer.status == 400
    assert b"script" not in answer.body


async def test_a_body_of_ten_megabytes_is_refused_before_it_is_sent(plane: Plane) -> None:
    line = await plane.line()
    await line.say(f"POST {CHAT} HTTP/1.1\r\nhost: a\r\ncontent-length: {10 * 2**20}\r\n\r\n".encode())
    answer = await line.answer()
    assert (answer.status, answer.error["code"]) == (413, "request_too_large")
    await line.close()


async def test_a_hostile_body_of_the_largest_size_holds_nobody_up(plane: Plane) -> None:
    # 4 MiB of what cost the nesting check most while it was quadratic.
    evil = b"[]" * 40 + b'"' + b'\\"' * (2**21 - 100)
    began = asyncio.get_running_loop().time()
    assert (await plane.ask(body=evil)).status == 400
    assert asyncio.get_running_loop().time() - began < 5


EMBEDDINGS: dict[str, tuple[dict[str, Any], str]] = {
    "no input": ({}, "input"),
    "empty text": ({"input": ""}, "input"),
    "empty list": ({"input": []}, "input"),
    "an empty text among others": ({"input": ["a", ""]}, "input"),
    "a mixture": ({"input": ["a", 5]}, "input"),
    "negative tokens": ({"input": [-1]}, "input[0]"),
    "an object": ({"input": {"text": "a"}}, "input"),
    "another encoding": ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    "no dimensions": ({"input": "a", "dimensions": 0}, "dimensions"),
}


@pytest.mark.parametrize("case", EMBEDDINGS)
async def test_an_embedding_request_that_breaks_a_rule_is_refused_by_name(plane: Plane, case: str) -> None:
    fields, param = EMBEDDINGS[case]
    answer = await plane.ask("/v1/embeddings", {"model": "vectors", **fields})
    assert (answer.status, answer.error["param"]) == (400, param)


async def test_a_method_or_path_that_is_not_served_is_named_as_such(plane: Plane) -> None:
    wrong = await plane.ask(method="PUT", body=body())
    assert (wrong.status, wrong.headers["allow"], wrong.error["code"]) == (405, "POST", "method_not_allowed")
    assert (await plane.ask("/v1/models", method="POST")).headers["allow"] == "GET"
    for path in (
        "/",
        "/v1",
        "/v1/chat",
        "/v1/chat/completions/",
        "/v1/models/../models",
        "/v1/responses/a/b",
        "/slots",
        "/metrics",
    ):
        answer = await plane.ask(path, method="GET")
        assert (answer.status, answer.error["code"]) == (404, "not_found"), path


async def test_a_model_that_is_missing_looks_like_one_that_is_anothers(plane: Plane) -> None:
    await plane.deploy("globex", "secret")
    answers: list[Any] = []
    for name in ("missing", "secret"):
        asked = await plane.ask(body=body(model=name))
        shown = await plane.ask(f"/v1/models/{name}", method="GET")
        assert (asked.status, asked.error["code"], shown.status) == (404, "model_not_found", 404)
        errors = [{**each.error, "request_id": ""} for each in (asked, shown)]
        answers.append((errors, sorted(asked.headers), sorted(shown.headers)))
    assert answers[0] == answers[1]
    assert (await plane.ask(body=body(model="secret"), key="globex")).status == 200


KEYLESS: dict[str, tuple[str, ...]] = {
    "missing": (),
    "another scheme": ("authorization: Basic YWNtZTp4",),
    "empty": ("authorization: Bearer ",),
    "garbled": ("authorization: Bearer sk-proj-abcdef",),
    "not ASCII": ("authorization: Bearer srk_ïnf",),
    "spoofed elsewhere": ("x-tenant: acme", "x-api-key: srk_inf", "api-key: x"),
}


@pytest.mark.parametrize("case", KEYLESS)
async def test_without_a_key_nobody_is_anybody(plane: Plane, case: str) -> None:
    answer = await plane.ask(body=body(), key=None, headers=KEYLESS[case])
    assert (answer.status, answer.error["code"]) == (401, "invalid_api_key")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert plane.chat.asked == []


async def test_every_key_that_does_not_count_gets_the_same_answer(plane: Plane) -> None:
    revoked, expiring = await plane.key("acme"), await plane.key("acme", ended=True)
    assert (await plane.ask(body=body(), key=revoked.secret)).status == 200
    await plane.revoke("acme", revoked.key.id)
    good = plane.keys["acme"]
    mistyped = good[:-1] + ("A" if good[-1] != "A" else "B")
    assert expiring.key.status == "expired"
    answers = [
        await plane.ask(body=body(), key=key)
        for key in (mistyped, good.upper(), revoked.secret, expiring.secret, "x" * 4000)
    ]
    told = {(each.status, each.error["message"], each.error["code"], *sorted(each.headers)) for each in answers}
    assert len(told) == 1
    assert next(iter(told))[0] == 401


async def test_a_caller_who_sends_slowly_is_cut_off_and_others_are_served(plane: Plane) -> None:
    hasty = await plane.serve(header_timeout_s=0.3, body_grace_s=0.3, min_body_bytes_per_s=10_000)
    head, slow_body = await plane.line(hasty.port), await plane.line(hasty.port)
    await head.say(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n")
    await slow_body.say(b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{")
    assert (await plane.ask(body=body())).status == 200
    for line in (head, slow_body):
        answer = await line.answer()
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        assert await line.reader.read() == b""
        await line.close()


async def test_nothing_a_caller_sends_tells_the_gateway_who_it_is(plane: Plane) -> None:
    seen = await plane.ask(
        "/v1/models?tenant=globex",
        method="GET",
        headers=("x-tenant: globex", "x-forwarded-for: 10.0.0.1", "x-strongroom-cache-scope: " + "0" * 64),
    )
    assert seen.status == 200
    assert {card["owned_by"] for card in seen.json["data"]} == {"acme"}
    asked = await plane.ask(body=body(user="someone"), headers=("x-strongroom-cache-scope: " + "0" * 64,))
    assert asked.status == 200
    [worker] = plane.chat.asked
    assert worker.head.lower().count(b"x-strongroom-cache-scope:") == 1
    assert b"0" * 64 not in worker.head
    assert b"srk_" not in worker.head
    assert b"authorization" not in worker.head.lower()
    assert "user" not in worker.body
