"""Laws of detection: spans lie in the text, and neither disguise nor surroundings make a value leave."""

# ruff: noqa: RUF001 - characters that look like others are what this is about

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.privacy import Engine, every_kind, resolve
from strongroom.privacy.actions import mask, replace
from strongroom.privacy.folding import fold
from strongroom.privacy.jsontext import rewrite
from strongroom.privacy.model import Span, Tier

ENGINE = Engine(every_kind())
PLAIN = Engine(lexicon=False)
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u202a\u202e\u2066"

texts = st.text(max_size=300) | st.text(alphabet="0123456789 -.@/:+()abAB\n\u200b４", max_size=200)


@settings(deadline=None)
@given(texts)
def test_spans_are_in_order_within_the_text_and_apart(text: str) -> None:
    end = 0
    for span in ENGINE.find(text):
        assert end <= span.start < span.end <= len(text)
        end = span.end


@settings(deadline=None)
@given(texts)
def test_folding_maps_each_byte_to_its_character(text: str) -> None:
    folded = fold(text)
    assert len(folded.data) <= len(text)
    for index, byte in enumerate(folded.data):
        start, end = folded.original(index, index + 1)
        assert end == start + 1
        if byte == ord("@"):
            assert text[start] in "@＠﹫"


@settings(deadline=None)
@given(st.data())
def test_no_invisible_character_hides_a_number(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(["4111111111111111", "5555 5555 5555 4444", "DE89370400440532013000"]))
    written = "".join(c + data.draw(st.text(INVISIBLE, max_size=2)) for c in number[:-1]) + number[-1]
    text = f"pay {written} now"
    masked = replace(text, PLAIN.find(text), mask)
    assert masked in {"pay [CREDIT_CARD] now", "pay [IBAN] now"}


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 12), st.floats(0, 1)), max_size=8))
def test_overlapping_spans_cover_together_what_each_covered(drawn: list[tuple[int, int, float]]) -> None:
    spans = [Span(start, start + size, "email", sure, "") for start, size, sure in drawn]
    out = resolve(spans)
    assert {at for s in spans for at in range(s.start, s.end)} == {at for s in out for at in range(s.start, s.end)}
    assert all(one.end <= other.start for one, other in pairwise(out))


STRICT = {"url": 0, "email": 1, "api_key": 2, "custom.all": 1}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.integers(1, 12),
            st.floats(0, 1),
            st.sampled_from(sorted(STRICT)),
            st.sampled_from(Tier),
        ),
        max_size=8,
    )
)
def test_no_character_becomes_less_than_the_strictest_that_covers_it(
    drawn: list[tuple[int, int, float, str, Tier]],
) -> None:
    spans = [Span(start, start + size, kind, sure, "", tier) for start, size, sure, kind, tier in drawn]
    for each in resolve(spans, STRICT.__getitem__):
        covered = [span for span in spans if span.start < each.end and each.start < span.end]
        assert STRICT[each.kind] == max(STRICT[span.kind] for span in covered)
        assert (each.tier is Tier.PATTERN) == any(span.tier is Tier.PATTERN for span in covered)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.just("jane@example.com")
    | st.floats(allow_nan=False)
)
documents = st.recursive(
    leaves, lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each, max_size=4)
)


def masked(value: Any) -> Any:
    match value:
        case str():
            return replace(value, PLAIN.find(value), mask)
        case list():
            return [masked(each) for each in value]
        case dict():
            return {key: masked(each) for key, each in value.items()}
        case _:
            return value


@settings(deadline=None)
@given(documents, st.booleans(), st.sampled_from([None, 2]))
def test_redacted_json_is_the_json_of_the_redacted(document: Any, plain: bool, indent: int | None) -> None:
    text = json.dumps(document, ensure_ascii=plain, indent=indent)
    out = rewrite(text, lambda leaf: None if leaf.is_name or leaf.value[:1] in "-0123456789" else masked(leaf.value))
    assert "jane@example.com" not in out
    assert json.loads(out) == masked(document) or any(c.isdigit() for c in text)
