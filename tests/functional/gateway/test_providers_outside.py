"""Deployments whose models are elsewhere: unmodified clients through every kind of provider, and every way it can go wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from strongroom.gateway.breaker import State
from strongroom.gateway.testing import STREAM_HEAD, Asked, chat, chat_chunk, event
from strongroom.gateway.testing_providers import (
    INSIDE,
    ProviderDouble,
    answers_with,
    anthropic_provider,
    message_opening,
    oip_provider,
    openai_provider,
    reply,
    says_nothing,
    sent,
    text_block,
)
from strongroom.gateway.trials import Trials
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask
from strongroom.providers import Engine, ProviderKind
from strongroom.providers.service import Change
from strongroom.registry import Operation, Target
from strongroom.rules import Level
from strongroom.rules.residency import RESIDENCY
from strongroom.store import Database

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

DEV = Environment.DEV
OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))
SECRET = "sk-canary-outside-5d1c"
TODAY = datetime.now(UTC).date()
NUMBERS = count(1)
MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]
WEATHER: Any = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CURRENT = Change(
    secret=SECRET,
    owner="Team Procurement",
    region="eu-central",
    agreement="DPA-1",
    assessed_on=TODAY - timedelta(days=10),
    assessed_until=TODAY + timedelta(days=10),
)


class House:
    """Registers providers and deploys them, under names of their own."""

    def __init__(self, plane: Plane, stack: AsyncExitStack) -> None:
        self.plane = plane
        self.stack = stack

    async def listen(self, double: ProviderDouble) -> ProviderDouble:
        return await self.stack.enter_async_context(double.listening())

    async def register(self, url: str, kind: ProviderKind = ProviderKind.OPENAI, **changes: Any) -> str:
        name = f"outside-{next(NUMBERS)}"
        change = replace(CURRENT, base_url=url, **changes)
        await self.plane.providers.add(OPERATOR, Name(name), kind, change, Ask())
        return name

    async def deploy(
        self, *targets: tuple[str, int, int], kind: Operation = Operation.CHAT, model: str = "theirs"
    ) -> str:
        """Deploy for acme: (provider, weight, fallback order)."""
        name = f"model-{next(NUMBERS)}"
        wanted = [Target(provider=p, model=model, weight=weight, fallback=order) for p, weight, order in targets]
        await self.plane.registry.deploy_outside(
            OPERATOR, self.plane.tenants["acme"], DEV, Name(name), kind, wanted, Ask()
        )
        await self.plane.known()
        return name

    async def one(self, double: ProviderDouble, kind: ProviderKind = ProviderKind.OPENAI, **changes: Any) -> str:
        """Let a provider listen and answer for a deployment of its own; return the deployment's name."""
        await self.listen(double)
        return await self.deploy((await self.register(double.url, kind, **changes), 1, 0))

    async def allow(self, *regions: str) -> None:
        tenant, name = self.plane.tenants["acme"], RESIDENCY.name
        held = await self.plane.rules.in_force(OPERATOR, tenant, Ask(), name)
        before = max((version.version for version in held if version.level is Level.CEILING), default=0)
        document = {"rules": [{"regions": list(regions)}]}
        await self.plane.rules.write(
            OPERATOR, tenant, name, Level.CEILING, document, expected=before, reason="test", ask=Ask()
        )
        await self.plane.known()

    def client(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            api_key=self.plane.keys["acme"], base_url=f"http://127.0.0.1:{self.plane.port}/v1", max_retries=0
        )

    def claude(self) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(
            api_key=self.plane.keys["acme"], base_url=f"http://127.0.0.1:{self.plane.port}", max_retries=0
        )

    async def refused(self, model: str, **more: Any) -> tuple[int, str]:
        """Ask, and return (status, message): there must be no answer."""
        answer = await self.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES, **more})
        assert answer.status != 200, answer.body
        assert INSIDE.encode() not in answer.body
        assert SECRET.encode() not in answer.body
        return answer.status, answer.error["message"]


@pytest.fixture
async def house(plane: Plane) -> AsyncGenerator[House]:
    async with AsyncExitStack() as stack:
        house = House(plane, stack)
        await house.allow("eu-central", "us-east")
        yield house


async def chunks_of(stream: Any) -> str:
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


KINDS: dict[str, tuple[Callable[..., ProviderDouble], ProviderKind, dict[str, Any]]] = {
    "openai": (lambda: openai_provider(SECRET, engine="openai"), ProviderKind.OPENAI, {"engine": Engine.OPENAI}),
    "vllm": (lambda: openai_provider(SECRET, engine="vllm"), ProviderKind.OPENAI, {"engine": Engine.VLLM}),
    "compatible": (lambda: openai_provider(SECRET), ProviderKind.OPENAI, {}),
    "anthropic": (lambda: anthropic_provider(SECRET), ProviderKind.ANTHROPIC, {}),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_openai_client_is_served_by_every_kind_of_provider(house: House, kind: str) -> None:
    make, protocol, changes = KINDS[kind]
    model = await house.one(double := make(), protocol, **changes)
    async with house.client() as client:
        whole = await client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=20, stop=["END"])
        assert whole.choices[0].message.content == "Hello."
        assert whole.choices[0].finish_reason == "stop"
        assert whole.model == model
        assert whole.usage is not None
        assert whole.usage.completion_tokens == 2
        stream = await client.chat.completions.create(model=model, messages=MESSAGES, max_tokens=20, stream=True)
        assert await chunks_of(stream) == "Hello."
        tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
        called = await client.chat.completions.create(model=model, messages=MESSAGES, tools=tools, max_tokens=20)
        call: Any = (called.choices[0].message.tool_calls or [])[0]
        assert (call.function.name, call.function.arguments) == ("weather", '{"city":"Bonn"}')
        response = await client.responses.create(model=model, input="hello", max_output_tokens=20)
        assert response.output_text == "Hello."
    assert all(asked.body["model"] == "theirs" for asked in double.asked)
    assert all(house.plane.keys["acme"].encode() not in asked.head for asked in double.asked)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_anthropic_client_is_served_by_every_kind_of_provider(house: House, kind: str) -> None:
    make, protocol, changes = KINDS[kind]
    model = await house.one(make(), protocol, **changes)
    tools: Any = [{"name": "weather", "input_schema": WEATHER}]
    async with house.claude() as client:
        whole = await client.messages.create(model=model, max_tokens=20, messages=MESSAGES, system="Be brief.")
        assert [block.text for block in whole.content if block.type == "text"] == ["Hello."]
        async with client.messages.stream(model=model, max_tokens=20, messages=MESSAGES) as stream:
            assert (await stream.get_final_message()).stop_reason == "end_turn"
        called = await client.messages.create(model=model, max_tokens=20, messages=MESSAGES, tools=tools)
        assert called.stop_reason == "tool_use"
        assert [block.input for block in called.content if block.type == "tool_use"] == [{"city": "Bonn"}]
        if kind == "anthropic":
            assert (await client.messages.count_tokens(model=model, messages=MESSAGES)).input_tokens == 7
            use: Any = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Bonn"}}
            result: Any = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "rain", "is_error": True}
            turns: Any = [*MESSAGES, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
            after = await client.messages.create(model=model, max_tokens=20, messages=turns, tools=tools)
            assert after.stop_reason == "end_turn"


async def test_what_a_provider_cannot_be_asked_exactly_is_refused_by_name_and_not_sent(house: House) -> None:
    model = await house.one(double := anthropic_provider(SECRET), ProviderKind.ANTHROPIC)
    for field, value in {
        "seed": 1,
        "presence_penalty": 0.5,
        "temperature": 1.5,
        "response_format": {"type": "json_object"},
    }.items():
        answer = await house.plane.ask(
            "/v1/chat/completions", {"model": model, "messages": MESSAGES, "max_tokens": 5, field: value}
        )
        assert (answer.status, answer.error["param"]) == (400, field)
    assert double.asked == []


async def test_embeddings_and_moderations_come_from_a_compatible_provider(house: House) -> None:
    double = await house.listen(openai_provider(SECRET))
    model = await house.deploy((await house.register(double.url), 1, 0), kind=Operation.EMBEDDING)
    async with house.client() as client:
        found = await client.embeddings.create(model=model, input=["a", "b"], encoding_format="float")
        assert [each.embedding for each in found.data] == [[0.5, 0.0], [0.5, 1.0]]
        judge = await house.deploy((await house.register(double.url), 1, 0), kind=Operation.MODERATION)
        judged = await client.moderations.create(model=judge, input=["a", "b"])
    assert judged.model == judge
    assert [each.flagged for each in judged.results] == [True, True]
    assert judged.id.startswith("modr-")
    assert INSIDE not in judged.to_json()
    local = await house.plane.ask("/v1/moderations", {"model": "tiny", "input": "x"})
    assert (local.status, local.error["param"]) == (400, "model")


async def test_a_prediction_comes_from_a_provider_of_the_open_inference_protocol(house: House) -> None:
    double = await house.listen(oip_provider(SECRET))
    provider = await house.register(double.url, ProviderKind.OIP)
    model = await house.deploy((provider, 1, 0), kind=Operation.INFER, model="credit")
    rows = {"name": "rows", "shape": [2, 2], "datatype": "FP32", "data": [1.0, 2.0, 3.0, 4.0]}
    answer = await house.plane.ask(f"/v2/models/{model}/infer", {"inputs": [rows]})
    assert answer.status == 200, answer.body
    assert answer.json["outputs"][0]["data"] == [0.5, 0.5]
    assert INSIDE.encode() not in answer.body
    assert answer.json["model_name"] == model
    described = await house.plane.ask(f"/v2/models/{model}", method="GET")
    assert (described.status, described.json["name"]) == (200, model)
    ready = await house.plane.ask(f"/v2/models/{model}/ready", method="GET")
    assert ready.status == 200


async def test_a_cap_for_life_counts_what_may_be_rows_to_a_provider(house: House) -> None:
    double = await house.listen(oip_provider(SECRET))
    provider = await house.register(double.url, ProviderKind.OIP)
    model = await house.deploy((provider, 1, 0), kind=Operation.INFER, model="credit")
    await house.plane.rule("acme", "limits", {"rules": [{"models": [model], "lifetime_queries": 10}]})
    try:
        for rows, status in ((11, 429), (10, 200), (1, 429)):  # behind a first dimension of one
            tensor = {"name": "rows", "shape": [1, rows, 2], "datatype": "FP32", "data": [0.5] * 2 * rows}
            answer = await house.plane.ask(f"/v2/models/{model}/infer", {"inputs": [tensor]})
            assert answer.status == status, answer.body
        assert len(double.asked) == 1
    finally:
        await house.plane.rule("acme", "limits", None)


async def test_a_vllm_cache_is_salted_for_each_workload_and_a_callers_own_salt_is_none(house: House) -> None:
    model = await house.one(double := openai_provider(SECRET, engine="vllm"), engine=Engine.VLLM)
    for _ in range(2):
        answer = await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})
        assert answer.status == 200
    salts = {asked.body["cache_salt"] for asked in double.asked}
    assert len(salts) == 1
    assert len(salts.pop()) == 64
    status, _ = await house.refused(model, cache_salt="mine")
    assert status == 400
    assert len(double.asked) == 2


# --- what may be routed to


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"assessed_until": TODAY - timedelta(days=1)}, "assessment ended"),
        ({"assessed_on": None, "assessed_until": None}, "no assessment"),
        ({"assessed_on": TODAY + timedelta(days=1)}, "assessment begins"),
        ({"agreement": None}, "no agreement"),
        ({"region": None}, "no region"),
        ({"region": "cn-north"}, "residency allows eu-central, us-east, it is in cn-north"),
    ],
)
async def test_a_provider_that_may_not_be_routed_to_is_never_asked_and_that_is_audited(
    house: House, shared_db: Database, changes: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = await house.one(double := openai_provider(SECRET), **changes)
    answer = await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})
    assert answer.status == 503
    assert answer.error["message"] == "The model is not available at the moment. Try again shortly."
    assert double.connections == 0
    assert await house.plane.recorder.flush()
    async with shared_db.operator() as tx:
        entry = await tx.fetchrow("select * from audit.entry where request_id = $1", answer.error["request_id"])
    assert entry is not None
    assert (entry["outcome"], entry["tenant_id"]) == ("refused", house.plane.tenants["acme"])
    assert reason in entry["reason"]
    assert SECRET not in caplog.text + str(dict(entry))


async def test_a_change_counts_for_the_next_request(house: House) -> None:
    double = await house.listen(openai_provider(SECRET))
    provider = await house.register(double.url)
    model = await house.deploy((provider, 1, 0))

    async def status() -> int:
        return (await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})).status

    async def change(**changes: Any) -> None:
        await house.plane.providers.change(OPERATOR, Name(provider), Change(**changes), Ask())
        await house.plane.known()

    assert await status() == 200
    await change(assessed_until=TODAY - timedelta(days=1))
    assert await status() == 503
    await change(assessed_until=TODAY)  # its last day counts
    assert await status() == 200
    await change(open_to=[house.plane.tenants["globex"]])
    assert await status() == 503
    await change(open_to_all=True)
    assert await status() == 200
    await house.allow("us-east")
    assert await status() == 503
    await house.allow("*")
    assert await status() == 200
    await change(secret=f"{SECRET}-other")  # which the provider does not know
    assert await status() == 503
    await change(secret=SECRET)
    assert await status() == 200
    await house.plane.providers.end(OPERATOR, Name(provider), Ask())
    await house.plane.known()
    assert await status() == 503


async def test_while_the_vault_does_not_give_the_secret_nobody_is_asked_and_as_soon_as_it_does_they_are(
    house: House,
) -> None:
    double = openai_provider(SECRET)
    model = await house.one(double)
    filed = house.plane.sockets / "vault" / "filed"
    away = filed.rename(filed.with_name("away"))
    filed.write_text("no directory")
    assert await house.refused(model) == (503, "The model is not available at the moment. Try again shortly.")
    assert not double.asked
    filed.unlink()
    away.rename(filed)
    async with asyncio.timeout(30):
        while (await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})).status != 200:  # noqa: ASYNC110 - it asks the vault once a second
            await asyncio.sleep(0.1)  # and tells no caller when it has heard
    assert double.asked


# --- faults


BAD: dict[str, tuple[Any, int]] = {
    "redirects": (answers_with(reply({}, 302, "location: http://169.254.169.254/latest/meta-data")), 502),
    "is busy": (answers_with(reply({"error": {"message": INSIDE}}, 429, "retry-after: 1")), 503),
    "is overloaded": (answers_with(reply({"type": "error", "error": {"message": INSIDE}}, 529)), 503),
    "refuses our secret": (answers_with(reply({"error": {"message": INSIDE}}, 401)), 503),
    "fails": (answers_with(reply({"error": {"message": INSIDE}}, 500)), 502),
    "does not know the model": (answers_with(reply({"error": {"message": INSIDE}}, 404)), 502),
    "refuses the request": (answers_with(reply({"error": {"message": INSIDE}}, 400)), 400),
    "answers garbage": (answers_with(b"\x00\x01 garbage\r\n\r\n"), 502),
    "half closes in its answer": (answers_with(reply(chat())[:-9], half_close=True), 502),
    "hangs up": (answers_with(b"", close=True), 502),
    "compresses": (answers_with(reply(b"\x1f\x8b\x08", 200, "content-encoding: gzip")), 502),
    "answers HTML": (answers_with(reply(f"<p>{INSIDE}".encode(), kind="text/html")), 502),
    "answers another protocol": (answers_with(reply({"type": "message", "content": INSIDE})), 502),
}


@pytest.mark.parametrize("how", BAD)
async def test_a_provider_that_fails_is_one_clear_no(house: House, how: str) -> None:
    fault, status = BAD[how]
    double = openai_provider(SECRET)
    double.fault = fault
    model = await house.one(double)
    found, message = await house.refused(model)
    assert found == status
    assert "169.254" not in message
    assert len(double.asked) == 1  # nothing is tried again, and no redirect followed


async def test_an_error_in_a_stream_ends_it_without_a_last_word(house: House) -> None:
    double = anthropic_provider(SECRET)
    broken = sent("error", error={"type": "overloaded_error", "message": INSIDE})
    double.fault = answers_with(message_opening() + text_block(0, "Hel") + broken)
    model = await house.one(double, ProviderKind.ANTHROPIC)
    answer = await house.plane.ask(
        "/v1/chat/completions", {"model": model, "messages": MESSAGES, "stream": True, "max_tokens": 9}
    )
    assert answer.status == 200
    assert "Hel" in answer.events[0] + answer.events[1]
    assert "error" in answer.events[-1]
    assert "[DONE]" not in answer.events
    assert INSIDE.encode() not in answer.body


@pytest.mark.parametrize("status", [429, 503, 529, 401, 402, 403, None])
async def test_what_is_certainly_not_begun_goes_to_the_next_target(house: House, status: int | None) -> None:
    first, second = openai_provider(SECRET), openai_provider(SECRET, says="Second.")
    first.fault = answers_with(reply({"error": {"message": INSIDE}}, status or 200))
    await house.listen(first)
    await house.listen(second)
    url = "http://127.0.0.1:9" if status is None else first.url  # nothing listens there
    model = await house.deploy((await house.register(url), 1, 0), (await house.register(second.url), 1, 1))
    async with house.client() as client:
        answer = await client.chat.completions.create(model=model, messages=MESSAGES)
    assert answer.choices[0].message.content == "Second."
    assert len(first.asked) == (0 if status is None else 1)


@pytest.mark.parametrize("fault", [reply({}, 500), reply({}, 302), b"", reply(chat())[:-3]])
async def test_what_may_have_been_acted_on_goes_to_no_other_target(house: House, fault: bytes) -> None:
    first, second = openai_provider(SECRET), openai_provider(SECRET)
    first.fault = answers_with(fault, close=True)
    await house.listen(first)
    await house.listen(second)
    model = await house.deploy((await house.register(first.url), 1, 0), (await house.register(second.url), 1, 1))
    assert (await house.refused(model))[0] == 502
    assert (len(first.asked), len(second.asked)) == (1, 0)


async def test_the_record_names_the_target_that_answered_and_the_answer_names_none(
    house: House, shared_db: Database
) -> None:
    double = await house.listen(openai_provider(SECRET))
    closed, good = await house.register("http://127.0.0.1:9"), await house.register(double.url)
    model = await house.deploy((closed, 1, 0), (good, 1, 1))
    answer = await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})
    assert answer.status == 200
    for name in (good, closed, double.url):
        assert name.encode() not in answer.body
    assert await house.plane.recorder.flush()
    async with shared_db.tenant(house.plane.tenants["acme"]) as tx:
        record = await tx.fetchrow(
            "select target, outcome from gateway.record where 'req_' || replace(id::text, '-', '') = $1",
            answer.headers["x-request-id"],
        )
    assert record is not None
    assert (record["target"], record["outcome"]) == (good, "completed")


async def test_a_provider_that_keeps_failing_is_left_alone_and_trusted_again(house: House) -> None:
    double = openai_provider(SECRET)
    double.fault = answers_with(reply({}, 500))
    model = await house.one(double)
    for _ in range(3):
        assert (await house.refused(model))[0] == 502
    assert (await house.refused(model))[0] == 503  # not asked
    assert len(double.asked) == 3
    double.fault = None

    async def well() -> None:
        while (  # noqa: ASYNC110 - no event tells that a breaker's time has passed
            await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})
        ).status != 200:
            await asyncio.sleep(0.02)  # the breaker opens by time alone

    async with asyncio.timeout(5):
        await well()


async def test_a_provider_is_asked_how_it_is_before_a_callers_request_is_spent_on_it(house: House) -> None:
    asked = asyncio.Event()
    double = openai_provider(SECRET)

    async def down(told: Asked) -> None:
        await told.say(reply({"error": INSIDE}, 500))
        if told.head.startswith(b"GET "):
            asked.set()

    double.fault = down
    model = await house.one(double)
    for _ in range(3):
        assert (await house.refused(model))[0] == 502
    outside = house.plane.gateway._upstreams._outside
    assert outside is not None
    breakers = [breaker for _, line, breaker in outside.ailing() if line.document.base_url == double.url]
    assert [breaker.state(time.monotonic()) for breaker in breakers] == [State.OPEN]
    asking = asyncio.create_task(Trials(outside, every_s=0.01, lead_s=60).run())
    try:
        async with asyncio.timeout(5):
            await asked.wait()
            double.fault = None
            while (  # noqa: ASYNC110 - no event tells that a breaker's time has passed
                await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})
            ).status != 200:
                await asyncio.sleep(0.02)  # the breaker opens by time alone
    finally:
        asking.cancel()
    questions = [each.head for each in double.asked if each.head.startswith(b"GET ")]
    assert all(head.startswith(b"GET /v1/models ") and SECRET.encode() in head for head in questions)
    assert (
        len([each for each in double.asked if each.head.startswith(b"POST ")]) == 3 + 1
    )  # no caller found it down again


async def test_a_client_that_leaves_a_stream_ends_the_providers_within_a_tenth_of_a_second(house: House) -> None:
    left: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    async def streams(asked: Any) -> None:
        await asked.say(STREAM_HEAD + event(chat_chunk(content="first")))
        await asked.left()
        left.set_result(loop.time())

    double = openai_provider(SECRET)
    double.fault = streams
    model = await house.one(double)
    async with house.client() as client:
        stream = await client.chat.completions.create(model=model, messages=MESSAGES, stream=True)
        await anext(aiter(stream))
        gone = loop.time()
        await stream.close()
        async with asyncio.timeout(5):
            assert await left - gone < 0.1


async def test_one_deadline_holds_over_all_targets(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway: Any = house.plane.gateway
    monkeypatch.setattr(gateway, "_limits", replace(gateway._limits, timeout_s=0.3))
    double, second = openai_provider(SECRET), openai_provider(SECRET)
    double.fault = says_nothing
    await house.listen(double)
    await house.listen(second)
    model = await house.deploy((await house.register(double.url), 1, 0), (await house.register(second.url), 1, 1))
    begun = asyncio.get_running_loop().time()
    status, message = await house.refused(model)
    assert (status, "too long" in message) == (502, True)
    assert asyncio.get_running_loop().time() - begun < 2
    assert second.asked == []


async def test_a_secret_stands_in_no_log_and_no_repr(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    double = openai_provider(SECRET)
    model = await house.one(double)
    assert (await house.plane.ask("/v1/chat/completions", {"model": model, "messages": MESSAGES})).status == 200
    assert SECRET.encode() in double.asked[0].head
    double.fault = answers_with(b"", close=True)
    for _ in range(4):
        await house.refused(model)
    assert "left alone" in caplog.text
    outside: Any = house.plane.gateway._upstreams._outside
    shown = caplog.text + repr(outside.__dict__) + repr(list(outside._lines.values()))
    assert SECRET not in shown
    rows = await house.plane.providers.every(OPERATOR, Ask())
    assert SECRET not in repr(rows)
