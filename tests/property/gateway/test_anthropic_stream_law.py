"""A streamed answer of Messages is the same however its bytes were cut, and says what the whole answer says."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.exchange.answers import CallDelta, Event, Finished, Generation, ReasoningDelta, TextDelta, Used
from strongroom.gateway.exchange.asks import CallPart, ChatAsk, Message, ResultPart, Sampling, TextPart, Tool
from strongroom.gateway.protocols.anthropic import Anthropic

ASK = ChatAsk(model="m", messages=(Message(role="user", parts=(TextPart("hi"),)),), max_output_tokens=9)
USED = {"input_tokens": 5, "cache_read_input_tokens": 4, "output_tokens": 2}
EMPTY: dict[str, dict[str, Any]] = {"text": {"text": ""}, "thinking": {"thinking": ""}, "tool_use": {"input": {}}}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
BLOCKS = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, TEXT),
        st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "s"}, TEXT),
        st.builds(
            lambda number, given: {"type": "tool_use", "id": f"t{number}", "name": "weather", "input": given},
            st.integers(0, 9),
            st.dictionaries(TEXT, st.one_of(TEXT, st.integers(-9, 9), st.none()), max_size=2),
        ),
    ),
    max_size=4,
)


def line(**fields: Any) -> bytes:
    return f"event: {fields['type']}\n".encode() + b"data: " + msgspec.json.encode(fields) + b"\n\n"


def streamed(blocks: list[dict[str, Any]], reason: str = "end_turn") -> bytes:
    parts = [line(type="message_start", message={"usage": {**USED, "output_tokens": 1}}), line(type="ping")]
    for index, block in enumerate(blocks):
        empty = EMPTY[block["type"]]
        parts.append(line(type="content_block_start", index=index, content_block={**block, **empty}))
        if block["type"] == "tool_use":
            pieces = [] if block["input"] == {} else [msgspec.json.encode(block["input"]).decode()]
            deltas: list[dict[str, Any]] = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        else:
            kind = block["type"]
            deltas = [{"type": f"{kind}_delta", kind: block[kind]}]
        parts += [line(type="content_block_delta", index=index, delta=delta) for delta in deltas]
        parts.append(line(type="content_block_stop", index=index))
    parts.append(line(type="message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 2}))
    return b"".join([*parts, line(type="message_stop")])


def read(stream: bytes, cuts: list[int]) -> list[Event]:
    reader, events, edges = Anthropic().reader(ASK), list[Event](), sorted({0, len(stream), *cuts})
    for begin, end in pairwise(edges):
        assert not reader.complete
        events += reader.feed(stream[begin:end])
    assert reader.complete
    return events


@given(blocks=BLOCKS, data=st.data())
def test_no_cut_changes_an_answer_and_a_stream_says_what_the_whole_says(
    blocks: list[dict[str, Any]], data: st.DataObject
) -> None:
    stream = streamed(blocks)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=30))
    events = read(stream, cuts)
    assert events == read(stream, [])
    body = {"type": "message", "role": "assistant", "content": blocks, "stop_reason": "end_turn", "usage": USED}
    whole = Anthropic().whole(ASK, msgspec.json.encode(body))
    assert isinstance(whole, Generation)
    choice = whole.choices[0]
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == (choice.text or "")
    assert "".join(event.text for event in events if isinstance(event, ReasoningDelta)) == (choice.reasoning or "")
    told: dict[int, str] = {}
    for event in events:
        if isinstance(event, CallDelta):
            told[event.index] = told.get(event.index, "") + event.arguments
    assert [msgspec.json.decode(text) for text in told.values()] == [
        msgspec.json.decode(c.arguments) for c in choice.calls
    ]
    assert [event.usage for event in events if isinstance(event, Used)][-1] == whole.usage
    assert whole.usage.input_tokens == 9
    assert [event for event in events if isinstance(event, Finished)] == [Finished(0, "stop")]


@given(blocks=BLOCKS, data=st.data())
def test_a_stream_that_lost_its_end_is_never_complete(blocks: list[dict[str, Any]], data: st.DataObject) -> None:
    stream = streamed(blocks)
    reader = Anthropic().reader(ASK)
    reader.feed(stream[: data.draw(st.integers(0, len(stream) - 2))])
    assert not reader.complete


@pytest.mark.parametrize(
    "sent",
    [
        line(type="error", error={"type": "overloaded_error", "message": "x"}),
        line(type="content_block_start", index=0, content_block={"type": "server_tool_use", "id": "a", "name": "b"}),
        line(type="content_block_delta", index=3, delta={"type": "text_delta", "text": "x"}),
        line(type="content_block_stop", index=3),
        line(type="message_stop"),
        line(type="message_delta", delta={"stop_reason": "pause_turn"}, usage={"output_tokens": 1}),
        line(type="message_start", message={}),
        line(type="something_new"),
        b"data: not json\n\n",
    ],
)
def test_what_is_not_known_or_out_of_order_ends_the_answer(sent: bytes) -> None:
    reader = Anthropic().reader(ASK)
    reader.feed(line(type="message_start", message={"usage": USED}))
    with pytest.raises(ValueError):  # noqa: PT011 - what the port says: any ValueError
        reader.feed(sent)


def asked(**fields: Any) -> str | None:
    no = Anthropic().cannot(msgspec.structs.replace(ASK, **fields))
    return None if no is None else no.param


def test_what_messages_has_no_words_for_is_named() -> None:
    assert asked() is None
    assert asked(max_output_tokens=None) == "max_output_tokens"
    assert asked(n=2) == "n"
    assert asked(logprobs=1) == "logprobs"
    assert asked(reasoning="low") == "reasoning"
    assert asked(reasoning="enabled", reasoning_tokens=2048) is None
    for field, value in {"seed": 1, "logit_bias": {"1": 1.0}, "presence_penalty": 0.1, "temperature": 1.1}.items():
        assert asked(sampling=Sampling(**{field: value})) == field  # type: ignore[arg-type]
    assert asked(sampling=Sampling(presence_penalty=0.0, temperature=1.0)) is None
    assert asked(tools=(Tool(name="t", strict=True),)) == "tools"
    late = (*ASK.messages, Message(role="system", parts=(TextPart("x"),)))
    assert asked(messages=late) == "messages[1].role"
    assert asked(messages=(Message(role="user", parts=(TextPart("x"),), name="ada"),)) == "messages[0].name"
    call = Message(role="assistant", parts=(CallPart("1", "t", "[1]"),))
    assert asked(messages=(*ASK.messages, call)) == "messages[1].tool_calls"


def test_neighbours_of_one_role_are_one_turn_and_a_failed_tool_says_so() -> None:
    messages = (
        Message(role="system", parts=(TextPart("Be brief."),)),
        *ASK.messages,
        Message(role="assistant", parts=(CallPart("1", "t", "{}"), CallPart("2", "t", '{"a":1}'))),
        Message(role="user", parts=(ResultPart("1", "rain"),)),
        Message(role="user", parts=(ResultPart("2", "no", failed=True), TextPart("so?"))),
    )
    body = msgspec.json.decode(Anthropic().outgoing(msgspec.structs.replace(ASK, messages=messages), "claude").body)
    assert body["system"] == [{"type": "text", "text": "Be brief."}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert [part["type"] for part in body["messages"][2]["content"]] == ["tool_result", "tool_result", "text"]
    assert [part.get("is_error") for part in body["messages"][2]["content"]] == [None, True, None]
