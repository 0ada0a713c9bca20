"""Laws of a stream that a model reads along: the chunks change nothing, and of nothing that it told of a character leaves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.privacy.test_stream_law import ENGINE, GONE, VALUES, WORDS, blank

from strongroom.privacy import Span, Tier
from strongroom.privacy.stream import LONGEST, STEP, Held
from strongroom.privacy.windows import AHEAD, BEHIND, LEAST, MOST, Placed, Window, Windows

LONG = "qorvex thul " * 9 + "mare"
NAMES = ("Quorvex Thalassian", "Thalassian", "quorvex", "Zyx", LONG)
PROSE = (
    *WORDS,
    "It ended.",
    "So it was! ",
    "Why?",
    "and so on and on, with one thing after the other that says nothing at all",
)
pieces = st.lists(st.sampled_from((*PROSE, *PROSE, *NAMES, *VALUES)), max_size=160)
texts = st.builds(lambda parts, between: between.join(parts), pieces, st.sampled_from([" ", " ", ", ", "\n", ""]))


def read(text: str) -> list[Span]:
    """Tell of names as a model does: by what stands around them, so that another window may tell otherwise."""
    found: list[Span] = []
    for name in NAMES:
        at = text.find(name)
        while at >= 0:
            if sum(map(ord, text[max(0, at - 24) : at + len(name) + 24])) % 3:
                found.append(Span(at, at + len(name), "person", 0.9, "read", Tier.MODEL))
            at = text.find(name, at + 1)
    return found


class Stream:
    """What the gateway does with a text, without the gateway."""

    def __init__(self) -> None:
        self.windows, self.told = Windows(), list[Span]()
        self.placed = Placed(lambda: self.held.taken)
        self.held = Held(ENGINE.plus(self.placed).find, blank)
        self.out = ""

    def take(self, windows: list[Window]) -> None:
        for window in windows:
            spans = window.placed(read(window.text), self.held.gone)
            self.told += spans
            self.placed.add(spans)
            self.out += self.held.feed(window.block)

    def feed(self, piece: str) -> None:
        self.windows.feed(piece)
        self.take(self.windows.ready())

    def finish(self) -> str:
        self.take(self.windows.rest())
        self.out += self.held.finish()
        return self.out


def streamed(text: str, sizes: list[int]) -> Stream:
    stream, at = Stream(), 0
    for size in sizes:
        stream.feed(text[at : at + size])
        at += size
    stream.feed(text[at:])
    stream.finish()
    return stream


@given(texts, st.lists(st.integers(1, 40), max_size=200))
@settings(max_examples=120, deadline=None)
def test_what_leaves_does_not_depend_on_the_chunks(text: str, sizes: list[int]) -> None:
    one, other = streamed(text, sizes), streamed(text, [])
    assert one.out == other.out
    assert one.told == other.told


@given(texts, st.lists(st.integers(1, 40), max_size=200))
@settings(max_examples=120, deadline=None)
def test_no_character_of_what_the_model_told_or_the_patterns_find_leaves(text: str, sizes: list[int]) -> None:
    stream = streamed(text, sizes)
    assert len(stream.out) == len(text)
    for span in (*stream.told, *ENGINE.find(text)):
        assert set(stream.out[span.start : span.end]) <= {GONE}, (span, text[span.start : span.end])


@given(texts, st.lists(st.integers(1, 40), max_size=200))
@settings(max_examples=120, deadline=None)
def test_each_character_is_of_one_block_that_was_read_with_what_stands_around_it(text: str, sizes: list[int]) -> None:
    windows, found, at = Windows(), list[Window](), 0
    for size in [*sizes, len(text)]:
        windows.feed(text[at : at + size])
        at += size
        found += windows.ready()
    found += windows.rest()
    assert "".join(each.block for each in found) == text
    assert [each.start for each in found] == [0, *(each.end for each in found)][: len(found)]
    for each in found:
        assert text[each.at :].startswith(each.text)
        assert each.start - each.at == min(each.start, BEHIND)
    for each in found[:-1]:
        assert LEAST <= each.end - each.start <= MOST
        assert len(each.text) == each.end - each.at + AHEAD or each.end == len(text)


@pytest.mark.parametrize(("name", "before"), [("Quorvex Thalassian", 503), (LONG, 405)], ids=["short", "long"])
def test_a_name_that_a_block_ends_in_is_masked_as_far_as_it_is_held_where_only_the_next_window_tells_of_it(
    name: str, before: int
) -> None:
    text = f"{('word ' * 120)[: before - 1]} {name} {'word ' * 120}"
    stream = Stream()
    stream.windows.feed(text)
    first, *others = stream.windows.rest()
    assert before < first.end < before + len(name), "or it crosses nothing"
    stream.out += stream.held.feed(first.block)
    gone = stream.held.gone
    assert (gone > before) is (name == LONG), "the long one has begun to leave"
    for window in others:
        at = window.text.find(name)
        told = [] if at < 0 else [Span(at, at + len(name), "person", 0.9, "read", Tier.MODEL)]
        placed = window.placed(told, stream.held.gone)
        assert all(span.start >= gone for span in placed)
        stream.placed.add(placed)
        stream.out += stream.held.feed(window.block)
    stream.out += stream.held.finish()
    begins = max(gone, before)
    assert stream.out == text[:begins] + GONE * (before + len(name) - begins) + text[before + len(name) :]


def test_prose_is_held_no_longer_than_a_block_and_what_must_stand_behind_it() -> None:
    sentence = "This is what there is to say, and it is of nobody. "
    for text in (sentence * 60, "word " * 600, "unbroken" * 400):
        stream, longest, first = Stream(), 0, 0
        for at, character in enumerate(text, 1):
            stream.feed(character)
            longest = max(longest, at - len(stream.out))
            first = first or (at if stream.out else 0)
        stream.finish()
        assert longest <= MOST + AHEAD + 64 + 2 * STEP + (LONGEST if " " not in text else 0)
        if text.startswith("This"):
            assert first <= LEAST + len(sentence) + AHEAD
