"""What the two demonstration models answer, through their workers' fronts."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from strongroom.runtime.rig import Rig, ask, fields, scope
from strongroom.runtime.spec import Kind
from strongroom.wire import Pool, Response, SseParser, UnixTarget

CHAT, COMPLETE, EMBED = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
QUESTION = {"messages": [{"role": "user", "content": "Name a colour."}], "max_tokens": 12, "temperature": 0, "seed": 7}


def chat(rig: Rig, tenant: str = "acme", **changes: Any) -> dict[str, Any]:
    answer = rig.ask(Kind.CHAT, CHAT, {**QUESTION, **changes}, scope=scope(tenant))
    assert answer.status == 200, answer.body
    result: dict[str, Any] = answer.json()
    return result


@asynccontextmanager
async def streaming(rig: Rig, tenant: str = "acme", **changes: Any) -> AsyncGenerator[Response]:
    pool = Pool(UnixTarget(rig.socket(Kind.CHAT)))
    body = json.dumps({**QUESTION, "stream": True, **changes}).encode()
    try:
        async with pool.request("POST", CHAT, fields(scope(tenant)), body, timeout_s=60) as response:
            assert response.status == 200
            yield response
    finally:
        await pool.close()


async def events(response: Response) -> list[str]:
    parser = SseParser()
    return [event.data async for chunk in response.stream() for event in parser.feed(chunk)]


def test_a_worker_says_what_it_serves(rig: Rig) -> None:
    for kind in (Kind.CHAT, Kind.EMBEDDING):
        assert rig.ask(kind, "/health").status == 200
        identity = rig.ask(kind, "/v1/identity").json()
        assert identity["digest"] == rig.spec(kind).digest
        assert identity["kind"] == kind


def test_an_answer_repeats_and_carries_openais_fields_only(rig: Rig) -> None:
    first, second = chat(rig, "one"), chat(rig, "two")
    assert first["choices"] == second["choices"]
    assert first["model"] == "smollm2-135m"
    assert set(first) == {"choices", "created", "model", "system_fingerprint", "object", "usage", "id"}
    assert first["usage"]["completion_tokens"] <= 12


async def test_a_stream_says_what_a_whole_answer_says(rig: Rig) -> None:
    async with streaming(rig, stream_options={"include_usage": True}) as response:
        said = await events(response)
    assert said[-1] == "[DONE]"
    chunks = [json.loads(data) for data in said[:-1]]
    assert all("timings" not in chunk for chunk in chunks)
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    whole = await asyncio.to_thread(chat, rig)
    assert text == whole["choices"][0]["message"]["content"]
    assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]


def test_parameters_reach_the_model(rig: Rig) -> None:
    text = chat(rig)["choices"][0]["message"]["content"]
    word = text.split()[1]
    assert word not in chat(rig, stop=[word])["choices"][0]["message"]["content"]
    assert chat(rig, max_completion_tokens=1)["usage"]["completion_tokens"] == 1
    assert len(chat(rig, logprobs=True, top_logprobs=2)["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2
    shape = {"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}
    formatted = chat(rig, response_format={"type": "json_schema", "json_schema": {"schema": shape}}, max_tokens=40)
    assert json.loads(formatted["choices"][0]["message"]["content"])["colour"] in {"red", "blue"}


TOOL = {
    "type": "function",
    "function": {
        "name": "paint",
        "description": "Paints a wall.",
        "parameters": {"type": "object", "properties": {"colour": {"type": "string"}}},
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "paint", "arguments": '{"colour": "red"}'}}


def prompt_tokens(rig: Rig, **changes: Any) -> int:
    return int(chat(rig, max_tokens=1, **changes)["usage"]["prompt_tokens"])


def test_tools_reach_the_model(rig: Rig) -> None:
    plain = prompt_tokens(rig)
    assert prompt_tokens(rig, tools=[TOOL]) > plain + 40
    assert prompt_tokens(rig, tools=[TOOL, {**TOOL, "function": {"name": "sing"}}], tool_choice="auto") > plain + 60
    assert prompt_tokens(rig, tools=[TOOL], tool_choice="none") == plain


def test_calls_and_what_came_of_them_reach_the_model(rig: Rig) -> None:
    asked = {"role": "user", "content": "Paint it red."}
    called = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    told = {"role": "tool", "tool_call_id": "c1", "content": "It is red now."}
    short = prompt_tokens(rig, messages=[asked], tools=[TOOL])
    assert prompt_tokens(rig, messages=[asked, called, told], tools=[TOOL]) > short + 30


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "paint"}}])
def test_a_call_that_cannot_be_promised_is_refused(rig: Rig, choice: object) -> None:
    answer = rig.ask(Kind.CHAT, CHAT, {**QUESTION, "tools": [TOOL], "tool_choice": choice}, scope=scope("acme"))
    assert (answer.status, answer.json()["error"]["param"]) == (400, "tool_choice")


COSTLY: dict[str, Any] = {
    # Found to be the dearest that the bounds allow.
    "properties": {"type": "object", "properties": {f"p{n}": {"type": "string", "maxLength": 32} for n in range(128)}},
    "values": {"enum": ["x" * 28 + str(n) for n in range(256)]},
    "alternatives": {"anyOf": [{"type": "string", "minLength": n} for n in range(64)]},
    "numbers": {"prefixItems": [{"type": "integer", "minimum": -(2**53), "maximum": 2**53 - n} for n in range(200)]},
    "repetitions": {"prefixItems": [{"type": "string", "minLength": 512, "maxLength": 512}] * 4},
}


@pytest.mark.parametrize("name", COSTLY)
def test_the_dearest_schema_that_is_taken_costs_little(rig: Rig, name: str) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": COSTLY[name]}}
    spent = []
    for _ in range(6):  # once is proof; the least of six, for others use the machine too
        began = time.monotonic()
        chat(rig, response_format=wanted, max_tokens=1)
        spent.append(time.monotonic() - began)
        if spent[-1] < 1:
            return
    pytest.fail(f"took {min(spent):.1f} s at the least")


@pytest.mark.parametrize("pattern", ["^a{5,2}$", "^(" + "|".join(["a?"] * 100) + ")*$"])
def test_a_pattern_that_would_end_the_engine_never_reaches_it(rig: Rig, pattern: str) -> None:
    schema = {"type": "string", "pattern": pattern}
    offered = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"x": schema}}}}
    formatted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    for field, value in (("response_format", formatted), ("tools", [offered])):
        answer = rig.ask(Kind.CHAT, CHAT, {**QUESTION, field: value}, scope=scope("acme"))
        assert (answer.status, answer.json()["error"]["param"]) == (400, field)
    assert rig.ask(Kind.CHAT, "/health").status == 200


def test_completions(rig: Rig) -> None:
    body = {"prompt": "One, two, three,", "max_tokens": 4, "temperature": 0}
    answer = rig.ask(Kind.CHAT, COMPLETE, body, scope=scope("acme"))
    assert answer.status == 200
    assert "four" in answer.json()["choices"][0]["text"]


def test_a_prompt_that_does_not_fit_is_a_clear_400(rig: Rig) -> None:
    for stream in (False, True):
        long = {**QUESTION, "messages": [{"role": "user", "content": "hello " * 5000}], "stream": stream}
        answer = rig.ask(Kind.CHAT, CHAT, long, scope=scope("acme"))
        assert answer.status == 400
        error = answer.json()["error"]
        assert error["code"] == "context_length_exceeded"
        assert "2048" in error["message"]


@pytest.mark.parametrize("kind", [Kind.CHAT, Kind.EMBEDDING])
@pytest.mark.parametrize(
    "path", ["/props", "/slots", "/metrics", "/tokenize", "/v1/models", "/lora-adapters", "/", "/x"]
)
def test_the_engines_own_endpoints_are_not_there(rig: Rig, kind: Kind, path: str) -> None:
    # isolation test 62
    assert rig.ask(kind, path).status == 404
    assert rig.ask(kind, path, {"content": "x"}, scope=scope("acme")).status == 404


def test_without_a_scope_from_the_gateway_nothing_is_answered(rig: Rig) -> None:
    assert rig.ask(Kind.CHAT, CHAT, QUESTION).json()["error"]["code"] == "no_cache_scope"
    assert rig.ask(Kind.EMBEDDING, EMBED, {"input": "x"}).json()["error"]["code"] == "no_cache_scope"


async def test_a_client_who_leaves_frees_the_slot_and_the_engine(rig: Rig) -> None:
    started = asyncio.get_running_loop().time()
    for _ in range(6):  # three times as many as there are slots, each good for half a minute
        async with streaming(rig, max_tokens=2000, temperature=1.5) as response:
            await anext(response.stream())
    after = await ask(rig.socket(Kind.CHAT), CHAT, QUESTION, scope=scope("acme"))
    assert after.status == 200
    assert asyncio.get_running_loop().time() - started < 25


async def test_a_full_queue_is_a_503_at_once_and_the_worker_stays_well(rig: Rig) -> None:
    # 2 slots and 16 places for one scope; short answers, so that it drains quickly.
    body = {**QUESTION, "max_tokens": 4}
    asking = [ask(rig.socket(Kind.CHAT), CHAT, body, scope=scope("crowd")) for _ in range(24)]
    answers = await asyncio.gather(*asking)
    assert sorted({answer.status for answer in answers}) == [200, 503]
    assert sum(answer.status == 503 for answer in answers) == 6
    assert (await ask(rig.socket(Kind.CHAT), CHAT, body, scope=scope("other"))).status == 200


async def test_the_engine_is_well_while_both_slots_read_long_prompts(rig: Rig) -> None:
    full = {**QUESTION, "messages": [{"role": "user", "content": "hello " * 250}], "max_tokens": 1}
    asking = [asyncio.create_task(ask(rig.socket(Kind.CHAT), CHAT, full, scope=scope(name))) for name in ("x", "y")]
    looks = 0
    while not all(task.done() for task in asking):
        assert (await ask(rig.socket(Kind.CHAT), "/health")).status == 200
        looks += 1
        await asyncio.wait(asking, timeout=0.05)  # the engine needs the processor more than its judge does
    assert looks > 3
    assert [task.result().status for task in asking] == [200, 200]


async def test_a_tenant_of_many_workloads_does_not_take_anothers_place(rig: Rig) -> None:
    body = {**QUESTION, "max_tokens": 1}
    crowd = [scope("many", f"w{number % 7}") for number in range(80)]
    asking = [asyncio.create_task(ask(rig.socket(Kind.CHAT), CHAT, body, scope=each)) for each in crowd]
    await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    assert (await ask(rig.socket(Kind.CHAT), CHAT, body, scope=scope("one"))).status == 200
    assert sum(not task.done() for task in asking) > 20, "the other one waited behind the crowd"
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    assert 503 in {task.result().status for task in asking if not task.cancelled()}


def embed(rig: Rig, given: object, **more: Any) -> list[Any]:
    answer = rig.ask(Kind.EMBEDDING, EMBED, {"input": given, **more}, scope=scope("acme"))
    assert answer.status == 200, answer.body
    return [item["embedding"] for item in answer.json()["data"]]


def test_embeddings_mean_something_and_have_unit_length(rig: Rig) -> None:
    cat, feline, revenue = embed(rig, ["The cat sits outside", "A feline rests outdoors", "Quarterly revenue grew 8%"])
    assert math.isclose(math.hypot(*cat), 1, abs_tol=1e-5)
    assert len(cat) == 384
    assert sum(map(float.__mul__, cat, feline)) > sum(map(float.__mul__, cat, revenue)) + 0.3


def test_a_vector_does_not_depend_on_its_neighbours(rig: Rig) -> None:
    alone = embed(rig, "The cat sits outside")[0]
    assert embed(rig, ["x" * 500, "The cat sits outside", "y"])[1] == alone


def test_base64_holds_the_same_floats(rig: Rig) -> None:
    encoded = embed(rig, "hello", encoding_format="base64")[0]
    assert list(struct.unpack("<384f", base64.b64decode(encoded))) == embed(rig, "hello")[0]


def test_tokens_give_what_their_text_gives(rig: Rig) -> None:
    assert embed(rig, [7592]) == embed(rig, "hello")  # BERT's number for it


def test_a_text_that_does_not_fit_is_refused_not_cut(rig: Rig) -> None:
    answer = rig.ask(Kind.EMBEDDING, EMBED, {"input": ["ok", "word " * 300]}, scope=scope("acme"))
    assert answer.status == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"
    assert "Input 1 has 302 tokens" in answer.json()["error"]["message"]


async def test_health_is_answered_and_others_have_their_turn_while_it_computes(rig: Rig) -> None:
    socket = rig.socket(Kind.EMBEDDING)
    crowd = asyncio.create_task(ask(socket, EMBED, {"input": ["word " * 200] * 12}, scope=scope("crowd")))
    assert (await ask(socket, EMBED, {"input": "hi"}, scope=scope("other"))).status == 200
    assert (await ask(socket, "/health")).status == 200
    assert not crowd.done()
    assert (await crowd).status == 200
