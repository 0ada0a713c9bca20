"""Laws of streams: what leaves does not depend on the chunks, and no fragment of what is found in the whole text leaves."""

# ruff: noqa: RUF001 - characters that look like others are what this is about

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strongroom.privacy import DEFAULT_KINDS, Engine
from strongroom.privacy.actions import mask
from strongroom.privacy.stream import HOLD, LONGEST, STEP, Held

ENGINE = Engine(DEFAULT_KINDS)
GONE = "\ue000"

JWT = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
KEY = (
    "-----BEGIN PRIVATE KEY-----\n"
    + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 8
    + "-----END PRIVATE KEY-----"
)
VALUES = (
    "4111 1111 1111 1111", "4111-1111-1111-1111", "jane.roe@example.com", "DE89 3704 0044 0532 0130 00", "+44 20 7946 0958", "(415) 555-2671",
    "My SSN is 536-90-4399", "Katarzyna Nowak", "Dr. Okonkwo", "221B Baker Street", "203.0.113.77", JWT, KEY, "AKIAIOSFODNN7ABCDEFG",
    "ghp_" + "a1B2c3D4e5F6" * 3, "postgres://app:s3cr3tpw@db.internal/shop", "4111\u200b1111\u200b1111\u200b1111", "４１１１　１１１１　１１１１　１１１１",
    "amFuZS5yb2VAZXhhbXBsZS5jb20gd3JvdGU=", "password: hunter22", '{"to":"jane\\u0040example.com"}', "\\u0041KIAIOSFODNN7ABCDEFG", "date of birth: 12/03/1980", "jane [at] example [dot] org",
)  # fmt: skip
WORDS = (
    "the", "cat", "sat", "on", "it", "and", "said", "nothing", "please", "call", "me", "at", "my", "number", "is", "Paris", "Hello", "I", "OK", "42", "2026",
    "x = f(y)", "{'a': 1}", "http://a.example/b?c=d", "—", "数据", "e.g.", "\n", "\n\n", "- item", "**bold**", "10%", "3.14", "A-1", "to:", "card",
)  # fmt: skip

pieces = st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from(WORDS), st.sampled_from(VALUES)), max_size=40)
texts = st.builds(lambda parts, between: between.join(parts), pieces, st.sampled_from([" ", " ", ", ", "\n"]))


def blank(kind: str, value: str) -> str:
    del kind
    return GONE * len(value)


def streamed(text: str, sizes: list[int]) -> str:
    held = Held(ENGINE.find, blank)
    out, at = [], 0
    for size in sizes:
        out.append(held.feed(text[at : at + size]))
        at += size
    out.append(held.feed(text[at:]))
    return "".join(out) + held.finish()


@given(texts, st.lists(st.integers(1, 9), max_size=200))
@settings(max_examples=150, deadline=None)
def test_what_leaves_does_not_depend_on_the_chunks(text: str, sizes: list[int]) -> None:
    assert streamed(text, sizes) == streamed(text, [])


ESCAPED = " ".join(["4111 1111 1111 1111", *["\\u0041KIAIOSFODNN7ABCDEFG"] * 3, "Dr. Okonkwo"])
"""Found whole as one long value, blanks and all, for its escapes are many; piece by piece as the values that it is of."""


@given(texts)
@example(ESCAPED)
@settings(max_examples=150, deadline=None)
def test_no_character_of_what_the_whole_text_holds_leaves(text: str) -> None:
    """Blanks between two values may (docs/limits.md, JSON's escapes): none of either is in them."""
    out = streamed(text, [])
    assert len(out) == len(text)
    for span in ENGINE.find(text):
        left = out[span.start : span.end].replace(GONE, "")
        assert not left.strip(), (span, text[span.start : span.end])
        assert not left or "\\u" in text[span.start : span.end], (span, text[span.start : span.end])


@given(st.text(max_size=400), st.lists(st.integers(1, 5), max_size=100))
@settings(max_examples=100, deadline=None)
def test_any_text_at_all_leaves_the_same_in_any_chunks_and_loses_nothing(text: str, sizes: list[int]) -> None:
    out = streamed(text, sizes)
    assert out == streamed(text, [])
    assert [a for a, b in zip(out, text, strict=True) if a not in (GONE, b)] == []


def test_plain_text_is_held_no_longer_than_it_must_be() -> None:
    held, text = Held(ENGINE.find, mask), "all is well and nothing in here is of anybody's business at all " * 20
    gone = 0
    for at, character in enumerate(text, 1):
        gone += len(held.feed(character))
        assert at - gone <= HOLD + STEP + 20


def test_a_stall_lets_words_go_and_no_part_of_a_number() -> None:
    for said in (
        "Hello, so ",
        "so much is known, but ",
        "this is what there is to say of them so far and no more than that: ",
    ):
        held = Held(ENGINE.find, mask)
        out = held.feed(said) + held.hasten()
        assert out == said
        out += held.feed("4111 1111 1111") + held.hasten()
        assert out == said
        assert out + held.feed(" 1111 and so on") + held.finish() == said + "[CREDIT_CARD] and so on"


def test_a_stall_in_the_middle_of_a_value_lets_nothing_of_it_go() -> None:
    for value in ("jane.roe@example.com", "AKIAIOSFODNN7ABCDEFG", "+44 20 7946 0958", "DE89 3704 0044 0532 0130 00"):
        for at in range(5, len(value)):
            held = Held(ENGINE.find, mask)
            out = held.feed("mail to " + value[:at]) + held.hasten()
            assert out in {"mail to ", "mail to"}


def test_a_secret_that_is_too_long_to_be_held_is_masked_to_its_end() -> None:
    chance = random.Random(7)  # noqa: S311 - a sample
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
    payload = "".join(chance.choice(alphabet) for _ in range(3 * LONGEST))
    token = f"eyJhbGciOiJIUzI1NiJ9.{payload}.abc"
    key = KEY.replace("\n-----END", "\n" + (payload[:64] + "\n") * 60 + "-----END")
    for secret in (token, key):
        held = Held(ENGINE.find, mask)
        text = f"here it is: {secret} and that was it, all of it."
        out = "".join(held.feed(text[at : at + 5]) for at in range(0, len(text), 5)) + held.finish()
        assert out in {
            "here it is: [JWT] and that was it, all of it.",
            "here it is: [PRIVATE_KEY] and that was it, all of it.",
        }


def test_a_long_run_that_is_no_secret_goes_on_whole() -> None:
    text = "data " + "abc123/" * 2000 + " end"
    held = Held(ENGINE.find, mask)
    assert held.feed(text) + held.finish() == text


RUNS = (
    "abcdefg/",
    "abcdefg-",
    "abcdefg.",
    '{"id":1234,"name":"abcdef"},',
    "12,ab,cd\n",
    "var=b(c);",
    "&ab=cdefg",
    "xyz|",
    "\\u4e2d\\u6587/",
)
SECRETS = (
    "ghp_aB3dE5fG7hI9kL1mN3oP5qR7sT9uV1wX3yZ5",
    "AKIAIOSFODNN7ABCDEFG",
    "jane.roe@example.com",
    "jane\\u0040example.com",
    "203.0.113.77",
)


@given(
    st.sampled_from(RUNS),
    st.integers(LONGEST - 8 * HOLD, LONGEST + 2 * HOLD),
    st.sampled_from(SECRETS),
    st.sampled_from(RUNS),
    st.lists(st.integers(1, 99), max_size=40),
)
@settings(max_examples=80, deadline=None)
def test_a_secret_behind_a_long_unbroken_run_leaves_no_character_wherever_it_stands(
    unit: str, before: int, secret: str, after: str, sizes: list[int]
) -> None:
    text = (unit * (before // len(unit) + 1))[:before] + unit[-1] + secret + after * 30 + " and that was it."
    out = streamed(text, sizes)
    assert out == streamed(text, [])
    for span in ENGINE.find(text):
        if span.kind in {"api_key", "cloud_key"}:
            assert set(out[span.start : span.end]) == {GONE}, (span, text[span.start : span.end])


@pytest.mark.parametrize("before", [LONGEST - 9, LONGEST - 6 * HOLD - 9, LONGEST - 2 * HOLD - 9])
def test_a_secret_across_the_place_where_a_long_run_is_cut_is_masked_whole(before: int) -> None:
    text = ("abcdefg-" * 400)[: before // 8 * 8] + SECRETS[0] + " word" * 50
    held = Held(ENGINE.find, mask)
    out = "".join(held.feed(text[at : at + 5]) for at in range(0, len(text), 5)) + held.finish()
    assert out == text.replace(SECRETS[0], "[API_KEY]")
