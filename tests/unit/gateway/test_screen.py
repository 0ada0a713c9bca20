"""Limits on what may be asked for, and what a worker gets to see of a request."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from strongroom.gateway import disclose
from strongroom.gateway.exchange.asks import Ask, ChatAsk, CountAsk, Message, TextPart, Tool
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import in_words_of
from strongroom.gateway.openai.dialect import OpenAI
from strongroom.gateway.protocols.worker import Worker
from strongroom.gateway.screen import AskLimits, bounded
from strongroom.kernel.refusal import Refusal
from strongroom.rules.disclosure import Disclosure

LIMITS = AskLimits(max_output_tokens=100, default_output_tokens=50)
TERMS = Disclosure(seed=True, tools=True)
Body = tuple[Endpoint, dict[str, Any]]


def chat(**fields: Any) -> Body:
    return Endpoint.CHAT, {"model": "m", "messages": [{"role": "user", "content": "x"}], **fields}


def tool(name: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": parameters or {}}}


def formatted(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def completion(**fields: Any) -> Body:
    return Endpoint.COMPLETION, {"model": "m", "prompt": "x", **fields}


def embedding(value: object) -> Body:
    return Endpoint.EMBEDDING, {"model": "m", "input": value}


def screened(body: Body, limits: AskLimits = LIMITS) -> Ask | Refusal:
    """Take a request as far as the pipeline does before an engine is chosen."""
    decoded = OpenAI().decode(body[0], msgspec.json.encode(body[1]), None)
    if isinstance(decoded, Refusal):
        return decoded
    no = disclose.check(decoded.ask, TERMS)
    found = bounded(decoded.ask, limits) if no is None else no
    return in_words_of(found, decoded.names) if isinstance(found, Refusal) else found


def sent(body: Body, limits: AskLimits = LIMITS) -> Any:
    """Return what a worker gets."""
    ask = screened(body, limits)
    assert not isinstance(ask, Refusal)
    return msgspec.json.decode(Worker().outgoing(ask, "m").body)


@pytest.mark.parametrize(
    ("body", "bound"),
    [
        (chat(), 50),
        (chat(max_tokens=7), 7),
        (chat(max_completion_tokens=8), 8),
        (chat(max_tokens=9, max_completion_tokens=9), 9),
        (chat(max_tokens=100), 100),
        (completion(), 16),
        (completion(max_tokens=60), 60),
        (chat(tools=[tool("f")], tool_choice="auto"), 50),
        (chat(tools=[tool("f")], tool_choice="required"), 50),
        (chat(response_format=formatted({"type": "object"})), 50),
        (embedding("x"), 0),
        (embedding(["x", "y"]), 0),
        (embedding([1, 2]), 0),
        (embedding([[1], [2]]), 0),
    ],
)
def test_an_answer_is_bounded(body: Body, bound: int) -> None:
    assert (getattr(screened(body), "max_output_tokens", 0)) == bound


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (chat(max_tokens=101), "max_tokens"),
        (chat(max_completion_tokens=101), "max_completion_tokens"),
        (chat(max_tokens=1, max_completion_tokens=2), "max_tokens"),
        (chat(stream_options={"include_usage": True}), "stream_options"),
        (chat(n=2), "n"),
        (chat(logprobs=True), "logprobs"),
        (completion(logprobs=0), "logprobs"),  # zero asks for the chosen token's own; it is not false
        (completion(echo=True), "echo"),
        (completion(best_of=2), "best_of"),
        (chat(store=True), "store"),
        (chat(service_tier="flex"), "service_tier"),
        (chat(reasoning_effort="high"), "reasoning_effort"),
        (chat(modalities=["text", "audio"]), "modalities"),
        (chat(logit_bias={"5": 1}), "logit_bias"),
        (chat(tool_choice="required"), "tool_choice"),
        (chat(tool_choice={"type": "function", "function": {"name": "f"}}), "tool_choice"),
        (chat(tools=[tool("f")], tool_choice={"type": "function", "function": {"name": "g"}}), "tool_choice"),
        (chat(tools=[tool("f"), tool("f")]), "tools"),
        (chat(tools=[tool("f", {"properties": {"x": {"pattern": "^a{5,2}$"}}})]), "tools"),
        (chat(response_format={"type": "json_schema"}), "response_format.json_schema"),
        (chat(response_format={"type": "json_schema", "json_schema": {"name": "x"}}), "response_format.json_schema"),
        (chat(response_format=formatted({"pattern": "^a{5,2}$"})), "response_format"),
        (chat(response_format=formatted({"pattern": "^(" + "|".join(["a?"] * 100) + ")*$"})), "response_format"),
        (chat(response_format=formatted({"enum": list(range(1900))})), "response_format"),
        (embedding([]), "input"),
        (embedding([[]]), "input"),
        (embedding([[1], "x"]), "input"),
    ],
)
def test_what_is_not_served_is_refused_by_name(body: Body, param: str) -> None:
    found = screened(body)
    assert isinstance(found, Refusal)
    assert found.param == param


@pytest.mark.parametrize(
    ("offered", "terms", "no"),
    [
        ([], Disclosure(), None),
        ([Tool(name="f", parameters={"type": "object"})], TERMS, None),
        ([Tool(name="f")], Disclosure(), "disclosure policy"),
        ([Tool(name="f"), Tool(name="f")], TERMS, "same name"),
        ([Tool(name="f", parameters={"anyOf": [True] * 129})], TERMS, "too many alternatives"),
    ],
    ids=["none", "fine", "not allowed", "twice", "too many alternatives"],
)
def test_tools_are_held_to_the_same_where_only_their_tokens_are_counted(
    offered: list[Tool], terms: Disclosure, no: str | None
) -> None:
    messages = (Message(role="user", parts=(TextPart("x"),)),)
    counted = CountAsk(model="m", messages=messages, tools=tuple(offered))
    asked = ChatAsk(model="m", messages=messages, tools=tuple(offered))
    for ask in (counted, asked):
        found = disclose.check(ask, terms) or bounded(ask, LIMITS)
        assert isinstance(found, Refusal) == (no is not None)
        if isinstance(found, Refusal):
            assert found.param == "tools"
            assert str(no) in found.tell


def test_a_worker_gets_a_bound_and_usage_and_nothing_that_names_people() -> None:
    body = chat(
        stream=True, user="u", metadata={"a": "b"}, safety_identifier="s", prompt_cache_key="k", store=False, n=1, seed=5,
        stop=["a"], temperature=0,
    )  # fmt: skip
    limits = AskLimits(default_output_tokens=7)
    assert sent(body, limits) == {
        "model": "m",
        "messages": [{"role": "user", "content": "x"}],
        "max_tokens": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "stop": ["a"],
        "seed": 5,
    }
    assert sent(completion(prompt=["only"], user="u"), limits) == {
        "model": "m",
        "prompt": "only",
        "max_tokens": 7,
    }
