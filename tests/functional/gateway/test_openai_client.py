"""The unmodified `openai` client against the gateway; workers are doubles where a small model could not be made to answer so."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai.resources.chat.completions import Completions as ChatCompletions
from openai.resources.completions import Completions
from openai.resources.embeddings import Embeddings

from strongroom.gateway.openai.requests import ChatRequest, CompletionRequest, EmbeddingRequest
from strongroom.gateway.testing import (
    STREAM_END,
    STREAM_HEAD,
    USAGE_CHUNK,
    Asked,
    chat,
    chat_chunk,
    chat_stream,
    event,
    says,
    whole,
)

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tell the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        "strict": True,
    },
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bonn"}'}}


@pytest.fixture
async def client(plane: Plane) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key=plane.keys["acme"], base_url=f"http://127.0.0.1:{plane.port}/v1", max_retries=0
    ) as client:
        yield client


async def test_every_field_that_the_client_has_is_known_here() -> None:
    apart = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
    for create, request in (
        (ChatCompletions.create, ChatRequest),
        (Completions.create, CompletionRequest),
        (Embeddings.create, EmbeddingRequest),
    ):
        assert set(inspect.signature(create).parameters) - apart <= set(request.__struct_fields__)


async def test_null_means_not_given_for_every_field_that_may_be_left_out(plane: Plane) -> None:
    for path, request, given in (
        ("/v1/chat/completions", ChatRequest, {"model": "tiny", "messages": MESSAGES}),
        ("/v1/completions", CompletionRequest, {"model": "tiny", "prompt": "x"}),
        ("/v1/embeddings", EmbeddingRequest, {"model": "vectors", "input": "x"}),
    ):
        plane.chat.behaviour = says(whole({"choices": [{"message": {"content": "x"}, "text": "x"}]}))
        answer = await plane.ask(path, {**dict.fromkeys(request.__struct_fields__), **given})
        assert answer.status == 200, (path, answer.body)


HARMLESS: dict[str, Any] = {
    # what LangChain, LlamaIndex, the AI SDKs and others send without being asked
    "n": 1, "temperature": 0.7, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False,
    "stream": False, "parallel_tool_calls": True, "store": False, "service_tier": "auto", "modalities": ["text"],
    "logit_bias": {}, "metadata": {}, "user": "u-1", "stop": [], "seed": 1, "verbosity": "medium",
    "response_format": {"type": "text"}, "tool_choice": "none",
}  # fmt: skip


async def test_what_client_libraries_send_unasked_is_taken(plane: Plane) -> None:
    for field, value in HARMLESS.items():
        answer = await plane.ask(body={"model": "tiny", "messages": MESSAGES, field: value})
        assert answer.status == 200, (field, answer.body)
    every = await plane.ask(body={"model": "tiny", "messages": MESSAGES, **HARMLESS})
    assert every.status == 200
    assert "metadata" not in plane.chat.asked[-1].body
    assert "store" not in plane.chat.asked[-1].body


async def test_an_answer_bears_the_gateways_names_and_openais_fields_only(
    plane: Plane, client: openai.AsyncOpenAI
) -> None:
    raw = await client.chat.completions.with_raw_response.create(model="tiny", messages=MESSAGES)
    answer = raw.parse()
    assert (answer.model, answer.choices[0].message.content, answer.choices[0].finish_reason) == (
        "tiny",
        "Hello.",
        "stop",
    )
    assert answer.id == "chatcmpl-" + raw.headers["x-request-id"].removeprefix("req_")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (5, 2, 7)
    for inside in ("gguf", "timings", "fingerprint", "cached", "engine"):
        assert inside not in raw.text
    assert plane.chat.asked[0].body["max_tokens"] == 1024


async def test_a_whole_answer_carries_tool_calls_and_their_history_goes_back(
    plane: Plane, client: openai.AsyncOpenAI
) -> None:
    plane.chat.behaviour = says(whole(chat(None, tool_calls=[CALL])))
    choice: Any = {"type": "function", "function": {"name": "weather"}}
    first = await client.chat.completions.create(
        model="tiny", messages=MESSAGES, tools=[WEATHER], tool_choice=choice, parallel_tool_calls=False
    )
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.tool_calls is not None
    assert message.tool_calls[0].model_dump(exclude_none=True) == CALL
    sent = plane.chat.asked[0].body
    assert (sent["tools"], sent["tool_choice"], sent["parallel_tool_calls"]) == ([WEATHER], choice, False)

    plane.chat.behaviour = says(whole(chat("Sunny.")))
    history = [*MESSAGES, message, {"role": "tool", "tool_call_id": "call_1", "content": "sun"}]
    second = await client.chat.completions.create(model="tiny", messages=history, tools=[WEATHER])
    assert second.choices[0].message.content == "Sunny."
    _, assistant, tool = plane.chat.asked[1].body["messages"]
    assert assistant == {"role": "assistant", "tool_calls": [CALL]}
    assert tool == {"role": "tool", "content": "sun", "tool_call_id": "call_1"}


async def test_a_stream_carries_tool_calls_in_pieces(plane: Plane, client: openai.AsyncOpenAI) -> None:
    pieces = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city":'}},
        {"index": 0, "function": {"arguments": '"Bonn"}'}},
    ]
    chunks = [chat_chunk(role="assistant", content=None), *(chat_chunk(tool_calls=[piece]) for piece in pieces)]
    events = [*chunks, chat_chunk("tool_calls"), USAGE_CHUNK, "[DONE]"]
    plane.chat.behaviour = says(STREAM_HEAD + b"".join(map(event, events)) + STREAM_END)
    stream = await client.chat.completions.create(model="tiny", messages=MESSAGES, tools=[WEATHER], stream=True)
    got = [chunk.choices[0] async for chunk in stream]
    calls = [call for choice in got for call in choice.delta.tool_calls or []]
    assert "".join(call.function.arguments or "" for call in calls if call.function) == '{"city":"Bonn"}'
    assert (calls[0].id, calls[0].index, got[-1].finish_reason) == ("call_1", 0, "tool_calls")


async def test_usage_comes_in_the_last_chunk_if_asked_for_and_not_otherwise(
    plane: Plane, client: openai.AsyncOpenAI
) -> None:
    plane.chat.behaviour = says(chat_stream("Hel", "lo"))
    asked = await plane.ask(
        body={"model": "tiny", "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    )
    *chunks, last, done = asked.events
    assert done == "[DONE]"
    assert all('"usage":null' in chunk for chunk in chunks)
    assert '"choices":[]' in last
    assert '"usage":{"prompt_tokens":5,"completion_tokens":2,"total_tokens":7}' in last
    stream = await client.chat.completions.create(
        model="tiny", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    got = [chunk async for chunk in stream]
    assert [chunk.usage for chunk in got[:-1]] == [None] * (len(got) - 1)
    assert got[-1].usage is not None
    assert (got[-1].choices, got[-1].usage.total_tokens) == ([], 7)
    without = await plane.ask(body={"model": "tiny", "messages": MESSAGES, "stream": True})
    assert b"usage" not in without.body
    assert len(without.events) == len(asked.events) - 1
    assert all(each.body["stream_options"] == {"include_usage": True} for each in plane.chat.asked)


async def test_both_names_of_the_bound_mean_the_same(plane: Plane, client: openai.AsyncOpenAI) -> None:
    await client.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=7)
    await client.chat.completions.create(model="tiny", messages=MESSAGES, max_completion_tokens=7)
    assert [asked.body["max_tokens"] for asked in plane.chat.asked] == [7, 7]
    assert not any("max_completion_tokens" in asked.body for asked in plane.chat.asked)


async def test_only_what_this_key_may_ask_is_listed(client: openai.AsyncOpenAI) -> None:
    models = [model async for model in await client.models.list()]
    assert [(model.id, model.owned_by) for model in models] == [("rows", "acme"), ("tiny", "acme"), ("vectors", "acme")]
    assert (await client.models.retrieve("tiny")).id == "tiny"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("nothing")


async def test_errors_arrive_as_the_clients_own_exceptions(plane: Plane, client: openai.AsyncOpenAI) -> None:
    async def ask(**fields: Any) -> None:
        await client.chat.completions.create(**{"model": "tiny", "messages": MESSAGES, **fields})

    with pytest.raises(openai.BadRequestError) as bad:
        await ask(temperature=5)
    assert bad.value.param == "temperature"
    assert bad.value.request_id is not None
    with pytest.raises(openai.NotFoundError) as missing:
        await ask(model="nothing")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="sk-nothing").models.list()
    for status, kind in ((500, openai.InternalServerError), (503, openai.InternalServerError)):
        plane.chat.behaviour = says(whole({"error": {"message": "inside"}}, status))
        with pytest.raises(kind) as failed:
            await ask()
        assert "inside" not in str(failed.value)
    with pytest.raises(openai.APIStatusError) as large:
        await ask(messages=[{"role": "user", "content": "x" * 5 * 2**20}])
    assert large.value.status_code == 413
    plane.chat.behaviour = says(STREAM_HEAD + event(chat_chunk(content="Hel")) + STREAM_END)
    stream = await client.chat.completions.create(model="tiny", messages=MESSAGES, stream=True)
    with pytest.raises(openai.APIError) as broken:
        async for _ in stream:
            pass
    assert broken.value.code == "model_failed"


async def test_a_client_that_retries_gets_through_once_the_worker_is_back(
    plane: Plane, client: openai.AsyncOpenAI
) -> None:
    tries = 0

    async def busy_once(asked: Asked) -> None:
        nonlocal tries
        tries += 1
        await asked.say(whole({}, 503) if tries == 1 else whole(chat("at last")))

    plane.chat.behaviour = busy_once
    patient = client.with_options(max_retries=2)
    async with asyncio.timeout(20):
        answer = await patient.chat.completions.create(model="tiny", messages=MESSAGES)
    assert (answer.choices[0].message.content, tries) == ("at last", 2)
