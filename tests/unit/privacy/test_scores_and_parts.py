"""What stands beside a text must not tell what was replaced in it: scores of tokens, neighbours, names."""

from __future__ import annotations

import pytest

from strongroom.gateway.exchange.answers import Call, Choice, Event, Finished, Generation, TextDelta, TokenScore
from strongroom.gateway.exchange.asks import (
    Ask,
    CallPart,
    ChatAsk,
    Format,
    InferAsk,
    Message,
    ResultPart,
    Tensor,
    TextPart,
    Tool,
)
from strongroom.gateway.guard import CODE, Guard
from strongroom.gateway.guard_looks import Rules, Way
from strongroom.kernel.refusal import Refusal
from strongroom.privacy import KINDS, Engine
from strongroom.privacy.actions import Action
from strongroom.privacy.tokens import Tokens, Vault

EVERY = dict.fromkeys(KINDS, Action.MASK)
WAY = Way(Engine(EVERY), EVERY)
MAIL = "jane.roe@example.com"
WORDS = "and then there are some more words that hold nothing of anybody at all "


def guard() -> Guard:
    def told(direction: str, kind: str, action: str) -> None:
        del direction, kind, action

    return Guard(Rules(WAY, WAY, unchecked=False, tokens=False), told, lambda: Vault(Tokens(bytes(32))))


def spelt(tokens: list[tuple[str, str | None]], made: Guard | None = None) -> tuple[str, str]:
    """Return the text that leaves a stream of texts with their tokens, and what the tokens with it spell."""
    made = made or guard()
    events: list[Event] = []
    for text, token in tokens:
        scores = None if token is None else (TokenScore(token=token, logprob=-1.0),)
        passed = made.events([TextDelta(0, text, scores)])
        assert isinstance(passed, list)
        events += passed
    passed = made.events([Finished(0, "stop")])
    assert isinstance(passed, list)
    deltas = [event for event in [*events, *passed] if isinstance(event, TextDelta)]
    return "".join(d.text for d in deltas), "".join(s.token for d in deltas for s in d.scores or ())


def cut(text: str, size: int = 4) -> list[tuple[str, str | None]]:
    return [(text[at : at + size], text[at : at + size]) for at in range(0, len(text), size)]


def test_scores_of_a_key_that_is_too_long_to_be_held_do_not_spell_it() -> None:
    body = "".join(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8{n:03d}\n" for n in range(60))
    text, told = spelt(cut(f"here:\n-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n{WORDS * 3}"))
    assert "[PRIVATE_KEY]" in text
    assert "MII" not in told
    assert "Us8" not in told
    assert "words" in told  # what may be told is


@pytest.mark.parametrize(
    "before", [[("", "bytes:\\xf0"), ("x ", "x ")] * 12, [("ab ", "")] * 12, [("so it is ", None)]]
)
def test_scores_that_do_not_spell_the_text_are_not_told_from_there_on(before: list[tuple[str, str | None]]) -> None:
    text, told = spelt([*before, *cut(f"write to {MAIL} for it, {WORDS * 4}")])
    assert "[EMAIL]" in text
    assert not told.replace("x ", "").replace("bytes:\\xf0", "")


def test_scores_that_spell_the_text_are_told_without_those_of_what_was_replaced() -> None:
    text, told = spelt([("", None), *cut(f"write to {MAIL} for it, {WORDS * 4}")])
    assert "[EMAIL]" in text
    assert "roe@" not in told
    assert told.startswith("write to")
    assert told.endswith(WORDS[-9:])


def asked(*texts: str) -> list[str]:
    looked = guard().ask(ChatAsk(model="m", messages=(Message(role="user", parts=tuple(map(TextPart, texts))),)))
    assert isinstance(looked, ChatAsk)
    return [part.text for part in looked.messages[0].parts if isinstance(part, TextPart)]


def test_a_value_that_goes_on_in_the_next_part_is_replaced_where_it_begins_and_cut_where_it_goes_on() -> None:
    assert asked("card 4111 1111 1", "111 1", "111 today") == ["card [CREDIT_CARD]", "", " today"]
    assert asked("key AKIAQ3EG", "RIXJ7PZ2NKWA, so") == ["key [CLOUD_KEY]", ", so"]
    assert asked("x", MAIL, " y") == ["[EMAIL]", "", " y"]


def test_parts_that_hold_nothing_stay_as_they_are_and_each_is_looked_at_alone() -> None:
    assert asked("so it ", "is", " and no more") == ["so it ", "is", " and no more"]
    assert asked("no", "4111 1111 1111 1111", "nothing") == ["no", "[CREDIT_CARD]", "nothing"]


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {MAIL: {"type": "string"}}},
        {"type": "object", "properties": {"card": {"const": 4111111111111111}}},
        {"enum": [-4111111111111111]},
    ],
)
def test_a_name_or_a_number_in_a_schema_that_may_not_be_sent_is_refused(schema: dict[str, object]) -> None:
    message = (Message(role="user", parts=(TextPart("hi"),)),)
    tool = Tool(name="f", description="x", parameters=schema)
    for ask in (
        ChatAsk(model="m", messages=message, tools=(tool,)),
        ChatAsk(model="m", messages=message, format=Format(kind="schema", name="n", schema=schema)),
        ChatAsk(model="m", messages=message, tools=(Tool(name="AKIAQ3EGRIXJ7PZ2NKWA", parameters={}),)),
    ):
        no = guard().ask(ask)
        assert isinstance(no, Refusal)
        assert no.code == CODE
        assert "4111" not in no.tell + no.reason
        assert MAIL not in no.tell + no.reason


def test_ordinary_names_and_numbers_in_a_schema_pass() -> None:
    schema = {"type": "object", "properties": {"paris": {"type": "integer", "maximum": 2147483647}, "user_id": {}}}
    ask = ChatAsk(
        model="m", messages=(Message(role="user", parts=(TextPart("hi"),)),), tools=(Tool(name="f", parameters=schema),)
    )
    assert guard().ask(ask) == ask


def said_by(part: CallPart | ResultPart) -> ChatAsk:
    return ChatAsk(model="m", messages=(Message(role="assistant", parts=(part,)),))


@pytest.mark.parametrize(
    "ask",
    [
        said_by(CallPart(id=MAIL, name="f", arguments="{}")),
        said_by(CallPart(id="a", name=MAIL, arguments="{}")),
        said_by(ResultPart(call=MAIL, content="x")),
        InferAsk(model="m", inputs=(Tensor(name=MAIL, shape=(1,), datatype="INT64", data=[1]),)),
    ],
)
def test_an_id_or_a_name_that_may_not_be_sent_is_refused(ask: Ask) -> None:
    no = guard().ask(ask)
    assert isinstance(no, Refusal)
    assert no.code == CODE


def test_an_id_or_a_name_of_a_call_that_may_not_be_told_ends_the_answer() -> None:
    for call in (Call(id=MAIL, name="f", arguments="{}"), Call(id="a", name=MAIL, arguments="{}")):
        assert isinstance(guard().answer(Generation(choices=(Choice(text="ok", calls=(call,)),))), Refusal)


def test_an_id_made_by_chance_passes() -> None:
    ask = said_by(CallPart(id="3f2b4111-1111-1111-1111-9d8e7c6b5a40", name="send_mail", arguments="{}"))
    assert guard().ask(ask) == ask
