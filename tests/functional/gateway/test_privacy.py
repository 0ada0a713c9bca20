"""Personal data and secrets through the gateway: every dialect, every way in and out, streams in any pieces."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from strongroom.gateway.testing import STREAM_END, STREAM_HEAD, chat, chat_chunk, event, says, whole
from strongroom.store import Database

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

    from strongroom.store.testing import TestDatabase

MAIL, CARD = "jane.roe@example.com", "4111 1111 1111 1111"
KEY = "ghp_" + "a1B2c3D4e5F6" * 3
SAID = f"Write to {MAIL}, charge {CARD}, and use {KEY} for it."
VALUES = (MAIL, CARD, KEY)
VERSION = ["anthropic-version: 2023-06-01"]
SCHEMA = {"type": "object", "properties": {"to": {"type": "string", "description": f"such as {MAIL}"}}}


def asks(text: str, *, stream: bool = False) -> dict[str, tuple[str, dict[str, Any], Any]]:
    """Return for each dialect how the chat model is asked."""
    turns = [{"role": "user", "content": text}]
    return {
        "chat": ("/v1/chat/completions", {"model": "tiny", "messages": [{"role": "system", "content": text}, *turns], "stream": stream}, ()),
        "completion": ("/v1/completions", {"model": "tiny", "prompt": text, "stream": stream}, ()),
        "responses": ("/v1/responses", {"model": "tiny", "instructions": text, "input": text, "stream": stream}, ()),
        "messages": ("/v1/messages", {"model": "tiny", "max_tokens": 9, "system": text, "messages": turns, "stream": stream}, VERSION),
    }  # fmt: skip


DIALECTS = tuple(asks(""))


def nothing_of(data: bytes | str) -> bool:
    text = data.decode() if isinstance(data, bytes) else data
    return not any(value in text for value in VALUES)


def answered(text: str) -> bytes:
    both = chat(text)
    both["choices"][0]["text"] = text  # type: ignore[index] # a completion's name for it
    return whole(both)


def streamed(text: str, size: int = 3) -> bytes:
    chunks: list[Any] = []
    for at in range(0, len(text), size):
        chunk = chat_chunk(content=text[at : at + size])
        chunk["choices"][0]["text"] = text[at : at + size]  # type: ignore[index] # as above
        chunks.append(chunk)
    last = chat_chunk("stop")
    last["choices"][0]["text"] = ""  # type: ignore[index] # as above
    return STREAM_HEAD + b"".join(map(event, [*chunks, last, "[DONE]"])) + STREAM_END


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_nothing_reaches_the_model_and_nothing_comes_back_of_it(plane: Plane, dialect: str) -> None:
    path, body, headers = asks(SAID)[dialect]
    plane.chat.behaviour = says(answered(SAID))
    answer = await plane.ask(path, body, headers=headers)
    assert answer.status == 200, answer.body
    sent = json.dumps(plane.chat.asked[-1].body)
    for text in (sent, answer.body.decode()):
        assert nothing_of(text)
        assert "Write to [EMAIL], charge [CREDIT_CARD], and use [API_KEY] for it." in text


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_no_fragment_leaves_in_a_stream(plane: Plane, dialect: str) -> None:
    path, body, headers = asks("hello", stream=True)[dialect]
    told = []
    for size in (1, 3, 7, 500):
        plane.chat.behaviour = says(streamed(SAID * 3, size))
        answer = await plane.ask(path, body, headers=headers)
        assert answer.status == 200
        texts = re.findall(r'"(?:content|text|delta)":"((?:[^"\\]|\\.)*)"', answer.body.decode())
        joined = "".join(texts)
        assert "charge [CREDIT_CARD]" in joined
        for value in VALUES:
            assert not any(value[at : at + 6] in joined for at in range(len(value) - 6)), (size, joined)
        told.append(joined.count("[CREDIT_CARD]"))
    assert len(set(told)) == 1


async def test_tools_and_their_calls_stay_json(plane: Plane) -> None:
    await plane.rule("acme", "tools", {"rules": [{"any": True}]})
    await plane.rule("acme", "disclosure", {"rules": [{"tools": True}]})
    tool = {"type": "function", "function": {"name": "send", "description": f"Mails {MAIL}", "parameters": SCHEMA}}
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "send", "arguments": json.dumps({"to": MAIL, "n": 4111111111111111})},
    }
    turns = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": json.dumps({"card": CARD, "ssn": 536904399})},
    ]
    plane.chat.behaviour = says(whole(chat(None, tool_calls=[call])))
    answer = await plane.ask(body={"model": "tiny", "messages": turns, "tools": [tool]})
    assert answer.status == 200, answer.body
    sent = plane.chat.asked[-1].body
    assert nothing_of(json.dumps(sent))
    assert sent["tools"][0]["function"]["parameters"]["properties"]["to"]["description"] == "such as [EMAIL]"
    assert json.loads(sent["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {
        "to": "[EMAIL]",
        "n": "[CREDIT_CARD]",
    }
    assert json.loads(sent["messages"][2]["content"]) == {"card": "[CREDIT_CARD]", "ssn": "[US_SSN]"}
    came = answer.json["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(came) == {"to": "[EMAIL]", "n": "[CREDIT_CARD]"}


async def test_an_answer_in_json_stays_json_streamed_or_whole(plane: Plane) -> None:
    said = json.dumps({"mail": MAIL, "card": 4111111111111111, "said": f'"{KEY}"', "rest": ["x"] * 30})
    body = {"model": "tiny", "messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_object"}}
    plane.chat.behaviour = says(answered(said))
    whole_ = json.loads((await plane.ask(body=body)).json["choices"][0]["message"]["content"])
    plane.chat.behaviour = says(streamed(said))
    answer = await plane.ask(body={**body, "stream": True})
    parts = [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: {")]
    text = "".join(part["choices"][0]["delta"].get("content") or "" for part in parts if part["choices"])
    assert (
        json.loads(text)
        == whole_
        == {"mail": "[EMAIL]", "card": "[CREDIT_CARD]", "said": '"[API_KEY]"', "rest": ["x"] * 30}
    )


async def test_texts_to_embed_are_masked_and_lists_of_tokens_are_refused_where_the_rules_say_so(plane: Plane) -> None:
    assert (await plane.ask("/v1/embeddings", {"model": "vectors", "input": [SAID]})).status == 200
    assert plane.vectors.asked[-1].body["input"] == [
        "Write to [EMAIL], charge [CREDIT_CARD], and use [API_KEY] for it."
    ]
    await plane.rule("acme", "privacy", {"rules": [{"unchecked": False}]})
    refused = await plane.ask("/v1/embeddings", {"model": "vectors", "input": [[1, 2, 3]]})
    assert (refused.status, refused.error["code"]) == (400, "privacy_blocked")
    await plane.rule("acme", "privacy", None)


async def test_tokens_come_back_to_their_own_request_and_to_no_other(plane: Plane) -> None:
    await plane.rule("acme", "privacy", {"rules": [{"input": {"email": "tokenise"}}]})
    body = {"model": "tiny", "messages": [{"role": "user", "content": f"Mail {MAIL}"}]}
    plane.chat.behaviour = says(answered("ok"))
    await plane.ask(body=body)
    token = plane.chat.asked[-1].body["messages"][0]["content"].removeprefix("Mail ")
    assert re.fullmatch(r"srt_email_[a-z2-7]{16}", token)
    for behaviour, stream in (
        (answered(f"I wrote to {token}."), False),
        (streamed(f"I wrote to {token}, yes. " * 4), True),
    ):
        plane.chat.behaviour = says(behaviour)
        mine = await plane.ask(body={**body, "stream": stream})
        text = "".join(re.findall(r'"content":"((?:[^"\\]|\\.)*)"', mine.body.decode()))
        assert MAIL in text
        assert token not in text
        other = await plane.ask(
            body={"model": "tiny", "messages": [{"role": "user", "content": f"what is {token}?"}], "stream": stream}
        )
        assert MAIL not in other.body.decode()
        theirs = await plane.ask(body={**body, "stream": stream}, key="globex")
        assert MAIL not in theirs.body.decode()
    await plane.rule("acme", "privacy", None)


async def test_what_is_to_be_blocked_is_refused_by_its_type_and_audited(
    plane: Plane, shared_database: TestDatabase
) -> None:
    await plane.rule("acme", "privacy", {"rules": [{"input": {"credit_card": "block"}, "output": {"secret": "block"}}]})
    plane.chat.asked.clear()
    refused = await plane.ask(body={"model": "tiny", "messages": [{"role": "user", "content": f"pay {CARD}"}]})
    assert (refused.status, refused.error["code"]) == (400, "privacy_blocked")
    assert "a payment card number" in refused.error["message"]
    assert nothing_of(refused.body)
    assert plane.chat.asked == []
    plane.chat.behaviour = says(
        streamed(f"here it comes, as you wanted, and not a moment too late, after all that we have said: {KEY} ")
    )
    cut = await plane.ask(body={"model": "tiny", "messages": [{"role": "user", "content": "x"}], "stream": True})
    assert cut.status == 200
    assert b"ghp_" not in cut.body
    assert b"privacy_blocked" in cut.body
    assert b"[DONE]" not in cut.body
    assert await plane.recorder.flush()
    db = await Database.connect(shared_database.control, shared_database.operator, size=1)
    try:
        async with db.tenant(plane.tenants["acme"]) as tx:
            for answer, said in (
                (refused, "privacy: credit_card in the request"),
                (cut, "privacy: api_key in the answer"),
            ):
                reason = await tx.fetchval(
                    "select reason from audit.entry where request_id = $1", answer.headers["x-request-id"]
                )
                assert reason == said
    finally:
        await db.close()
    await plane.rule("acme", "privacy", None)


async def test_rules_narrow_and_the_operator_can_let_pass(plane: Plane) -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": f"I am Katarzyna Nowak, {MAIL}"}]}
    plane.chat.behaviour = says(answered("ok"))

    async def sent() -> str:
        await plane.ask(body=body)
        return str(plane.chat.asked[-1].body["messages"][0]["content"])

    assert await sent() == "I am Katarzyna Nowak, [EMAIL]"
    await plane.rule(
        "acme",
        "privacy",
        {"rules": [{"input": {"identifier": "allow"}}, {"models": ["tiny"], "input": {"person": "mask"}}]},
    )
    assert await sent() == f"I am [PERSON], {MAIL}"
    await plane.rule("acme", "privacy", None)


async def test_the_record_of_a_refused_request_says_what_it_was_refused_for(plane: Plane, shared_db: Database) -> None:
    await plane.rule("acme", "privacy", {"rules": [{"input": {"email": "mask", "credit_card": "block"}}]})
    try:
        answer = await plane.ask(body={"model": "tiny", "messages": [{"role": "user", "content": f"{MAIL}, {CARD}"}]})
        assert (answer.status, answer.error["code"]) == (400, "privacy_blocked")
    finally:
        await plane.rule("acme", "privacy", None)
    record = UUID(answer.headers["x-request-id"].removeprefix("req_"))
    async with asyncio.timeout(10):
        found = None
        while found is None:
            async with shared_db.tenant(plane.tenants["acme"]) as tx:
                found = await tx.fetchrow(
                    "select outcome, findings::text as met from gateway.record where id = $1", record
                )
    assert found["outcome"] == "refused"
    assert json.loads(found["met"]) == {"input": {"credit_card": 1, "email": 1}}


async def test_findings_are_counted_and_nothing_of_them_is(plane: Plane) -> None:
    plane.chat.behaviour = says(answered(SAID))
    await plane.ask(body={"model": "tiny", "messages": [{"role": "user", "content": SAID}]})
    figures = str(list(plane.recorder.figures()))
    assert "credit_card" in figures
    assert nothing_of(figures)


async def test_tokens_of_a_kept_conversation_are_put_back_in_its_later_turns(plane: Plane) -> None:
    await plane.rule("acme", "privacy", {"rules": [{"input": {"email": "tokenise"}}]})
    plane.chat.behaviour = says(answered("ok"))
    first = (await plane.ask("/v1/responses", {"model": "tiny", "input": f"Mail {MAIL}", "store": True})).json["id"]
    token = plane.chat.asked[-1].body["messages"][-1]["content"].removeprefix("Mail ")
    plane.chat.behaviour = says(answered(f"I wrote to {token}."))
    later = {"model": "tiny", "input": "to whom?", "previous_response_id": first, "store": False}
    assert MAIL in (await plane.ask("/v1/responses", later)).body.decode()
    apart = {"model": "tiny", "input": f"whom is {token}?", "store": False}
    assert MAIL not in (await plane.ask("/v1/responses", apart)).body.decode()
    await plane.rule("acme", "privacy", None)
