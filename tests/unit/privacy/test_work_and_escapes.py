"""How much work a chosen text makes, and what JSON's escapes hide."""

from __future__ import annotations

import asyncio
import random
import threading
from functools import partial

import pytest

from strongroom.gateway.exchange.answers import Call, Choice, Event, Finished, Generation, TextDelta
from strongroom.gateway.exchange.asks import ChatAsk, Message, TextPart
from strongroom.gateway.guard import Guard
from strongroom.gateway.guard_looks import Rules, Way, rules_of
from strongroom.gateway.guards import Guards
from strongroom.kernel.refusal import Refusal
from strongroom.privacy import KINDS, Engine
from strongroom.privacy.actions import Action
from strongroom.privacy.engine import Patterns
from strongroom.privacy.folding import fold
from strongroom.privacy.rules import money
from strongroom.privacy.tokens import Tokens, Vault
from strongroom.rules.privacy import Privacy

EVERY = dict.fromkeys(KINDS, Action.MASK)
WAY = Way(Engine(EVERY), EVERY)


def told(direction: str, kind: str, action: str) -> None:
    del direction, kind, action


def guard(rules: Rules | None = None) -> Guard:
    return Guard(rules or Rules(WAY, WAY, unchecked=False, tokens=False), told, lambda: Vault(Tokens(bytes(32))))


def spoken(text: str) -> ChatAsk:
    return ChatAsk(model="m", messages=(Message(role="user", parts=(TextPart(text),)),))


def passed(events: list[Event] | Refusal) -> str:
    assert isinstance(events, list)
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("unit", ["1 ", "12 ", "1-", "1.", "1. ", "4 ", "1111 ", "1 .", "6\t"])
def test_each_digit_of_a_run_is_tried_as_a_cards_first_at_most_twice(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []
    lengths = money._lengths

    def counting(digits: str) -> tuple[int, ...]:
        tried.append(digits)
        return lengths(digits)

    monkeypatch.setattr(money, "_lengths", counting)
    text = unit * 2000
    Patterns(kinds={"credit_card"}).spans(fold(text))
    assert len(tried) <= 2 * sum(character.isdigit() for character in text)


def test_an_issuers_longest_range_is_found_as_by_trying_all() -> None:
    chance = random.Random(3)  # noqa: S311 - a sample
    for _ in range(3000):
        digits = str(chance.randrange(10**18))
        fits = [each for each in money._ISSUERS if digits.startswith(each[0])]
        assert money._lengths(digits) == max(fits, key=lambda each: len(each[0]), default=("", ()))[1]


@pytest.mark.parametrize("text", ["7 4111 1111 1111 1111", "1-4111-1111-1111-1111", "visa 12 3 4111 1111 1111 1111"])
def test_a_card_behind_other_digits_is_found(text: str) -> None:
    assert "credit_card" in {span.kind for span in WAY.engine.find(text)}


async def test_a_long_request_is_looked_at_beside_the_loop() -> None:
    turn = threading.Event()

    def look() -> bool:
        return turn.wait(20)  # which only the loop sets

    asyncio.get_running_loop().call_soon(turn.set)
    assert await Guards(None, told).beside(look)


async def test_a_long_request_is_masked_as_a_short_one_is() -> None:
    ask = spoken("so it is " * 5000 + "jane.roe@example.com")
    looked = await Guards(None, told).beside(partial(guard().ask, ask))
    assert isinstance(looked, ChatAsk)
    part = looked.messages[0].parts[0]
    assert isinstance(part, TextPart)
    assert part.text.endswith("so it is [EMAIL]")


HIDDEN = [
    ('{"mail":"jane\\u0040example.com"}', "jane"),
    ('{"mail":"\\u006aane\\u0040exam\\u0070le.com"}', "ane"),
    ('{"m":"{\\"mail\\":\\"jane\\\\u0040example.com\\"}"}', "jane"),
    ('{"k":"\\u0041KIAQ3EGRIXJ7PZ2NKWA"}', "KIAQ3"),
    ('{"k":"one\\n\\u0041KIAQ3EGRIXJ7PZ2NKWA"}', "KIAQ3"),
    ('{"c":"4111 1111 1111 111\\u0031"}', "4111"),
    ('{"c":"4111\\u00201111\\u00201111\\u00201111"}', "4111"),
    ('{"u":"postgres:\\/\\/app:s3cr3tpw@db.internal\\/shop"}', "s3cr3tpw"),
]


@pytest.mark.parametrize(("text", "piece"), HIDDEN)
def test_what_escapes_hide_is_found_in_every_way_out_and_in(text: str, piece: str) -> None:
    for said in (text, "\n " + text, "it says " + text):
        asked = guard().ask(spoken(said))
        assert isinstance(asked, ChatAsk)
        assert piece not in str(asked.messages)
        for rules in (None, rules_of(Privacy())):
            answer = guard(rules).answer(Generation(choices=(Choice(text=said),)))
            assert isinstance(answer, Generation)
            assert piece not in str(answer.choices[0].text)
            stream = guard(rules)
            out = "".join(passed(stream.events([TextDelta(0, said[at : at + 7])])) for at in range(0, len(said), 7))
            assert piece not in out + passed(stream.events([Finished(0, "stop")]))
        called = guard().answer(
            Generation(choices=(Choice(text="x", calls=(Call(id="a", name="f", arguments=said),)),))
        )
        assert isinstance(called, Generation)
        assert piece not in called.choices[0].calls[0].arguments


def test_escapes_that_hide_nothing_stay_as_they_are() -> None:
    for said in ('{"a":"caf\\u00e9 \\u4e2d\\u6587"}', "C:\\new\\users\\u0041bc", "a\\/b"):
        answer = guard().answer(Generation(choices=(Choice(text=said),)))
        assert isinstance(answer, Generation)
        assert answer.choices[0].text == said
