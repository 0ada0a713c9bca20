"""What stands in a span's place: masks, tokens and made-up values; and JSON that stays JSON."""

from __future__ import annotations

import json
import math

import pytest

from strongroom.privacy import Engine
from strongroom.privacy.actions import mask, partial, replace
from strongroom.privacy.checks import iban, luhn
from strongroom.privacy.jsontext import Leaf, NotJson, rewrite
from strongroom.privacy.synthetic import Synthetic
from strongroom.privacy.tokens import LONGEST, Tokens, Vault, find

TOKENS = Tokens(b"a tenant's key of 32 bytes......")


def test_a_token_is_stable_typed_and_says_nothing() -> None:
    token = TOKENS.token("credit_card", "4111 1111 1111 1111")
    assert token == TOKENS.token("credit_card", "4111-1111-1111-1111")
    assert token.startswith("srt_credit_card_")
    assert token.isascii()
    assert token.replace("_", "").isalnum()
    assert len(token) <= LONGEST
    assert token != TOKENS.token("phone", "4111 1111 1111 1111")
    assert find(f"“{token}”, {token}s") == [
        (1, 1 + len(token), "credit_card"),
        (4 + len(token), 4 + 2 * len(token), "credit_card"),
    ]


def test_a_token_comes_back_for_its_own_vault_only() -> None:
    mine, others = Vault(TOKENS), Vault(Tokens(b"another tenant's key of 32 bytes"))
    token = mine.put("email", "Bob@Example.com")
    answer = f'{{"to": "{token}", "code": "x = \\"{token}\\" + 1"}} — ✓'
    assert mine.restore(answer) == answer.replace(token, "Bob@Example.com")
    assert others.restore(answer) == answer
    foreign = others.put("email", "Bob@Example.com")
    assert mine.restore(foreign) == foreign


def test_nothing_shows_a_key_or_a_value() -> None:
    vault = Vault(TOKENS)
    vault.put("email", "bob@example.com")
    assert "bob" not in repr(vault)
    assert "tenant" not in repr(TOKENS)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Tokens(b"short")


def test_masks() -> None:
    text = "card 4111 1111 1111 1111, pin: 1234"
    spans = Engine().find(text)
    assert replace(text, spans, mask) == "card [CREDIT_CARD], pin: [PIN]"
    assert replace(text, spans, partial) == "card **** **** **** 1111, pin: [PIN]"


def test_made_up_values_keep_their_form_and_are_the_same_for_the_same_value() -> None:
    made = Synthetic(TOKENS)
    card = made("credit_card", "4111 1111 1111 1111")
    assert card != "4111 1111 1111 1111"
    assert [len(part) for part in card.split()] == [4, 4, 4, 4]
    assert luhn(card.replace(" ", ""))
    assert made("credit_card", "4111-1111-1111-1111").replace("-", "") == card.replace(" ", "")
    assert iban(made("iban", "DE89370400440532013000"))
    assert made("person", "Ada  Lovelace") == made("person", "ada lovelace") != made("person", "Alan Turing")
    assert Synthetic(Tokens(b"another key of quite some bytes."))("person", "Ada Lovelace") != made(
        "person", "Ada Lovelace"
    )
    assert made("api_key", "sk_live_1234567890abcdef") == "[API_KEY]"


def test_json_keeps_every_byte_that_is_not_replaced() -> None:
    text = '{ "a" : [1,2.50, "x\\u00e9\\/"],\n\t"ssn":536904399, "ok":null, "mail \\"of\\"":"b@c.example" }'
    seen: list[Leaf] = []

    def change(leaf: Leaf) -> str | None:
        seen.append(leaf)
        return {"536904399": "[US_SSN]", "b@c.example": 'a "quoted" \n one'}.get(leaf.value)

    out = rewrite(text, change)
    assert out == text.replace("536904399", '"[US_SSN]"').replace('"b@c.example"', '"a \\"quoted\\" \\n one"')
    assert {leaf.path for leaf in seen if not leaf.is_name} == {"a[]", "ssn", 'mail "of"'}
    assert json.loads(out)["ssn"] == "[US_SSN]"


@pytest.mark.parametrize("text", ['{"a":', "", "[1,]", '{"a":1} x', "[" * 100_000])
def test_what_is_no_json_is_said_to_be_none(text: str) -> None:
    with pytest.raises(NotJson):
        rewrite(text, lambda _: None)


def test_entropy_of_nothing_is_nothing() -> None:
    from strongroom.privacy.checks import entropy  # noqa: PLC0415 - one test's

    assert entropy("") == 0
    assert math.isclose(entropy("ab"), 1)
