"""Tools through the whole pipeline, in each dialect: nothing undeclared reaches a model, no bad call reaches a caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from strongroom.gateway.testing import STREAM_END, STREAM_HEAD, chat, chat_chunk, event, says, whole
from strongroom.store import Database
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

USER = [{"role": "user", "content": "hello"}]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
VERSION = ("anthropic-version: 2023-06-01",)
DIALECTS = ("chat", "responses", "messages")


def offering(dialect: str, name: str = "get_weather", schema: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = SCHEMA if schema is None else schema
    if dialect == "messages":
        return {"model": "tiny", "messages": USER, "max_tokens": 9, "tools": [{"name": name, "input_schema": schema}]}
    function = {"name": name, "parameters": schema}
    if dialect == "responses":
        tools = [{"type": "function", "strict": None, **function}]
        return {"model": "tiny", "input": "hello", "store": False, "tools": tools}
    return {"model": "tiny", "messages": USER, "tools": [{"type": "function", "function": function}]}


PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}


async def ask(plane: Plane, dialect: str, body: dict[str, Any]) -> Answer:
    return await plane.ask(PATHS[dialect], body, headers=VERSION if dialect == "messages" else ())


def calls(arguments: str, name: str = "get_weather") -> bytes:
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return whole(chat(None, tool_calls=[call]))


def streams(arguments: str, name: str = "get_weather") -> bytes:
    """Return text, then a call in pieces, with more text between them."""
    half = len(arguments) // 2
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments[:half]}}
    rest = {"index": 0, "function": {"arguments": arguments[half:]}}
    chunks = [
        chat_chunk(content="before "),
        chat_chunk(tool_calls=[first]),
        chat_chunk(content="meanwhile "),
        chat_chunk(tool_calls=[rest]),
        chat_chunk("tool_calls"),
    ]
    return STREAM_HEAD + b"".join(map(event, [*chunks, "[DONE]"])) + STREAM_END


@pytest.fixture(scope="module")
async def declared(module_plane: Plane) -> None:
    document = {"rules": [{"tools": [{"name": "get_weather", "parameters": SCHEMA}]}]}
    await module_plane.rule("acme", "tools", document)


pytestmark = pytest.mark.usefixtures("declared")


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_what_is_declared_is_offered_called_and_passed_on(plane: Plane, dialect: str) -> None:
    plane.chat.behaviour = says(calls('{"city":"Ulm"}'))
    answer = await ask(plane, dialect, offering(dialect))
    assert answer.status == 200, answer.body
    assert b"Ulm" in answer.body
    plane.chat.behaviour = says(streams('{"city":"Ulm"}'))
    streamed = await ask(plane, dialect, offering(dialect) | {"stream": True})
    assert all(said in streamed.body for said in (b"before", b"meanwhile", b"Ulm"))
    assert streamed.body.index(b"meanwhile") < streamed.body.index(b"Ulm")
    assert plane.chat.asked[0].body["tools"][0]["function"]["name"] == "get_weather"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("name", "schema"),
    [("get_wheather", None), ("get_weather", {**SCHEMA, "required": []}), ("get_weather", {"type": "object"})],
)
async def test_what_is_not_declared_is_not_offered(plane: Plane, dialect: str, name: str, schema: Any) -> None:
    no = await ask(plane, dialect, offering(dialect, name, schema))
    assert no.status == 400, no.body
    assert no.json["error"].get("code", "tool_denied") == "tool_denied"
    assert "tools" in no.json["error"]["message"]
    assert plane.chat.asked == []


BAD = {
    "undeclared": ("{}", "rm_rf"),
    "no schema": ('{"city":5,"HOST":"h"}', "get_weather"),
    "not whole": ('{"city":"HOST', "get_weather"),
    "two ways": ('{"city":"HOST","city":"b"}', "get_weather"),
    "more": ('{"city":"a","HOST":1}', "get_weather"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("bad", BAD)
async def test_a_bad_call_does_not_reach_who_would_run_it(plane: Plane, dialect: str, bad: str) -> None:
    plane.chat.behaviour = says(calls(*BAD[bad]))
    no = await ask(plane, dialect, offering(dialect))
    assert no.status == 403, no.body
    plane.chat.behaviour = says(streams(*BAD[bad]))
    broken = await ask(plane, dialect, offering(dialect) | {"stream": True})
    assert broken.status == 200
    assert b"before" in broken.body
    for said in (no.body, broken.body):
        assert b"a call that its tools do not allow" in said
        assert not any(piece in said for piece in (b"HOST", b"rm_rf", b"call_1"))
    assert b"[DONE]" not in broken.body
    assert b"message_stop" not in broken.body
    assert b"response.completed" not in broken.body


async def test_a_call_without_an_end_never_leaves(plane: Plane) -> None:
    plane.chat.behaviour = says(streams('{"city":"Ulm"}').replace(b'"tool_calls"}]', b"null}]"))
    broken = await ask(plane, "chat", offering("chat") | {"stream": True})
    assert b"Ulm" not in broken.body
    assert b"[DONE]" not in broken.body


async def test_a_call_in_the_history_is_held_to_the_same(plane: Plane) -> None:
    def history(arguments: str, name: str = "get_weather") -> list[dict[str, Any]]:
        call = {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
        return [
            *USER,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": "sunny"},
        ]

    fine = offering("chat") | {"messages": history('{"city":"Ulm"}')}
    assert (await ask(plane, "chat", fine)).status == 200
    plane.chat.asked.clear()
    for messages in (history("{}"), history('{"city":"Ulm"}', "other"), history('{"city":'), history("{}")[:1] * 2):
        body = {"model": "tiny", "messages": messages}
        if len(messages) == 2:
            body["messages"] = [*USER, {"role": "tool", "tool_call_id": "nobody", "content": "sunny"}]
        no = await ask(plane, "chat", body)
        assert (no.status, no.error["code"]) == (400, "tool_denied")
    assert plane.chat.asked == []


async def test_counting_tokens_is_held_to_the_same(plane: Plane) -> None:
    def turns(calls: int, city: object = "Ulm") -> list[dict[str, Any]]:
        used = [
            {"type": "tool_use", "id": f"c{number}", "name": "get_weather", "input": {"city": city}}
            for number in range(calls)
        ]
        return [*USER, {"role": "assistant", "content": used}]

    def counting(messages: list[dict[str, Any]], *offered: Any) -> dict[str, Any]:
        return {"model": "tiny", "messages": messages, "tools": offering("messages", *offered)["tools"]}

    asked = [
        counting(USER, "get_wheather"),
        counting(USER, "get_weather", {**SCHEMA, "anyOf": [True] * 129}),
        counting(turns(1, city=5)),
        counting(turns(129)),
        counting(turns(1, city=[9] * 60_000)),
    ]
    for body in asked:
        no = await plane.ask("/v1/messages/count_tokens", body, headers=VERSION)
        assert no.status == 400, no.body
    assert plane.chat.asked == []


async def test_every_one_of_these_is_written_down(plane: Plane, shared_database: TestDatabase) -> None:
    plane.chat.behaviour = says(calls("{}", "rm_rf"))
    asked = await ask(plane, "chat", offering("chat", "other"))
    answered = await ask(plane, "chat", offering("chat"))
    plane.chat.behaviour = says(streams("{}", "rm_rf"))
    streamed = await ask(plane, "chat", offering("chat") | {"stream": True})
    assert await plane.recorder.flush()
    db = await Database.connect(shared_database.control, shared_database.operator, size=1)
    try:
        async with db.tenant(plane.tenants["acme"]) as tx:
            for answer, said in ((asked, "tool `other`"), (answered, "a call of `rm_rf`"), (streamed, "`rm_rf`")):
                reason = await tx.fetchval(
                    "select reason from audit.entry where request_id = $1 and outcome = 'refused'",
                    answer.headers["x-request-id"],
                )
                assert said in (reason or ""), answer.body
            status = await tx.fetchval(
                "select status from gateway.record where 'req_' || replace(id::text, '-', '') = $1",
                streamed.headers["x-request-id"],
            )
        assert status == 403
    finally:
        await db.close()
