from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from strongroom.runtime.chat_requests import read_chat, read_completion
from strongroom.runtime.errors import ProblemError, in_openai

MESSAGES = [{"role": "user", "content": "hi"}]


def chat(**fields: Any) -> dict[str, Any]:
    return read_chat(json.dumps({"messages": MESSAGES, **fields}).encode(), context_tokens=512)


def formatted(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def tool(parameters: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": parameters}}


def complete(**fields: Any) -> dict[str, Any]:
    return read_completion(json.dumps({"prompt": "hi", **fields}).encode(), context_tokens=512)


ENGINE_FIELDS = {
    "cache_prompt": True,
    "id_slot": 0,
    "lora": [{"id": 0, "scale": 1}],
    "cache_salt": "x",
    "timings_per_token": True,
    "samplers": ["top_k"],
    "grammar": "root ::= x",
    "chat_template": "{{ x }}",
    "chat_template_kwargs": {},
    "n_predict": -1,
    "n_keep": 5,
    "n_cmpl": 4,
    "n_probs": 100,
    "post_sampling_probs": True,
    "return_tokens": True,
    "return_progress": True,
    "json_schema": {},
    "slot_id": 1,
    "response_fields": ["x"],
    "verbose": True,
    "model": "another",
    "user": "someone",
    "store": True,
}


@pytest.mark.parametrize("name", sorted(ENGINE_FIELDS))
def test_fields_that_are_not_declared_are_dropped(name: str) -> None:
    assert name not in chat(**{name: ENGINE_FIELDS[name]})
    assert name not in complete(**{name: ENGINE_FIELDS[name]})


def test_inside_messages_too() -> None:
    fields = chat(messages=[{"role": "user", "content": "hi", "prefill": True, "reasoning_content": "x"}])
    assert [message.__struct_fields__ for message in fields["messages"]] == [
        ("role", "content", "name", "tool_calls", "tool_call_id")
    ]


def test_declared_fields_arrive() -> None:
    wanted = {"temperature": 0.5, "top_p": 0.9, "seed": 7, "stop": ["x"], "logprobs": True, "top_logprobs": 3}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    fields = chat(**wanted, tools=[tool], tool_choice="auto", stream=True)
    assert {name: fields[name] for name in wanted} == wanted
    assert json.loads(msgspec.json.encode(fields["tools"])) == [tool]
    assert fields["stream"] is True


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({}, 512),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6, "max_tokens": 5}, 6),
        ({"max_tokens": 10**9}, 512),
    ],
)
def test_generation_always_has_a_bound(asked: dict[str, int], given: int) -> None:
    assert chat(**asked)["max_tokens"] == given
    assert "max_completion_tokens" not in chat(**asked)


def test_a_completion_has_openais_default_length() -> None:
    assert complete()["max_tokens"] == 16


@pytest.mark.parametrize("seed", [-1, 2**32 - 1, 2**63 - 1])
def test_a_seed_is_never_the_engines_word_for_random(seed: int) -> None:
    assert 0 <= chat(seed=seed)["seed"] < 2**31


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"n": 2}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"top_logprobs": 100}, "top_logprobs"),
        ({"messages": []}, "messages"),
        ({"messages": "x"}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///x"}}]}]}, None),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stop": "x" * 257}, "stop"),
        ({"tools": [{}] * 65}, "tools"),
        ({"response_format": {"type": "json_object", "schema": {"pattern": "a"}, "json_schema": 5}}, "response_format"),
        ({"response_format": {"type": "grammar"}}, "response_format"),
        ({"response_format": formatted({"maxItems": 10**6})}, "response_format"),
        ({"response_format": formatted({"pattern": "^a{5,2}$"})}, "response_format"),
        ({"response_format": {"type": "json_schema"}}, "response_format"),
        ({"tools": [tool({"properties": {"x": {"pattern": "a"}}})]}, "tools"),
        ({"tools": [tool({})], "tool_choice": "required"}, "tool_choice"),
        ({"tools": [tool({})], "tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
    ],
)
def test_what_breaks_a_bound_is_a_400_that_names_the_field(fields: dict[str, Any], param: str | None) -> None:
    with pytest.raises(ProblemError) as caught:
        chat(**fields)
    assert caught.value.problem.status == 400
    if param is not None:
        assert (caught.value.problem.param or "").startswith(param)


def test_llamas_own_place_for_a_schema_is_not_passed_on() -> None:
    wanted = {"type": "json_object", "schema": {"pattern": "^a{5,2}$"}}
    assert json.loads(msgspec.json.encode(chat(response_format=wanted)["response_format"])) == {"type": "json_object"}


def test_tools_that_must_not_be_called_are_not_shown() -> None:
    assert "tools" not in chat(tools=[tool({})], tool_choice="none")
    assert "tool_choice" not in chat(tool_choice="auto")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"messages": ' + b"[" * 5000, b'{"messages":[{"role":"\xff"}]}'])
def test_what_is_not_json_is_a_400_without_an_echo(body: bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        read_chat(body, context_tokens=512)
    assert caught.value.problem.status == 400
    assert "\\xff" not in caught.value.problem.message


def test_a_value_is_never_quoted_back() -> None:
    with pytest.raises(ProblemError) as caught:
        chat(temperature="canary-123")
    assert "canary" not in in_openai(caught.value.problem).decode()


@pytest.mark.parametrize("prompt", [["a", "b"], [], [[1, 2]], ["a", 1]])
def test_one_request_is_one_generation(prompt: object) -> None:
    with pytest.raises(ProblemError):
        complete(prompt=prompt)


def test_a_list_of_one_prompt_and_tokens_are_taken() -> None:
    assert complete(prompt=["a"])["prompt"] == "a"
    assert complete(prompt=[1, 2])["prompt"] == [1, 2]


def test_a_completion_does_not_echo() -> None:
    with pytest.raises(ProblemError):
        complete(echo=True)
    assert "echo" not in complete(echo=False, best_of=1)


def test_the_chosen_tokens_own_log_probability_is_had_beside_an_alternative() -> None:
    messages = [{"role": "user", "content": "x"}]
    for more, expected in (({}, None), ({"logprobs": True}, 1), ({"logprobs": True, "top_logprobs": 3}, 3)):
        body = msgspec.json.encode({"messages": messages, **more})
        assert read_chat(body, context_tokens=100).get("top_logprobs") == expected
    for more, expected in (({}, None), ({"logprobs": 0}, 1), ({"logprobs": 4}, 4)):
        body = msgspec.json.encode({"prompt": "x", **more})
        assert read_completion(body, context_tokens=100).get("logprobs") == expected
