"""Signed answers: what a client keeps of one can be shown later to be the gateway's, unchanged, and to which request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from strongroom.cli import main
from strongroom.gateway.testing import STREAM_END, STREAM_HEAD, chat, chat_chunk, chat_stream, event, says, whole
from strongroom.registry.admission.testing import digest_of
from strongroom.signatures import PublicKey, SecretKey
from strongroom.signatures.answers import MARK
from strongroom.signatures.exchange import Finding, Outcome, Saved, check, parse
from strongroom.signatures.keys import read_trusted

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Answer, Plane

KEYS = "/.well-known/strongroom/answer-keys"
MESSAGES: list[Any] = [{"role": "user", "content": "hello"}]
WHOLE = json.dumps({"model": "tiny", "messages": MESSAGES}).encode()
STREAMED = json.dumps({"model": "tiny", "messages": MESSAGES, "stream": True}).encode()
RELEASE = digest_of("tiny")


@pytest.fixture(scope="module")
async def signing(module_plane: Plane) -> Plane:
    await module_plane.rule("acme", "signing", {"rules": [{"models": ["tiny"], "answers": True}]})
    return module_plane


@pytest.fixture
async def signed(signing: Plane, plane: Plane) -> Plane:
    assert signing is plane
    plane.chat.behaviour = says(whole(chat("Hello, reader.")))
    return plane


@pytest.fixture
async def trusted(signed: Plane) -> dict[str, PublicKey]:
    """What everybody can read, without a key."""
    answer = await signed.ask(KEYS, method="GET", key=None)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/jwk-set+json")
    return read_trusted(answer.body.decode())


def saved(answer: Answer, body: bytes | None = None) -> Saved:
    head = f"HTTP/1.1 {answer.status} OK\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in answer.headers.items()
    )
    return parse(head.encode("latin-1") + b"\r\n", answer.body if body is None else body)


async def test_a_whole_answer_proves_who_answered_what(signed: Plane, trusted: dict[str, PublicKey]) -> None:
    answer = await signed.ask(body=WHOLE)
    found = check(saved(answer), trusted, WHOLE)
    assert (answer.status, found.outcome) == (200, Outcome.GOOD)
    assert found.says["strongroom-release"] == RELEASE
    assert found.says["strongroom-model"] == "tiny"
    assert found.says["strongroom-policy"] == signed.snapshot.policy_version
    assert len(found.says["strongroom-rules"]) == 64
    assert found.says["x-request-id"] == answer.headers["x-request-id"]
    assert "created" in found.says


async def test_a_streamed_answer_proves_it_in_a_comment_at_its_end(
    signed: Plane, trusted: dict[str, PublicKey]
) -> None:
    signed.chat.behaviour = says(chat_stream("Hel", "lo."))
    answer = await signed.ask(body=STREAMED)
    assert "signature" not in answer.headers
    events = [part for part in answer.body.split(b"\n\n") if part]
    assert events[-2] == b"data: [DONE]"
    assert events[-1].startswith(MARK)
    found = check(saved(answer), trusted, STREAMED)
    assert found.outcome is Outcome.GOOD
    assert found.says["strongroom-release"] == RELEASE


Change = Callable[["Answer"], bytes]

CHANGES: dict[str, Change] = {
    "a word": lambda answer: answer.body.replace(b"reader", b"writer").replace(b"Hel", b"Hal"),
    "something added": lambda answer: answer.body + b" ",
    "cut off": lambda answer: answer.body[:-3],
    "nothing left": lambda _: b"",
}


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("streamed", [False, True])
async def test_a_changed_body_is_found(
    signed: Plane, trusted: dict[str, PublicKey], name: str, *, streamed: bool
) -> None:
    asked = WHOLE
    if streamed:
        asked, signed.chat.behaviour = STREAMED, says(chat_stream("Hel", "lo."))
    answer = await signed.ask(body=asked)
    assert check(saved(answer), trusted, asked).outcome is Outcome.GOOD
    assert check(saved(answer, CHANGES[name](answer)), trusted, asked).outcome is Outcome.BAD


async def test_events_cannot_be_left_out_put_in_or_taken_from_another_answer(
    signed: Plane, trusted: dict[str, PublicKey]
) -> None:
    signed.chat.behaviour = says(chat_stream("Hel", "lo."))
    one, other = await signed.ask(body=STREAMED), await signed.ask(body=STREAMED)
    parts = one.body.split(b"\n\n")
    for body in (
        b"\n\n".join(parts[1:]),
        b"\n\n".join([parts[0], *parts]),
        b"\n\n".join([*parts[:-2], other.body.split(b"\n\n")[-2], b""]),
        one.body + other.body,
    ):
        assert check(saved(one, body), trusted, STREAMED).outcome is Outcome.BAD


@pytest.mark.parametrize(
    "field", ["strongroom-release", "strongroom-model", "strongroom-policy", "strongroom-rules", "x-request-id"]
)
async def test_what_an_answer_says_of_itself_cannot_be_changed(
    signed: Plane, trusted: dict[str, PublicKey], field: str
) -> None:
    answer = await signed.ask(body=WHOLE)
    kept = saved(answer)
    for fields in (
        {**kept.fields, field: [b"another"]},
        {name: value for name, value in kept.fields.items() if name != field},
        {**kept.fields, field: [*kept.fields[field], b"another"]},
    ):
        found = check(Saved(status=200, fields=fields, body=kept.body), trusted, WHOLE)
        assert found.outcome is Outcome.BAD
    found = check(Saved(status=201, fields=kept.fields, body=kept.body), trusted, WHOLE)
    assert found.outcome is Outcome.BAD


async def test_another_request_another_key_and_no_request_are_told_apart(
    signed: Plane, trusted: dict[str, PublicKey]
) -> None:
    kept = saved(await signed.ask(body=WHOLE))
    stranger = SecretKey.generate().public

    def outcome(keys: dict[str, PublicKey], request: bytes | None) -> Outcome:
        found: Finding = check(kept, keys, request)
        return found.outcome

    assert outcome(trusted, WHOLE.replace(b"hello", b"other")) is Outcome.BAD
    assert outcome({stranger.id: stranger}, WHOLE) is Outcome.UNDETERMINED
    assert outcome(trusted, None) is Outcome.UNDETERMINED
    # A key that passes itself off under the id of the right one.
    assert outcome({next(iter(trusted)): stranger}, WHOLE) is Outcome.BAD


async def test_an_answer_that_fails_half_way_is_not_signed(signed: Plane, trusted: dict[str, PublicKey]) -> None:
    signed.chat.behaviour = says(STREAM_HEAD + event(chat_chunk(content="Hel")) + STREAM_END)
    answer = await signed.ask(body=STREAMED)
    assert b'"error"' in answer.body
    assert MARK not in answer.body
    assert check(saved(answer), trusted, STREAMED).outcome is Outcome.BAD


async def test_where_no_rule_wants_it_an_answer_is_not_signed(signed: Plane) -> None:
    for answer in (
        await signed.ask("/v1/embeddings", {"model": "vectors", "input": "x"}),
        await signed.ask(body=WHOLE, key="globex"),
    ):
        assert answer.status == 200
        assert not {"signature", "strongroom-release"} & set(answer.headers)


async def test_the_unmodified_openai_client_takes_both(signed: Plane) -> None:
    url = f"http://127.0.0.1:{signed.port}/v1"
    async with openai.AsyncOpenAI(api_key=signed.keys["acme"], base_url=url, max_retries=0) as client:
        made = await client.chat.completions.create(model="tiny", messages=MESSAGES)
        assert made.choices[0].message.content == "Hello, reader."
        signed.chat.behaviour = says(chat_stream("Hel", "lo."))
        async with await client.chat.completions.create(model="tiny", messages=MESSAGES, stream=True) as stream:
            text = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
        assert "".join(text) == "Hello."


async def test_the_unmodified_anthropic_client_takes_both(signed: Plane, trusted: dict[str, PublicKey]) -> None:
    url = f"http://127.0.0.1:{signed.port}"
    asked: Any = {"model": "tiny", "max_tokens": 20, "messages": MESSAGES}
    async with anthropic.AsyncAnthropic(api_key=signed.keys["acme"], base_url=url, max_retries=0) as client:
        assert (await client.messages.create(**asked)).content[0].type == "text"
        signed.chat.behaviour = says(chat_stream("Hel", "lo."))
        async with client.messages.stream(**asked) as stream:
            assert await stream.get_final_text() == "Hello."
    body = json.dumps({**asked, "stream": True}).encode()
    answer = await signed.ask("/v1/messages", body, headers=("anthropic-version: 2023-06-01",))
    assert check(saved(answer), trusted, body).outcome is Outcome.GOOD


async def test_who_keeps_the_bytes_of_a_stream_can_check_what_the_client_was_given(
    signed: Plane, trusted: dict[str, PublicKey]
) -> None:
    signed.chat.behaviour = says(chat_stream("Hel", "lo."))
    url = f"http://127.0.0.1:{signed.port}/v1"
    async with (
        openai.AsyncOpenAI(api_key=signed.keys["acme"], base_url=url, max_retries=0) as client,
        client.chat.completions.with_streaming_response.create(
            model="tiny", messages=MESSAGES, stream=True
        ) as response,
    ):
        head = "".join(f"{name}: {value}\r\n" for name, value in response.headers.items())
        body = b"".join([piece async for piece in response.iter_bytes()])
        sent = response.http_request.read()
    kept = parse(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode(), body)
    assert check(kept, trusted, sent).outcome is Outcome.GOOD


@pytest.mark.parametrize("asked", [WHOLE, STREAMED], ids=["whole", "streamed"])
async def test_the_commands_fetch_the_keys_and_check_what_was_kept(
    signed: Plane, tmp_path: Path, capsys: pytest.CaptureFixture[str], asked: bytes
) -> None:
    if asked is STREAMED:
        signed.chat.behaviour = says(chat_stream("Hel", "lo."))
    gateway = f"http://127.0.0.1:{signed.port}"
    assert await asyncio.to_thread(main.run, ["signing", "keys", "--gateway", gateway, "--json"]) == 0
    (tmp_path / "keys.json").write_text(capsys.readouterr().out)
    answer = await signed.ask(body=asked)
    head = "HTTP/1.1 200 OK\r\n" + "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    (tmp_path / "answer.http").write_bytes(head.encode() + b"\r\n" + answer.body)
    (tmp_path / "request.json").write_bytes(asked)
    words = [str(tmp_path / "answer.http"), "--trust", str(tmp_path / "keys.json")]
    words += ["--request", str(tmp_path / "request.json"), "--release", RELEASE]
    assert main.run(["verify-response", *words]) == 0
    assert "Good." in capsys.readouterr().err
