"""The unmodified `anthropic` client against the gateway; workers are doubles where a small model could not be made to answer so."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

import anthropic
import pytest
from anthropic.resources.messages import AsyncMessages

from strongroom.gateway.anthropic.requests import CountRequest, MessagesRequest
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

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]
ASKED: dict[str, Any] = {"model": "tiny", "max_tokens": 20, "messages": MESSAGES}
VERSION = "anthropic-version: 2023-06-01"
WEATHER: Any = {
    "name": "weather",
    "description": "Tell the weather.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Bonn"}'}}


@pytest.fixture
async def client(plane: Plane) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        api_key=plane.keys["acme"], base_url=f"http://127.0.0.1:{plane.port}", max_retries=0
    ) as client:
        yield client


async def ask(plane: Plane, body: object, *headers: str, path: str = "/v1/messages") -> Answer:
    return await plane.ask(path, body, headers=(VERSION, *headers))


def error_of(answer: Answer) -> tuple[str, str]:
    document = answer.json
    assert set(document) == {"type", "error", "request_id"}
    assert document["type"] == "error"
    assert document["request_id"] == answer.headers["request-id"] == answer.headers["x-request-id"]
    return document["error"]["type"], document["error"]["message"]


def test_every_field_that_the_client_has_is_known_here() -> None:
    apart = {"self", "extra_headers", "extra_query", "extra_body", "timeout", "output_format"}
    for create, request in ((AsyncMessages.create, MessagesRequest), (AsyncMessages.count_tokens, CountRequest)):
        assert set(inspect.signature(create).parameters) - apart <= set(request.__struct_fields__)


async def test_a_whole_answer_has_anthropics_fields_and_the_gateways_names(
    plane: Plane, client: anthropic.AsyncAnthropic
) -> None:
    raw = await client.messages.with_raw_response.create(
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        stop_sequences=["END"],
        metadata={"user_id": "someone"},
        extra_body={"temperature": 0.5, "top_k": 5},
        **ASKED,
    )
    answer = await raw.parse()
    assert answer.id == "msg_" + raw.headers["request-id"].removeprefix("req_")
    assert (answer.model, answer.role, answer.stop_reason, answer.stop_sequence) == (
        "tiny",
        "assistant",
        "end_turn",
        None,
    )
    assert [block.type for block in answer.content] == ["text"]
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (5, 2)
    text = await raw.text()
    assert not any(word in text for word in ("gguf", "timings", "fingerprint", "engine", "cache_read"))
    [asked] = plane.chat.asked
    assert asked.body == {
        "model": "tiny", "max_tokens": 20, "temperature": 0.5, "top_k": 5, "stop": ["END"],
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}],
    }  # fmt: skip


async def test_a_stop_sequence_is_named_where_the_engine_tells_it(
    plane: Plane, client: anthropic.AsyncAnthropic
) -> None:
    answer = chat()
    choices: Any = answer["choices"]
    choices[0]["stop_reason"] = "END"
    plane.chat.behaviour = says(whole(answer))
    told = await client.messages.create(stop_sequences=["END"], **ASKED)
    assert (told.stop_reason, told.stop_sequence) == ("stop_sequence", "END")
    choices[0] |= {"finish_reason": "length", "stop_reason": None}
    plane.chat.behaviour = says(whole(answer))
    assert (await client.messages.create(**ASKED)).stop_reason == "max_tokens"


async def test_tools_go_there_and_their_history_comes_back(plane: Plane, client: anthropic.AsyncAnthropic) -> None:
    plane.chat.behaviour = says(whole(chat("Let me see.", tool_calls=[CALL])))
    first = await client.messages.create(
        tools=[WEATHER], tool_choice={"type": "tool", "name": "weather", "disable_parallel_tool_use": True}, **ASKED
    )
    assert first.stop_reason == "tool_use"
    text, use = first.content
    assert (text.type, use.type) == ("text", "tool_use")
    assert (use.id, use.name, use.input) == ("call_1", "weather", {"city": "Bonn"})
    sent = plane.chat.asked[0].body
    assert sent["tools"][0]["function"] == {
        "name": "weather", "description": "Tell the weather.", "parameters": WEATHER["input_schema"],
    }  # fmt: skip
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert sent["parallel_tool_calls"] is False

    plane.chat.behaviour = says(whole(chat("Sunny.")))
    result: Any = {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "sun"}]}
    history: list[Any] = [
        *MESSAGES,
        first.to_param(),
        {"role": "user", "content": [result, {"type": "text", "text": "So?"}]},
    ]
    await client.messages.create(model="tiny", max_tokens=20, messages=history, tools=[WEATHER])
    assert plane.chat.asked[1].body["messages"] == [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]},
        {"role": "tool", "content": "sun", "tool_call_id": "call_1"},
        {"role": "user", "content": "So?"},
    ]


async def test_a_stream_comes_as_blocks_and_ends_with_why_and_how_much(
    plane: Plane, client: anthropic.AsyncAnthropic
) -> None:
    pieces = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city":'}},
        {"index": 0, "function": {"arguments": '"Bonn"}'}},
        {
            "index": 1,
            "id": "call_2",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city":"Ulm"}'},
        },
    ]
    chunks = [
        chat_chunk(role="assistant", content=None), chat_chunk(content="Let "), chat_chunk(content="me see."),
        *(chat_chunk(tool_calls=[piece]) for piece in pieces), chat_chunk("tool_calls"), USAGE_CHUNK, "[DONE]",
    ]  # fmt: skip
    plane.chat.behaviour = says(STREAM_HEAD + b"".join(map(event, chunks)) + STREAM_END)
    async with client.messages.stream(tools=[WEATHER], **ASKED) as stream:
        kinds = [each.type async for each in stream if each.type not in {"text", "input_json"}]
        final = await stream.get_final_message()
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds.count("content_block_start") == kinds.count("content_block_stop") == 3
    assert [block.type for block in final.content] == ["text", "tool_use", "tool_use"]
    assert final.content[1].input == {"city": "Bonn"}  # type: ignore[union-attr]
    assert (final.stop_reason, final.usage.input_tokens, final.usage.output_tokens) == ("tool_use", 5, 2)
    raw = await ask(plane, {**ASKED, "stream": True, "tools": [WEATHER]})
    assert b"event: ping" in raw.body
    assert raw.headers["content-type"].startswith("text/event-stream")


async def test_arguments_that_are_no_object_fail_the_answer(plane: Plane, client: anthropic.AsyncAnthropic) -> None:
    for arguments in ("[1]", '{"city":', "5"):
        call = {**CALL, "function": {"name": "weather", "arguments": arguments}}
        plane.chat.behaviour = says(whole(chat(None, tool_calls=[call])))
        with pytest.raises(anthropic.APIStatusError):
            await client.messages.create(tools=[WEATHER], **ASKED)
        piece = {"index": 0, **call}
        chunks = [chat_chunk(tool_calls=[piece]), chat_chunk("tool_calls"), USAGE_CHUNK, "[DONE]"]
        plane.chat.behaviour = says(STREAM_HEAD + b"".join(map(event, chunks)) + STREAM_END)
        streamed = await ask(plane, {**ASKED, "stream": True, "tools": [WEATHER]})
        assert streamed.status == 403 or b"event: error" in streamed.body
        assert b"message_stop" not in streamed.body
        assert arguments == "5" or arguments.encode() not in streamed.body  # one digit stands in any id


async def test_models_are_listed_in_the_dialect_that_asks(client: anthropic.AsyncAnthropic) -> None:
    models = [model async for model in client.models.list()]
    assert [model.id for model in models] == ["rows", "tiny", "vectors"]
    assert (await client.models.retrieve("tiny")).display_name == "tiny"
    with pytest.raises(anthropic.NotFoundError):
        await client.models.retrieve("nothing")


async def test_errors_arrive_as_the_clients_own_exceptions(plane: Plane, client: anthropic.AsyncAnthropic) -> None:
    with pytest.raises(anthropic.BadRequestError, match="max_tokens") as bad:
        await client.messages.create(model="tiny", max_tokens=5000, messages=MESSAGES)
    assert bad.value.request_id is not None
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(model="nothing", max_tokens=5, messages=MESSAGES)
    with pytest.raises(anthropic.AuthenticationError):
        await client.with_options(api_key="sk-ant-nothing").messages.create(**ASKED)
    plane.chat.behaviour = says(whole({"error": {"message": "inside"}}, 500))
    with pytest.raises(anthropic.InternalServerError) as failed:
        await client.messages.create(**ASKED)
    assert "inside" not in str(failed.value)
    plane.chat.behaviour = says(STREAM_HEAD + event(chat_chunk(content="Hel")) + STREAM_END)
    with pytest.raises(anthropic.APIStatusError):
        async with client.messages.stream(**ASKED) as stream:
            await stream.get_final_message()


async def test_a_key_may_come_either_way_but_not_two_at_once(plane: Plane) -> None:
    acme, globex = plane.keys["acme"], plane.keys["globex"]
    for headers, status in (
        ((f"x-api-key: {acme}",), 200),
        ((f"authorization: Bearer {acme}",), 200),
        ((f"x-api-key: {acme}", f"authorization: Bearer {acme}"), 200),
        ((f"x-api-key: {acme}", f"authorization: Bearer {globex}"), 401),
        ((f"x-api-key: {acme}", f"x-api-key: {globex}"), 401),
        ((), 401),
    ):
        answer = await plane.ask("/v1/messages", ASKED, key=None, headers=(VERSION, *headers))
        assert answer.status == status, headers
        if status == 401:
            assert error_of(answer)[0] == "authentication_error"


CALLED: list[Any] = [
    *MESSAGES,
    {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "weather", "input": {"city": "Bonn"}}]},
]
BAD: dict[str, tuple[object, str]] = {
    # what is sent: the field that the answer names
    "not JSON": (b"{not json", "JSON"),
    "no bound": ({"model": "tiny", "messages": MESSAGES}, "max_tokens"),
    "no messages": ({"model": "tiny", "max_tokens": 5, "messages": []}, "messages"),
    "a field of nobody": ({**ASKED, "frobnicate": 1}, "frobnicate"),
    "a field of the engine": ({**ASKED, "cache_salt": "x"}, "cache_salt"),
    "an image": ({**ASKED, "messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]}, "content"),
    "a system turn": ({**ASKED, "messages": [{"role": "system", "content": "x"}]}, "role"),
    "a call by the user": (
        {**ASKED, "messages": [{"role": "user", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {}}]}]},
        "content",
    ),
    "a prefilled answer": ({**ASKED, "messages": [*MESSAGES, {"role": "assistant", "content": "He"}]}, "messages"),
    "a result after words": (
        {
            **ASKED,
            "tools": [WEATHER],
            "messages": [
                *CALLED,
                {"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "tool_result", "tool_use_id": "1"}]},
            ],
        },
        "messages[2].content",
    ),
    "a failed result": (
        {
            **ASKED,
            "tools": [WEATHER],
            "messages": [
                *CALLED,
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "is_error": True}]},
            ],
        },
        "messages[2].content",
    ),
    "thinking": ({**ASKED, "thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking"),
    "hot": ({**ASKED, "temperature": 1.5}, "temperature"),
    "a tool of Anthropic's own": ({**ASKED, "tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools"),
    "a tool twice": ({**ASKED, "tools": [WEATHER, WEATHER]}, "tools"),
    "a choice of nothing": ({**ASKED, "tool_choice": {"type": "any"}}, "tool_choice"),
    "a container": ({**ASKED, "container": "x"}, "container"),
    "effort": ({**ASKED, "output_config": {"effort": "high"}}, "output_config.effort"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
async def test_a_body_that_breaks_a_rule_is_refused_by_name(plane: Plane, case: str) -> None:
    sent, named = BAD[case]
    answer = await ask(plane, sent)
    kind, message = error_of(answer)
    assert (answer.status, kind) == (400, "invalid_request_error")
    assert named in message
    assert "image" not in message
    assert plane.chat.asked == []


async def test_the_version_is_demanded(plane: Plane) -> None:
    for headers in ((), ("anthropic-version: 2020-01-01",)):
        answer = await plane.ask("/v1/messages", ASKED, headers=headers)
        assert answer.status == 400
        assert "anthropic-version" in error_of(answer)[1]
    wrong = await plane.ask("/v1/messages", method="GET", headers=(VERSION,))
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    assert error_of(await plane.ask("/v1/messages/batches", {}, headers=(VERSION,)))[0] == "not_found_error"


async def test_tokens_are_counted_and_nothing_is_generated(plane: Plane, client: anthropic.AsyncAnthropic) -> None:
    plane.chat.behaviour = says(whole({"input_tokens": 12, "object": "engine"}))
    counted = await client.messages.count_tokens(model="tiny", system="Be brief.", messages=MESSAGES, tools=[WEATHER])
    assert counted.input_tokens == 12
    [asked] = plane.chat.asked
    assert asked.head.startswith(b"POST /v1/chat/completions/input_tokens ")
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
    assert "max_tokens" not in asked.body


async def test_a_stream_in_pieces_is_the_same_stream(plane: Plane) -> None:
    plane.chat.behaviour = says(chat_stream("one ", "by ", "one"))
    at_once = await ask(plane, {**ASKED, "stream": True})
    assert b'"text":"one by one"' in at_once.body  # so little is held until the answer has ended
    assert at_once.body.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
