"""The unmodified `openai` client, the gateway, and the real models in their sandboxes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from strongroom.gateway.upstreams import worker_socket
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask
from strongroom.providers import ProviderKind
from strongroom.providers.service import Change
from strongroom.registry import Operation, Target
from strongroom.registry.admission.testing import digest_of
from strongroom.rules import Level
from strongroom.runtime.cachescope import HEADER, Caller, cache_scope
from strongroom.runtime.events import WorkerStarted
from strongroom.runtime.rig import Rig
from strongroom.runtime.spec import Kind

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))
MESSAGES: list[Any] = [{"role": "user", "content": "Name a colour."}]
SURE: Any = {"temperature": 0, "seed": 7, "max_tokens": 12}


@pytest.fixture(scope="module")
def rig() -> Generator[Rig]:
    with Rig([Kind.CHAT, Kind.EMBEDDING]) as rig:
        yield rig


@pytest.fixture(scope="module")
def linked(module_plane: Plane, rig: Rig) -> None:
    """Put the real workers where the gateway looks for them, under releases of their own."""
    for kind, name in ((Kind.CHAT, "tiny"), (Kind.EMBEDDING, "vectors")):
        path = worker_socket(module_plane.sockets, Environment.DEV, digest_of(name))
        path.unlink()
        path.symlink_to(rig.socket(kind))


@pytest.fixture
async def client(module_plane: Plane, linked: None) -> AsyncGenerator[openai.AsyncOpenAI]:
    del linked
    url = f"http://127.0.0.1:{module_plane.port}/v1"
    async with openai.AsyncOpenAI(api_key=module_plane.keys["acme"], base_url=url, max_retries=0) as client:
        yield client


async def test_what_rules_open_a_real_engine_answers(client: openai.AsyncOpenAI, module_plane: Plane) -> None:
    opened = {"rules": [{"logprobs": True, "top_logprobs": 2, "logit_bias": True, "seed": True, "n": 4}]}
    await module_plane.rule("globex", "disclosure", opened)
    asked = client.with_options(api_key=module_plane.keys["globex"])
    told = await asked.chat.completions.create(model="tiny", messages=MESSAGES, logprobs=True, top_logprobs=2, **SURE)
    scores = told.choices[0].logprobs
    assert scores is not None
    assert scores.content
    assert all(each.logprob <= 0 and len(each.top_logprobs) == 2 for each in scores.content)
    stream = await asked.chat.completions.create(model="tiny", messages=MESSAGES, logprobs=True, stream=True, **SURE)
    found = [choice.logprobs for chunk in [chunk async for chunk in stream] for choice in chunk.choices]
    assert any(each is not None and each.content for each in found)
    words = await asked.completions.create(model="tiny", prompt="One, two,", logprobs=1, **SURE)
    assert words.choices[0].logprobs is not None
    # Whatever stood first, pushed down as far as it goes, stands there no more.
    first = scores.content[0].token
    ids = {str(token): -100 for token in range(300)}
    biased = await asked.chat.completions.create(model="tiny", messages=MESSAGES, logit_bias=ids, **SURE)
    assert biased.choices[0].message.content is not None
    assert first
    with pytest.raises(openai.BadRequestError) as no:
        await asked.chat.completions.create(model="tiny", messages=MESSAGES, n=2)
    assert (no.value.param, no.value.code) == ("n", "invalid_request")
    with pytest.raises(openai.BadRequestError) as denied:
        await client.chat.completions.create(model="tiny", messages=MESSAGES, logprobs=True)
    assert (denied.value.param, denied.value.code) == ("logprobs", "disclosure_denied")


async def test_a_seeded_answer_repeats_whole_and_streamed(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model="tiny", messages=MESSAGES, **SURE)
    second = await client.chat.completions.create(model="tiny", messages=MESSAGES, **SURE)
    text = first.choices[0].message.content
    assert text
    assert second.choices[0].message.content == text
    assert first.usage is not None
    assert 0 < first.usage.completion_tokens <= 12
    stream = await client.chat.completions.create(
        model="tiny", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **SURE
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == text
    assert chunks[-1].usage == first.usage


async def test_a_stop_word_ends_the_answer_and_is_not_in_it(client: openai.AsyncOpenAI) -> None:
    full = await client.chat.completions.create(model="tiny", messages=MESSAGES, **SURE)
    text = full.choices[0].message.content or ""
    word = text.split()[1]
    cut = await client.chat.completions.create(model="tiny", messages=MESSAGES, stop=[word], **SURE)
    assert cut.choices[0].message.content == text.partition(word)[0]
    assert cut.choices[0].finish_reason == "stop"


async def test_plain_completions_whole_and_streamed(client: openai.AsyncOpenAI) -> None:
    whole = await client.completions.create(model="tiny", prompt="The sky is", **SURE)
    stream = await client.completions.create(model="tiny", prompt="The sky is", stream=True, **SURE)
    pieces = [chunk.choices[0].text async for chunk in stream]
    assert len(pieces) > 1
    assert "".join(pieces) == whole.choices[0].text
    unbounded = await client.completions.create(model="tiny", prompt="The sky is", temperature=0)
    assert unbounded.usage is not None
    assert unbounded.usage.completion_tokens <= 16


async def test_embeddings_are_the_same_as_numbers_and_as_base64(client: openai.AsyncOpenAI) -> None:
    texts = ["a cat", "a dog", "quantum chromodynamics"]
    numbers = await client.embeddings.create(model="vectors", input=texts, encoding_format="float")
    packed = await client.embeddings.create(model="vectors", input=texts)  # the client asks for base64 by itself
    assert [each.index for each in numbers.data] == [0, 1, 2]
    assert [each.embedding for each in packed.data] == [each.embedding for each in numbers.data]
    one = await client.embeddings.create(model="vectors", input="a cat")
    assert one.data[0].embedding == pytest.approx(numbers.data[0].embedding, abs=1e-6)
    assert numbers.usage.prompt_tokens > 0
    with pytest.raises(openai.BadRequestError) as wrong:
        await client.embeddings.create(model="vectors", input="a", dimensions=5)
    assert (wrong.value.param, "384" in str(wrong.value)) == ("dimensions", True)


async def test_an_answer_can_be_held_to_json_and_to_a_schema(client: openai.AsyncOpenAI) -> None:
    anything = await client.chat.completions.create(
        model="tiny", messages=MESSAGES, response_format={"type": "json_object"}, temperature=0, max_tokens=200
    )
    schema: Any = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    held = await client.chat.completions.create(
        model="tiny",
        messages=MESSAGES,
        response_format={"type": "json_schema", "json_schema": {"name": "colour", "schema": schema, "strict": True}},
        temperature=0,
        max_tokens=50,
    )
    if anything.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(anything.choices[0].message.content or ""), dict)
    assert json.loads(held.choices[0].message.content or "")["colour"] in {"red", "blue"}


async def test_tools_reach_the_model(client: openai.AsyncOpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    plain = await client.chat.completions.create(model="tiny", messages=MESSAGES, **SURE)
    answer = await client.chat.completions.create(model="tiny", messages=MESSAGES, tools=[tool], **SURE)
    assert answer.choices[0].finish_reason in {"stop", "length", "tool_calls"}
    assert plain.usage is not None
    assert answer.usage is not None
    assert answer.usage.prompt_tokens > plain.usage.prompt_tokens + 40
    with pytest.raises(openai.BadRequestError, match="cannot be made to call") as refused:
        await client.chat.completions.create(
            model="tiny", messages=MESSAGES, tools=[tool], tool_choice="required", **SURE
        )
    assert refused.value.param == "tool_choice"


@pytest.fixture
async def claude(module_plane: Plane, linked: None) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    del linked
    url = f"http://127.0.0.1:{module_plane.port}"
    async with anthropic.AsyncAnthropic(api_key=module_plane.keys["acme"], base_url=url, max_retries=0) as client:
        yield client


async def test_every_api_gets_the_same_words_from_the_model(
    client: openai.AsyncOpenAI, claude: anthropic.AsyncAnthropic
) -> None:
    sure: Any = {"temperature": 0}
    chat = await client.chat.completions.create(model="tiny", messages=MESSAGES, max_tokens=12, **sure)
    text = chat.choices[0].message.content
    message = await claude.messages.create(model="tiny", messages=MESSAGES, max_tokens=12, extra_body=sure)
    assert [block.text for block in message.content if block.type == "text"] == [text]
    assert (message.stop_reason, chat.choices[0].finish_reason) == ("max_tokens", "length")
    async with claude.messages.stream(model="tiny", messages=MESSAGES, max_tokens=12, extra_body=sure) as stream:
        assert "".join([piece async for piece in stream.text_stream]) == text
        final = await stream.get_final_message()
    assert final.usage.output_tokens == message.usage.output_tokens == 12
    assert final.usage.input_tokens == message.usage.input_tokens
    response = await client.responses.create(model="tiny", input=MESSAGES, max_output_tokens=12, store=True, **sure)
    assert (response.output_text, response.status) == (text, "incomplete")
    again = await client.responses.create(
        model="tiny", input="Another.", previous_response_id=response.id, max_output_tokens=5, **sure
    )
    assert again.usage is not None
    assert response.usage is not None
    assert again.usage.input_tokens > response.usage.input_tokens + 12


async def test_the_worker_counts_as_it_reads(claude: anthropic.AsyncAnthropic) -> None:
    tool: Any = {"name": "f", "description": "Do it.", "input_schema": {"type": "object", "properties": {}}}
    plain: Any = {"model": "tiny", "system": "Be brief.", "messages": MESSAGES}
    for asked in (plain, {**plain, "tools": [tool]}):
        counted = await claude.messages.count_tokens(**asked)
        answered = await claude.messages.create(max_tokens=1, **asked)
        assert counted.input_tokens == answered.usage.input_tokens > 10


async def test_what_is_too_long_is_said_with_figures(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as long:
        await client.chat.completions.create(
            model="tiny", messages=[{"role": "user", "content": "word " * 20_000}], max_tokens=5
        )
    assert long.value.code == "context_length_exceeded"
    assert "context has" in str(long.value)
    with pytest.raises(openai.BadRequestError) as text:
        await client.embeddings.create(model="vectors", input="word " * 2000)
    assert text.value.code == "context_length_exceeded"


async def test_a_worker_that_is_killed_costs_its_requests_and_comes_back(
    client: openai.AsyncOpenAI, rig: Rig, module_plane: Plane
) -> None:
    stream = await client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": "Tell a long story."}], stream=True, max_tokens=400
    )
    await anext(aiter(stream))
    [pid] = [each.pid for each in rig.events if isinstance(each, WorkerStarted) and each.worker.startswith("smollm2")]
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(openai.APIError) as died:
        async for _ in stream:
            pass
    assert died.value.code == "model_failed"
    async with asyncio.timeout(60):
        while (await module_plane.ask("/readyz", method="GET")).status != 200:  # noqa: ASYNC110 - all a caller can do
            await asyncio.sleep(0.1)  # a worker starts anew: nothing tells a caller but the next question
    again = await client.chat.completions.create(model="tiny", messages=MESSAGES, **SURE)
    assert again.choices[0].message.content


async def test_a_real_model_answers_as_a_provider_over_tcp_as_it_does_as_a_worker(
    module_plane: Plane, rig: Rig, client: openai.AsyncOpenAI
) -> None:
    caller = Caller(cache_scope(b"s" * 16, "t"), cache_scope(b"s" * 16, "t", "w")).header
    open_now: list[asyncio.StreamWriter] = []

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_unix_connection(rig.socket(Kind.CHAT))
        open_now.extend((writer, outer))
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nauthorization: Bearer sk-theirs\r\n" in head
        outer.write(head[:-2] + HEADER.encode() + b": " + caller + b"\r\nconnection: close\r\n\r\n")
        outer.write(await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])))
        while piece := await inner.read(65536):
            writer.write(piece)
        writer.close()
        outer.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    today = datetime.now(UTC).date()
    change = Change(
        base_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", owner="Team", secret="sk-theirs",
        region="eu-central", agreement="DPA-1", assessed_on=today, assessed_until=today + timedelta(days=1),
    )  # fmt: skip
    acme, name = module_plane.tenants["acme"], Name("over-tcp")
    await module_plane.providers.add(OPERATOR, name, ProviderKind.OPENAI, change, Ask())
    where = {"rules": [{"regions": ["eu-central"]}]}
    await module_plane.rules.write(
        OPERATOR, acme, "residency", Level.CEILING, where, expected=0, reason="test", ask=Ask()
    )
    targets = [Target(provider=name, model="smollm2-135m")]
    await module_plane.registry.deploy_outside(OPERATOR, acme, Environment.DEV, name, Operation.CHAT, targets, Ask())
    await module_plane.known()
    try:
        here = await client.chat.completions.create(model="tiny", messages=MESSAGES, **SURE)
        there = await client.chat.completions.create(model="over-tcp", messages=MESSAGES, **SURE)
        assert there.choices[0].message.content == here.choices[0].message.content
        assert there.model == "over-tcp"
        stream = await client.chat.completions.create(model="over-tcp", messages=MESSAGES, stream=True, **SURE)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
        assert text == here.choices[0].message.content
    finally:
        server.close()
        for writer in open_now:
            writer.close()
