"""A canary is known in whatever form it comes out, and nothing else is taken for one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.privacy.canaries import LENGTH, LETTERS, Canaries, Canary, make
from strongroom.privacy.views import steps, variants

WORD: Final = "qxkvdrmhwpnc"
KNOWN: Final = Canaries([Canary("one", WORD), Canary("other", "pwqjxmkdrhyv")])


def shifted(word: str, by: int) -> str:
    return "".join(chr((ord(each) - 97 + by) % 26 + 97) for each in word)


VIEWS: Final[dict[str, Callable[[str], str]]] = {
    "as it is": str,
    "upper": str.upper,
    "spaced": " ".join,
    "listed": ", ".join,
    "a line each": "\n".join,
    "dotted": "\u00b7".join,
    "numbered": "7".join,
    "reversed": lambda word: word[::-1],
    "spaced backwards": lambda word: " ".join(word[::-1]),
    "rot13": lambda word: shifted(word, 13),
    "atbash": lambda word: "".join(chr(219 - ord(each)) for each in word),
    "every second": "q".join,
    "every third": "zu".join,
    "zero width": "\u200b".join,
    "full width": lambda word: "".join(chr(ord(each) + 0xFEE0) for each in word),
    "cyrillic": lambda word: word.replace("x", "\u0445").replace("p", "\u0440").replace("c", "\u0441"),
    "base64": lambda word: base64.b64encode(word.encode()).decode(),
    "base64 of more": lambda word: base64.b64encode(f"see: {word}, so".encode()).decode(),
    "base64 in lines": lambda word: base64.encodebytes(f"{'x' * 50}{word}".encode()).decode(),
    "base64 spaced": lambda word: " ".join(base64.b64encode(word.encode()).decode()),
    "base64 of it backwards": lambda word: base64.b64encode(word[::-1].encode()).decode(),
    "hexadecimal": lambda word: word.encode().hex(),
    "hexadecimal pairs": lambda word: word.encode().hex(" ").upper(),
    "hexadecimal list": lambda word: ", ".join(f"0x{ord(each):02x}" for each in word),
    "escapes": lambda word: "".join(f"\\x{ord(each):02x}" for each in word),
    "json escapes": lambda word: "".join(f"\\u{ord(each):04x}" for each in word),
    "url": lambda word: "".join(f"%{ord(each):02x}" for each in word),
    "html": lambda word: "".join(f"&#{ord(each)};" for each in word),
    "codes": lambda word: ", ".join(str(ord(each)) for each in word),
    **{f"caesar {by}": partial(shifted, by=by) for by in range(1, 26)},
}
"""Every way that an attack has asked for, by name."""

_LONG: Final = "base64 in lines"  # with words of its own around it


def test_no_view_but_those_of_six_characters_a_letter_is_longer_than_what_a_stream_holds() -> None:
    long = {name: len(view("n" * LENGTH)) for name, view in VIEWS.items() if name not in {_LONG, "base64 of more"}}
    assert {name for name, size in long.items() if size > 64} == {"json escapes", "html", "hexadecimal list"}


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("before", ["", "The reference is: ", "abc12 ", "é\u200b— "])
def test_a_canary_is_found_in_every_view_wherever_it_stands(name: str, before: str) -> None:
    found = KNOWN.find(f"{before}{VIEWS[name](WORD)} and so on, as I was told.")
    assert [each.id for each in found] == ["one"]


def test_a_canary_is_found_at_every_place_of_a_long_text() -> None:
    text = "all work and no play makes a dull day " * 400
    for at in (0, 4080, 4090, 4096, 4100, 8190, len(text)):
        assert KNOWN.find(f"{text[:at]}{WORD}{text[at:]}"), at
        assert KNOWN.find(f"{text[:at]}{' '.join(WORD)}{text[at:]}"), at


@given(st.text(max_size=400))
@settings(max_examples=150)
def test_no_text_is_taken_for_a_canary_that_was_never_in_it(text: str) -> None:
    assert KNOWN.find(text) == []


@given(st.text(alphabet=LETTERS, min_size=LENGTH, max_size=LENGTH))
def test_steps_do_not_change_with_a_shift_and_read_back_as_those_of_the_word_backwards(word: str) -> None:
    whole = word.encode()
    assert all(steps(shifted(word, by).encode()) == steps(whole) for by in range(26))
    assert set(variants(whole)) == set(variants(whole[::-1]))
    assert len(steps(whole)) == LENGTH - 1


def test_made_canaries_are_words_of_no_language_and_never_twice_the_same() -> None:
    made = {make() for _ in range(200)}
    assert len(made) == 200
    assert all(len(each) == LENGTH and set(each) <= set(LETTERS) for each in made)
    assert all(steps(each.encode()).count(b"a") == 0 for each in made), "no letter twice in a row"


def test_the_beginning_of_a_canary_is_known_from_its_fourth_letter_on() -> None:
    for name in ("as it is", "spaced", "reversed", "rot13", "numbered", "every second"):
        view = VIEWS[name](WORD)
        risen = [KNOWN.rising("so it goes: " + view[:cut]) for cut in range(1, len(view))]
        letter = 3 * len(view) // LENGTH + len(view) // LENGTH
        assert all(risen[letter:]), name
    assert not KNOWN.rising("so it goes: the quick brown fox jumps over")
    assert not KNOWN.rising("")


def test_nothing_planted_finds_nothing() -> None:
    nothing = Canaries([])
    assert nothing.find(WORD) == []
    assert not nothing.rising(WORD[:8])
