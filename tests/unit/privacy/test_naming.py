"""Tier 2: windows over a text, what classified tokens come to, and that it only ever adds."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.privacy import Engine, Span, Tier, every_kind
from strongroom.privacy.naming import LABELS, Known, Listener, Read, spans_of, windows


def read(text: str, *said: tuple[str, str, float]) -> list[Span]:
    """Return the spans for words of a text, each with what the model says of it and how surely."""
    tokens: list[Read] = []
    at = 0
    for word, label, score in said:
        start = text.index(word, at)
        at = start + len(word)
        output = 2 * LABELS.index(label) + 1 if label else 0
        tokens.append(Read(start, at, output, score))
    return spans_of(text, tokens)


def masked(text: str, spans: list[Span]) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in spans]


@given(st.integers(0, 2000), st.integers(8, 200), st.integers(0, 3))
def test_windows_count_each_token_once_and_see_what_stands_around_it(count: int, size: int, part: int) -> None:
    overlap = size // 4 * part // 3 * 2
    seen: list[int] = []
    for start, end, first, last in windows(count, size=size, overlap=overlap):
        assert 0 <= start <= first <= last <= end <= count
        assert end - start <= size
        assert first == 0 or first - start >= overlap // 2, "a token counts where it stands away from the edge"
        seen += range(first, last)
    assert seen == list(range(count))


def test_parts_of_a_name_and_of_a_street_become_one() -> None:
    text = "Ana María O\u2019Neil, 12 Calle Mayor, Toledo"
    spans = read(
        text,
        ("Ana", "GIVEN_NAME", 0.9), ("María", "GIVEN_NAME", 0.8), ("O", "SURNAME", 0.9), ("Neil", "SURNAME", 0.7),
        ("12", "BUILDING_NUMBER", 0.9), ("Calle", "STREET_NAME", 0.9), ("Mayor", "STREET_NAME", 0.9), ("Toledo", "CITY", 0.9),
    )  # fmt: skip
    assert masked(text, spans) == [
        ("person", "Ana María O\u2019Neil"),
        ("street_address", "12 Calle Mayor"),
        ("location", "Toledo"),
    ]


def test_a_piece_of_a_word_takes_the_whole_word_along() -> None:
    text = "Then Wojciechowski came"
    assert masked(text, read(text, ("Wojcie", "SURNAME", 0.9))) == [("person", "Wojciechowski")]


@pytest.mark.parametrize(
    ("text", "word", "label", "score"),
    [
        ("the port is open", "port", "CITY", 0.7),  # written small, and not sure
        ("city: here", "city", "CITY", 0.99),  # the name of a field
        ("IBAN | GB", "IBAN", "SURNAME", 0.99),
        ("listens on 50122 now", "50122", "ZIP_CODE", 0.99),  # no place beside it
        ("item 17 of it", "17", "BUILDING_NUMBER", 0.99),  # no street
        ("Anna or not", "Anna", "GIVEN_NAME", 0.4),
        ("of this", "of", "", 0.99),
    ],
)
def test_what_is_no_name_stays(text: str, word: str, label: str, score: float) -> None:
    assert read(text, (word, label, score)) == []


def test_a_name_that_is_written_small_is_one_when_the_model_is_sure_of_it() -> None:
    text = "tell sarah i said hi"
    assert masked(text, read(text, ("sarah", "GIVEN_NAME", 0.95))) == [("person", "sarah")]


def test_a_name_in_a_script_without_capitals_needs_none() -> None:
    text = "請聯絡 山田太郎 先生"
    assert masked(text, read(text, ("山田太郎", "SURNAME", 0.6))) == [("person", "山田太郎")]


def test_a_postal_code_is_one_beside_its_place() -> None:
    text = "Toledo 45001 is"
    spans = read(text, ("Toledo", "CITY", 0.9), ("45001", "ZIP_CODE", 0.9))
    assert masked(text, spans) == [("location", "Toledo"), ("postal_code", "45001")]


@dataclass
class Says:
    """A detector that says what it is told to."""

    spans: list[Span] = field(default_factory=list[Span])

    def find(self, text: str) -> list[Span]:
        return [span for span in self.spans if span.end <= len(text)]


TEXTS = st.text(alphabet="aB1 4@.-é山", max_size=60).map(
    lambda end: "Mail jane.roe@example.com, 4111 1111 1111 1111. " + end
)


@settings(max_examples=40)
@given(TEXTS, st.data())
def test_it_adds_and_never_takes_away_or_renames(text: str, data: st.DataObject) -> None:
    places = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
    kinds = st.sampled_from(["person", "location", "street_address", "postal_code"])
    ends = [sorted(data.draw(places)) for _ in range(3)]
    more = [Span(start, end, data.draw(kinds), 1.0, "a model of names", Tier.MODEL) for start, end in ends]
    engine = Engine(every_kind())
    before, after = engine.find(text), engine.plus(Says(more)).find(text)
    for span in before:
        over = [each for each in after if each.start <= span.start and span.end <= each.end]
        assert len(over) == 1
        if span.tier is Tier.PATTERN and all(each.tier is not Tier.PATTERN or each == span for each in before if each.start < over[0].end and over[0].start < each.end):  # fmt: skip
            assert over[0].kind == span.kind
    for span in more:
        if span.end > span.start:
            assert any(each.start <= span.start and span.end <= each.end for each in after)


def test_types_that_nobody_looks_for_are_not_added() -> None:
    place = Span(0, 6, "location", 1.0, "a model of names", Tier.MODEL)
    assert Engine({"email"}).plus(Says([place])).find("Toledo") == []
    assert Engine({"location"}, lexicon=False).plus(Says([place])).find("Toledo") == [place]


def test_a_listener_takes_down_what_is_looked_at_and_what_was_read_is_known_of_it_alone() -> None:
    listener = Listener()
    assert not listener.quiet("one")
    assert listener.find("one") == listener.find("one") == listener.find("") == []
    assert list(listener.texts) == ["one"]
    span = Span(0, 3, "person", 0.9, "a model of names", Tier.MODEL)
    assert Known({"one": [span]}).find("one") == [span]
    assert Known({"one": [span]}).find("another") == []
