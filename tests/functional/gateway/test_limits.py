"""Limits through the public API: 429 in each dialect, what callers are told, what comes back, what a flood leaves behind."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.gateway.testing import Asked, chat, says, whole
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask, Engine, Gate
from strongroom.rules.usage import UsageReader, Used

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.functional.gateway.conftest import Answer, Plane

    from strongroom.store import Database

CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}
MESSAGES = ("anthropic-version: 2023-06-01", "content-type: application/json")
INFER = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 2.0]}]}
NEVER = 1_000_000
OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))


async def limit(plane: Plane, *rules: dict[str, Any]) -> None:
    """Bound acme by `rules`, each beside bounds that never bite in these tests."""
    await plane.rule("acme", "limits", {"rules": list(rules)})


async def asked_twice(plane: Plane, dialect: str) -> tuple[Answer, Answer]:
    path, body, headers = {
        "openai": ("/v1/chat/completions", CHAT, ()),
        "completion": ("/v1/completions", {"model": "tiny", "prompt": "Hello", "max_tokens": 4}, ()),
        "embeddings": ("/v1/embeddings", {"model": "vectors", "input": "Hello"}, ()),
        "anthropic": ("/v1/messages", CHAT, MESSAGES),
        "oip": ("/v2/models/rows/infer", INFER, ()),
    }[dialect]
    first = await plane.ask(path, body, headers=headers)
    return first, await plane.ask(path, body, headers=headers)


@pytest.mark.parametrize("dialect", ["openai", "completion", "embeddings", "anthropic", "oip"])
async def test_too_many_requests_are_refused_in_the_words_of_the_dialect(plane: Plane, dialect: str) -> None:
    """The first one passes, the second is a 429 that says when to come back, and no engine hears of it."""
    # A name of its own makes a counter of its own: tests share the database, and so the buckets.
    key = (await plane.key("acme")).secret
    plane.keys["acme"], before = key, plane.keys["acme"]
    key_id = key.split("_")[3]
    await limit(plane, {"per": "key", "keys": [key_id], "requests_per_s": 1, "burst": 1})
    await plane.rule("acme", "disclosure", {"rules": []})
    try:
        first, second = await asked_twice(plane, dialect)
    finally:
        plane.keys["acme"] = before
    assert first.status == 200, first.body
    assert second.status == 429
    assert second.headers["retry-after"] == "1"
    assert not [name for name in second.headers if "ratelimit" in name]
    if dialect == "anthropic":
        assert second.json["error"]["type"] == "rate_limit_error"
    elif dialect == "oip":
        assert "Too many requests" in second.json["error"]
    else:
        assert (second.error["type"], second.error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert b"1 requests" not in second.body, "the amount is not the caller's to know"


async def test_a_cap_for_life_ends_a_workload_on_one_model_and_a_new_key_does_not_help(plane: Plane) -> None:
    await plane.deploy("acme", "precious")
    asked = CHAT | {"model": "precious"}
    await limit(plane, {"models": ["precious"], "lifetime_queries": 3})
    assert [(await plane.ask(body=asked)).status for _ in range(3)] == [200] * 3
    over = await plane.ask(body=asked)
    assert (over.status, over.error["code"]) == (429, "lifetime_cap_reached")
    assert "retry-after" not in over.headers
    assert over.headers["x-should-retry"] == "false"
    made = await plane.key("acme")
    assert (await plane.ask(body=asked, key=made.secret)).error["code"] == "lifetime_cap_reached"
    # The honest cases: another model, another tenant, and a cap that was raised.
    assert (await plane.ask(body=CHAT)).status == 200
    assert (await plane.ask(body=CHAT, key="globex")).status == 200
    await limit(plane, {"models": ["precious"], "lifetime_queries": 4})
    assert (await plane.ask(body=asked)).status == 200
    assert (await plane.ask(body=asked)).status == 429


async def test_a_tenants_own_document_narrows_and_never_widens(plane: Plane) -> None:
    from strongroom.rules import Level  # noqa: PLC0415 - beside its only use

    await plane.deploy("acme", "narrow")
    asked = CHAT | {"model": "narrow"}
    await limit(plane, {"models": ["narrow"], "lifetime_queries": 2})
    own = {"rules": [{"models": ["narrow"], "lifetime_queries": 100}]}
    await plane.rule("acme", "limits", own, Level.OWN)
    assert [(await plane.ask(body=asked)).status for _ in range(3)] == [200, 200, 429]
    await plane.rule("acme", "limits", None, Level.OWN)


async def test_requests_under_way_are_bounded_and_end_with_the_caller(plane: Plane) -> None:
    """One slot: a second request is refused while the first is under way; a caller that leaves frees it."""
    await plane.deploy("acme", "single")
    asked = CHAT | {"model": "single"}
    await limit(plane, {"models": ["single"], "concurrency": 1})
    came, go = asyncio.Event(), asyncio.Event()

    async def slow(got: Asked) -> None:
        came.set()
        await go.wait()
        await got.say(whole(chat()))

    plane.chat.behaviour = slow
    first = asyncio.create_task(plane.ask(body=asked))
    await came.wait()
    second = await plane.ask(body=asked)
    assert (second.status, second.error["code"]) == (429, "concurrency_limit_exceeded")
    go.set()
    assert (await first).status == 200
    came.clear()
    go.clear()
    leaving = asyncio.create_task(plane.ask(body=asked))
    await came.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    plane.chat.behaviour = says(whole(chat()))
    async with asyncio.timeout(10):
        while (await plane.ask(body=asked)).status != 200:
            pass
    assert not plane.faults


async def test_tokens_come_back_when_an_answer_used_fewer_and_all_count_when_nobody_can_tell(plane: Plane) -> None:
    """1,000 tokens a day: an answer reserves some 600 and uses 7; one that is cut short uses what it reserved."""
    await plane.deploy("acme", "daily")
    asked = CHAT | {"model": "daily"}
    await limit(plane, {"models": ["daily"], "tokens_per_day": 1_000})
    for _ in range(20):
        assert (await plane.ask(body=asked)).status == 200

    async def breaks(got: Asked) -> None:
        got.writer.close()

    plane.chat.behaviour = breaks
    assert (await plane.ask(body=asked)).status == 502
    plane.chat.behaviour = says(whole(chat()))
    over = await plane.ask(body=asked)
    assert (over.status, over.error["code"]) == (429, "daily_limit_exceeded")
    assert 0 < int(over.headers["retry-after"]) <= 86_400


@pytest.mark.parametrize(("status", "charged"), [(500, True), (504, True), (400, False), (429, False), (503, False)])
async def test_an_engine_that_fails_after_its_work_is_not_free(plane: Plane, status: int, charged: bool) -> None:
    """1,000 tokens a day, of which a request reserves some 600: whoever may have worked keeps them."""
    name = f"failing-{status}"
    await plane.deploy("acme", name)
    asked = CHAT | {"model": name}
    await limit(plane, {"models": [name], "tokens_per_day": 1_000})
    plane.chat.behaviour = says(whole({"error": {"message": "x"}}, status))
    assert (await plane.ask(body=asked)).status != 200
    plane.chat.behaviour = says(whole(chat()))
    assert ((await plane.ask(body=asked)).status == 429) is charged


async def test_a_conversation_that_a_response_goes_on_from_counts_again(plane: Plane) -> None:
    """The model reads it again, though the request only names it: some 1,200 tokens are reserved without, 1,900 with."""
    await plane.deploy("acme", "recalled")
    await limit(plane, {"models": ["recalled"], "tokens_per_min": 1_800})
    asked = {"model": "recalled", "input": "x" * 600, "max_output_tokens": 16, "store": True}
    first = await plane.ask("/v1/responses", asked)
    assert first.status == 200, first.body
    assert (await plane.ask("/v1/responses", asked)).status == 200
    over = await plane.ask("/v1/responses", asked | {"previous_response_id": first.json["id"]})
    assert (over.status, over.error["code"]) == (429, "request_over_limit")


async def test_money_is_counted_by_price(plane: Plane) -> None:
    """An answer costs 7 millionths of the usage and one for the request: eight fit 64 of them, whatever is reserved."""
    await plane.deploy("acme", "dear")
    price = {"input_per_million": 1_000_000, "output_per_million": 1_000_000, "per_request": 1}
    await limit(plane, {"models": ["dear"], "cost_per_day": 900, "price": price})
    asked = CHAT | {"model": "dear"}
    passed = 0
    while (answer := await plane.ask(body=asked)).status == 200:
        passed += 1
    assert answer.error["code"] == "daily_limit_exceeded"
    reserved = 512 + 16 + len(str(asked)) + 1
    assert passed == pytest.approx((900 - reserved) / 8, abs=8)


async def test_a_bound_on_money_where_nothing_costs_anything_holds_nobody_up(plane: Plane) -> None:
    """Nothing is taken of that counter, and a share of which nothing is taken is never filled: waiting for it never ends."""
    await plane.deploy("acme", "free")
    await limit(plane, {"models": ["free"], "cost_per_day": 1})
    answer = await plane.ask(body=CHAT | {"model": "free"})
    assert answer.status == 200, answer.body


async def test_what_can_never_fit_is_told_apart_and_a_closed_model_is_closed(plane: Plane) -> None:
    await plane.deploy("acme", "closed")
    await limit(
        plane,
        {"models": ["closed"], "tokens_per_min": 600},
        {"models": ["tiny"], "tokens_per_min": NEVER, "concurrency": 100},
    )
    over = await plane.ask(body=CHAT | {"model": "closed", "max_tokens": 1000})
    assert (over.status, over.error["code"]) == (429, "request_over_limit")
    assert "retry-after" not in over.headers
    await limit(plane, {"models": ["closed"], "requests_per_s": 0})
    assert (await plane.ask(body=CHAT | {"model": "closed"})).status == 429
    assert (await plane.ask(body=CHAT)).status == 200


async def test_where_rules_disclose_it_callers_see_how_much_is_left(plane: Plane) -> None:
    await plane.deploy("acme", "told")
    await limit(plane, {"models": ["told"], "per": "model", "requests_per_s": 1, "burst": 5})
    await plane.rule("acme", "disclosure", {"rules": [{"headers": True}]})
    answer = await plane.ask(body=CHAT | {"model": "told"})
    assert answer.headers["x-ratelimit-limit-requests"] == "5"
    assert int(answer.headers["x-ratelimit-remaining-requests"]) <= 4
    assert answer.headers["x-ratelimit-reset-requests"].endswith("s")
    assert "x-ratelimit-limit-tokens" in answer.headers
    messages = await plane.ask("/v1/messages", CHAT | {"model": "told"}, headers=MESSAGES)
    assert messages.headers["anthropic-ratelimit-requests-limit"] == "5"
    assert messages.headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    while (answer := await plane.ask(body=CHAT | {"model": "told"})).status == 200:
        pass
    assert answer.headers["x-ratelimit-remaining-requests"] == "0"


async def test_a_flood_is_refused_and_leaves_one_entry(plane: Plane, shared_db: Database) -> None:
    """Fifty refusals in a row: one in the audit log, one record, none of the others; and globex is served meanwhile."""
    await plane.deploy("acme", "flooded")
    await limit(plane, {"models": ["flooded"], "lifetime_queries": 0})
    asked = CHAT | {"model": "flooded"}
    line = await plane.line()
    body = str(asked).replace("'", '"').encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n"
        f"authorization: Bearer {plane.keys['acme']}\r\n\r\n"
    ).encode()
    for _ in range(50):
        await line.say(head + body)
        assert (await line.answer()).status == 429
    await line.close()
    assert (await plane.ask(body=CHAT, key="globex")).status == 200
    await plane.recorder.flush()
    async with shared_db.tenant(plane.tenants["acme"]) as tx:
        entries = await tx.fetch("select reason from audit.entry where reason like '%/flooded%'")
        records = await tx.fetch("select id from gateway.record where refusal like '%lifetime_cap_reached'")
    assert len(entries) == 1
    assert "lifetime_queries" in entries[0]["reason"]
    assert len(records) <= 4, "those of the tests above, and one of fifty"


async def test_a_cap_for_life_counts_rows_and_texts_not_requests(plane: Plane) -> None:
    """Else a batch of a thousand rows would be one question, and a cap no bound on what can be learnt."""
    await plane.deploy("acme", "dear-rows", of="rows")
    await plane.deploy("acme", "dear-texts", of="vectors")
    await limit(plane, {"models": ["dear-rows", "dear-texts"], "lifetime_queries": 10})

    def rows(count: int) -> dict[str, Any]:
        return {"inputs": [{"name": "x", "shape": [count, 2], "datatype": "FP32", "data": [1.0] * count * 2}]}

    asked = "/v2/models/dear-rows/infer"
    assert [(await plane.ask(asked, rows(each))).status for each in (6, 5, 4, 1)] == [200, 429, 200, 429]
    assert (await plane.ask(asked, rows(11))).status == 429
    texts = {"model": "dear-texts", "input": ["a"] * 9}
    assert (await plane.ask("/v1/embeddings", texts)).status == 502  # the double gives one vector: asked all the same
    assert (await plane.ask("/v1/embeddings", texts)).error["code"] == "lifetime_cap_reached"


async def test_what_a_tenant_sees_of_its_limits_does_not_move_with_anothers_load(
    plane: Plane, shared_db: Database
) -> None:
    """Isolation 49: globex asks two hundred times; what acme sees of its own counters stays as it was."""
    await plane.deploy("acme", "watched")
    await limit(plane, {"models": ["watched"], "lifetime_queries": 50})
    for _ in range(3):
        assert (await plane.ask(body=CHAT | {"model": "watched"})).status == 200
    clock = SystemClock()
    reader = UsageReader(Gate(shared_db, Engine.load(), clock), clock)

    async def seen(tenant: str) -> dict[str, Used]:
        used = await reader.of_tenant(OPERATOR, plane.tenants[tenant], Ask())
        return {f"{each.counts}: {each.measure}": each for each in used}

    before = await seen("acme")
    own = before["workload dev/inference on model watched: lifetime_queries"]
    assert (own.used, own.remaining, own.resets_at) == (3, 47, None)
    for _ in range(200):
        assert (await plane.ask(body=CHAT, key="globex")).status == 200
    after = await seen("acme")
    assert after.keys() == before.keys()
    for name, each in after.items():
        assert each.used <= before[name].used, name  # rates fill up again; nothing else moves
        assert each.limit == before[name].limit
    assert not {subject for subject in after if "globex" in subject}
    theirs = replace(OPERATOR, role=Role.TENANT_ADMIN, tenant=plane.tenants["globex"])
    with pytest.raises(Refused):
        await reader.of_tenant(theirs, plane.tenants["acme"], Ask())
    assert await reader.of_tenant(theirs, plane.tenants["globex"], Ask())


@pytest.fixture
async def own_key(plane: Plane) -> AsyncGenerator[str]:
    """A key of acme's with counters of its own: tests share the database, and so the buckets. Returns its id."""
    plane.keys["acme"], before = (await plane.key("acme")).secret, plane.keys["acme"]
    yield plane.keys["acme"].split("_")[3]
    plane.keys["acme"] = before


async def kept_response(plane: Plane) -> str:
    answer = await plane.ask("/v1/responses", {"model": "tiny", "input": "Hello", "store": True})
    assert answer.status == 200, answer.body
    response: str = answer.json["id"]
    return f"/v1/responses/{response}"


LOOKUPS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    # method, path (empty: of a kept response), header fields
    "models": ("GET", "/v1/models", ()),
    "models of Anthropic": ("GET", "/v1/models", MESSAGES),
    "a model": ("GET", "/v1/models/tiny", ()),
    "a model that is not there": ("GET", "/v1/models/missing", ()),
    "ready": ("GET", "/v2/models/rows/ready", ()),
    "a kept response": ("GET", "", ()),
    "a response that is not there": ("GET", "/v1/responses/resp_missing", ()),
    "to drop a response": ("DELETE", "", ()),
}


@pytest.mark.parametrize("case", LOOKUPS)
async def test_a_lookup_is_a_request_to_limits(plane: Plane, own_key: str, case: str) -> None:
    """The second within a second is a 429 whether or not the first found anything, and nothing is looked up for it."""
    method, path, headers = LOOKUPS[case]
    await limit(plane)
    path = path or await kept_response(plane)
    await limit(plane, {"per": "key", "keys": [own_key], "requests_per_s": 1, "burst": 1})
    plane.rows.asked.clear()
    first = await plane.ask(path, method=method, headers=headers)
    assert first.status == (404 if "missing" in path else 200), first.body
    engines = len(plane.rows.asked)
    second = await plane.ask(path, method=method, headers=headers)
    assert (second.status, second.headers["retry-after"]) == (429, "1")
    assert b"Too many requests" in second.body
    assert len(plane.rows.asked) == engines
    assert (await plane.ask(body=CHAT)).status == 429, "lookups and questions share their counters"
    assert (await plane.ask("/v1/models", method="GET", key="globex")).status == 200
    await limit(plane)


async def test_what_a_lookup_has_under_way_is_bounded_and_ends_with_the_caller(plane: Plane, own_key: str) -> None:
    await limit(plane, {"per": "key", "keys": [own_key], "concurrency": 1})
    came = asyncio.Event()

    async def hangs(got: Asked) -> None:
        came.set()
        await got.left()

    plane.rows.behaviour = hangs
    first = asyncio.create_task(plane.ask("/v2/models/rows/ready", method="GET"))
    await came.wait()
    over = await plane.ask("/v1/models", method="GET")
    assert (over.status, over.error["code"]) == (429, "concurrency_limit_exceeded")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    async with asyncio.timeout(10):
        while (await plane.ask("/v1/models", method="GET")).status != 200:
            pass
    # One after another passes, found or not: each ends what it reserved.
    for path in ("/v1/models/missing", "/v1/models", "/v1/responses/resp_missing", "/v2/models/tiny/ready") * 2:
        assert (await plane.ask(path, method="GET")).status != 429, path
    await limit(plane)


async def test_rules_about_models_are_not_about_lookups(plane: Plane, own_key: str) -> None:
    """A closed model closes no list; tokens, money and queries that are used up neither."""
    closed = {"per": "key", "keys": [own_key]}
    await limit(
        plane,
        closed | {"models": ["tiny"], "requests_per_s": 0},
        closed | {"tokens_per_day": 0, "cost_per_day": 0, "price": {"per_request": 1}},
        {"per": "model", "requests_per_s": 0},
        {"models": ["tiny"], "lifetime_queries": 0},
    )
    assert (await plane.ask(body=CHAT)).status == 429
    for path in ("/v1/models", "/v1/models/tiny"):
        assert (await plane.ask(path, method="GET")).status == 200
    await limit(plane)


async def test_going_on_from_what_is_not_there_is_a_lookup(plane: Plane, own_key: str) -> None:
    """What is there costs no second request; what is not has cost the database one all the same."""
    await limit(plane)
    kept = (await kept_response(plane)).rpartition("/")[2]
    asked = {"model": "tiny", "input": "And?", "previous_response_id": kept}
    await limit(plane, {"per": "key", "keys": [own_key], "requests_per_s": 1, "burst": 2})
    assert [(await plane.ask("/v1/responses", asked)).status for _ in range(3)] == [200, 200, 429]
    again = (await plane.key("acme")).secret
    await limit(plane, {"per": "key", "keys": [again.split("_")[3]], "requests_per_s": 1, "burst": 2})
    missing = asked | {"previous_response_id": "resp_missing"}
    assert [(await plane.ask("/v1/responses", missing, key=again)).status for _ in range(3)] == [404, 404, 429]
    await limit(plane)


async def test_what_tells_nothing_of_a_models_answers_is_no_query(plane: Plane) -> None:
    """Metadata and counted tokens pass a cap for life of one query, before and after it is reached."""
    await plane.deploy("acme", "once")
    await plane.deploy("acme", "rows-once", of="rows")
    await limit(plane, {"models": ["once", "rows-once"], "lifetime_queries": 1})
    count = {"model": "once", "messages": CHAT["messages"]}
    form = {"name": "x", "datatype": "FP32", "shape": [-1, 2]}

    async def looks() -> None:
        for _ in range(3):
            plane.chat.behaviour = says(whole({"input_tokens": 3, "object": "response.input_tokens"}))
            counted = await plane.ask("/v1/messages/count_tokens", count, headers=MESSAGES)
            assert counted.status == 200, counted.body
            plane.rows.behaviour = says(whole({"name": "x", "platform": "", "inputs": [form], "outputs": [form]}))
            assert (await plane.ask("/v2/models/rows-once", method="GET")).status == 200
        plane.chat.behaviour, plane.rows.behaviour = says(whole(chat())), healthy

    healthy = plane.rows.behaviour
    await looks()
    for path, body in (("/v1/chat/completions", CHAT | {"model": "once"}), ("/v2/models/rows-once/infer", INFER)):
        assert [(await plane.ask(path, body)).status for _ in range(2)] == [200, 429]
    await looks()
    await limit(plane)
