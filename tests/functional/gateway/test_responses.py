"""The Responses API by the unmodified `openai` client: answers, streams, and what is kept for whom."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai.resources.responses import Responses

from strongroom.gateway.responses.requests import ResponsesRequest
from strongroom.gateway.testing import (
    STREAM_END,
    STREAM_HEAD,
    USAGE_CHUNK,
    chat,
    chat_chunk,
    chat_stream,
    event,
    says,
    whole,
)
from strongroom.store import migrate
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Build, Plane

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bonn"}'}}


def client_of(plane: Plane, key: str = "acme") -> openai.AsyncOpenAI:
    url = f"http://127.0.0.1:{plane.port}/v1"
    return openai.AsyncOpenAI(api_key=plane.keys[key], base_url=url, max_retries=0)


@pytest.fixture
async def client(plane: Plane) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with client_of(plane) as client:
        yield client


def test_every_field_that_the_client_has_is_known_here() -> None:
    apart = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
    assert set(inspect.signature(Responses.create).parameters) - apart <= set(ResponsesRequest.__struct_fields__)


async def test_a_whole_response_is_what_the_client_reads(plane: Plane, client: openai.AsyncOpenAI) -> None:
    answer = await client.responses.create(
        model="tiny", input="hello", instructions="Be brief.", max_output_tokens=9, metadata={"a": "b"}, user="someone"
    )
    assert (answer.output_text, answer.model, answer.status) == ("Hello.", "tiny", "completed")
    assert answer.usage is not None
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.total_tokens) == (5, 2, 7)
    assert answer.usage.input_tokens_details.cached_tokens == 0
    assert answer.metadata == {"a": "b"}
    [asked] = plane.chat.asked
    assert asked.body == {
        "model": "tiny", "max_tokens": 9,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
    }  # fmt: skip
    cut = chat("Hel")
    choices: Any = cut["choices"]
    choices[0]["finish_reason"] = "length"
    plane.chat.behaviour = says(whole(cut))
    short = await client.responses.create(model="tiny", input="hello")
    assert (short.status, short.incomplete_details and short.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )


async def test_calls_and_what_they_came_to_go_both_ways(plane: Plane, client: openai.AsyncOpenAI) -> None:
    plane.chat.behaviour = says(whole(chat("Let me see.", tool_calls=[CALL])))
    first = await client.responses.create(model="tiny", input="weather?", tools=[WEATHER])
    message, call = first.output
    assert (message.type, call.type) == ("message", "function_call")
    assert (call.call_id, call.name, call.arguments) == ("call_1", "weather", '{"city":"Bonn"}')  # type: ignore[union-attr]
    plane.chat.behaviour = says(whole(chat("Sunny.")))
    history: Any = [
        {"role": "user", "content": "weather?"},
        *first.output,
        {"type": "function_call_output", "call_id": "call_1", "output": "sun"},
    ]
    second = await client.responses.create(model="tiny", input=history, tools=[WEATHER])
    assert second.output_text == "Sunny."
    assert plane.chat.asked[1].body["messages"] == [
        {"role": "user", "content": "weather?"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]},
        {"role": "tool", "content": "sun", "tool_call_id": "call_1"},
    ]


async def test_a_stream_builds_the_same_object(plane: Plane, client: openai.AsyncOpenAI) -> None:
    pieces = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city":'}},
        {"index": 0, "function": {"arguments": '"Bonn"}'}},
    ]
    chunks = [
        chat_chunk(content="Let "), chat_chunk(content="me see."), *(chat_chunk(tool_calls=[piece]) for piece in pieces),
        chat_chunk("tool_calls"), USAGE_CHUNK, "[DONE]",
    ]  # fmt: skip
    plane.chat.behaviour = says(STREAM_HEAD + b"".join(map(event, chunks)) + STREAM_END)
    async with client.responses.stream(model="tiny", input="weather?", tools=[WEATHER]) as stream:
        events = [each async for each in stream]
        final = await stream.get_final_response()
    kinds = [each.type for each in events]
    assert kinds[:2] == ["response.created", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    assert [each.sequence_number for each in events] == list(range(len(events)))
    assert final.output_text == "Let me see."
    assert final.output[1].arguments == '{"city":"Bonn"}'  # type: ignore[union-attr]
    assert final.usage is not None
    assert final.usage.total_tokens == 7


async def test_a_stream_that_breaks_off_is_an_error_and_never_completed(
    plane: Plane, client: openai.AsyncOpenAI
) -> None:
    plane.chat.behaviour = says(STREAM_HEAD + event(chat_chunk(content="Hel")) + STREAM_END)
    stream = await client.responses.create(model="tiny", input="x", stream=True, store=True)
    kinds: list[str] = []

    async def read() -> None:
        async for each in stream:
            kinds.append(each.type)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(openai.APIError, match="failed while answering"):
        await read()
    assert "response.output_text.delta" in kinds
    assert "response.completed" not in kinds


async def test_a_kept_response_is_found_gone_on_from_and_dropped(plane: Plane, client: openai.AsyncOpenAI) -> None:
    first = await client.responses.create(model="tiny", input="hello", instructions="Be brief.", store=True)
    again = await client.responses.retrieve(first.id)
    assert again.to_dict() == first.to_dict()
    plane.chat.behaviour = says(chat_stream("And ", "you?"))
    stream = await client.responses.create(
        model="tiny", input="and now?", previous_response_id=first.id, instructions="Be long.", stream=True, store=True
    )
    last = [each async for each in stream][-1]
    assert last.type == "response.completed"
    plane.chat.behaviour = says(whole(chat("Bye.")))
    await client.responses.create(model="tiny", input="bye", previous_response_id=last.response.id)
    assert [(each["role"], each["content"]) for each in plane.chat.asked[-1].body["messages"]] == [
        ("user", "hello"), ("assistant", "Hello."), ("user", "and now?"), ("assistant", "And you?"), ("user", "bye"),
    ]  # fmt: skip
    assert plane.chat.asked[1].body["messages"][0] == {"role": "system", "content": "Be long."}
    await client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        await client.responses.retrieve(first.id)
    assert (await client.responses.retrieve(last.response.id)).output_text == "And you?"


async def test_what_was_not_to_be_kept_is_not(client: openai.AsyncOpenAI) -> None:
    cases: tuple[Any, ...] = ({}, {"store": False})
    for store in cases:
        answer = await client.responses.create(model="tiny", input="hello", **store)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(answer.id)
        with pytest.raises(openai.NotFoundError) as missing:
            await client.responses.create(model="tiny", input="x", previous_response_id=answer.id)
        assert missing.value.param == "previous_response_id"


async def test_anothers_response_looks_like_one_that_is_missing(plane: Plane, client: openai.AsyncOpenAI) -> None:
    theirs = (await client.responses.create(model="tiny", input="CANARY", store=True)).id
    missing = "resp_" + "0" * 32
    told: list[list[Any]] = []
    for identifier in (theirs, missing, "resp_" + "A" * 32, "x"):
        seen: list[Any] = []
        for method in ("GET", "DELETE"):
            answer = await plane.ask(f"/v1/responses/{identifier}", method=method, key="globex")
            seen.append((answer.status, {**answer.error, "request_id": ""}, sorted(answer.headers)))
        body = {"model": "tiny", "input": "x", "previous_response_id": identifier}
        answer = await plane.ask("/v1/responses", body, key="globex")
        seen.append((answer.status, {**answer.error, "request_id": ""}, sorted(answer.headers)))
        assert "CANARY" not in str(seen)
        told.append(seen)
    assert all(each == told[0] for each in told)
    assert {each[0] for each in told[0]} == {404}
    assert (await client.responses.retrieve(theirs)).id == theirs  # and it is still there for whose it is


async def test_what_is_kept_is_sealed_to_whose_it_is(database: TestDatabase, build: Build) -> None:
    plane = await build(database)
    async with client_of(plane) as acme, client_of(plane, "globex") as globex:
        plane.chat.behaviour = says(whole(chat("CANARY-answer")))
        kept = await acme.responses.create(model="tiny", input="CANARY-prompt", store=True)
        theirs = await globex.responses.create(model="tiny", input="look-alike", store=True)
        async with migrate.administrator(database.admin) as connection:
            rows = await connection.fetch("select * from gateway.response")
            assert len(rows) == 2
            assert not any(b"CANARY" in bytes(row["sealed"]) for row in rows)
            # One who may write there puts one tenant's text into the other's row: the seal does not open there.
            sealed = {row["id"]: row["sealed"] for row in rows}
            moved = "update gateway.response set sealed = $1 where id = $2"
            await connection.execute(moved, sealed[kept.id], theirs.id)
            with pytest.raises(openai.NotFoundError):
                await globex.responses.retrieve(theirs.id)
            assert (await acme.responses.retrieve(kept.id)).output_text == "CANARY-answer"
            await connection.execute("update gateway.response set expires_at = now() where id = $1", kept.id)
        with pytest.raises(openai.NotFoundError):
            await acme.responses.retrieve(kept.id)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    # what is sent: the field that the answer names
    "no input": ({}, "input"),
    "an empty input": ({"input": []}, "input"),
    "a field of nobody": ({"input": "x", "frobnicate": 1}, "frobnicate"),
    "a field of the engine": ({"input": "x", "cache_salt": "a"}, "cache_salt"),
    "background": ({"input": "x", "background": True}, "background"),
    "a conversation": ({"input": "x", "conversation": "conv_1"}, "conversation"),
    "truncation": ({"input": "x", "truncation": "auto"}, "truncation"),
    "a tool of OpenAI's own": ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type"),
    "an image": ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].type"),
    "half a message": ({"input": [{"role": "user"}]}, "input[0]"),
    "half a call": ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0]"),
    "a message that is a call": (
        {"input": [{"role": "user", "content": "x", "name": "f", "arguments": "{}"}]},
        "input[0]",
    ),
    "a message with an output": (
        {"input": [{"role": "user", "content": "x", "output": [{"type": "input_text", "text": "x"}]}]},
        "input[0]",
    ),
    "an output without a call": ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0]"),
    "stream options without a stream": ({"input": "x", "stream_options": {}}, "stream_options"),
    "encrypted reasoning": ({"input": "x", "include": ["reasoning.encrypted_content"]}, "include"),
    "a schema without a type": ({"input": "x", "text": {"format": {"type": "text", "schema": {}}}}, "text.format"),
    "a description that no engine reads": (
        {"input": "x", "text": {"format": {"type": "text", "description": "x" * 900_000}}},
        "text.format",
    ),
    "a name of no schema": ({"input": "x", "text": {"format": {"type": "json_object", "name": "x"}}}, "text.format"),
    "strictness of no schema": ({"input": "x", "text": {"format": {"type": "text", "strict": True}}}, "text.format"),
    "too much": ({"input": "x", "max_output_tokens": 10**6}, "max_output_tokens"),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_body_that_breaks_a_rule_is_refused_by_name(plane: Plane, case: str) -> None:
    sent, param = BAD[case]
    answer = await plane.ask("/v1/responses", {"model": "tiny", **sent})
    assert (answer.status, answer.error["param"]) == (400, param)
    assert plane.chat.asked == []


async def test_a_method_that_is_not_served_is_named(plane: Plane) -> None:
    answer = await plane.ask("/v1/responses/resp_x", method="POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, DELETE")
