"""Tier 1: people by a lexicon of names and by the words around them, places and peoples by lists. No model, no network.

The lexicon (`given.txt`, `surnames.txt`) is made by `tools/name_lexicon.py` from the United States' census (public domain) and
from Faker's lists for some seventy places (MIT); a `*` marks names that are English words too (SCOWL). Latin letters only.
"""

# ruff: noqa: PLR2004 - lengths and counts are what the rule is

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Final, NamedTuple

from strongroom.privacy.folding import Folded
from strongroom.privacy.lexicon import words
from strongroom.privacy.matching import Pattern, Prefilter
from strongroom.privacy.model import Span, Tier

_WORD: Final = r"[A-Z\x01](?:[A-Za-z\x01]|['-][A-Za-z\x01])*"
_RUN: Final = Pattern(rf"{_WORD}(?:\.?[ ]{{1,2}}(?:(?:{words.PARTICLES})[ ]){{0,2}}(?:[A-Z]\.[ ]?)?{_WORD}){{0,5}}")
_PART: Final = Pattern(_WORD)
_CUE: Final = Pattern(rf"{words.STRONG_CUES}[\s:,=\"'>*-]{{1,4}}$", ignore_case=True)
_HERE: Final = 40  # characters before a name in which a cue is looked for
_MOST: Final = 4  # words of a name

_KNOWN, _MAYBE, _NONE = 2, 1, 0


class Token(NamedTuple):
    """A capitalised word, and what the lexicon knows of it."""

    start: int
    end: int
    key: str
    given: int
    surname: int
    ordinary: bool
    title: bool


@lru_cache(maxsize=1)
def _names() -> tuple[dict[str, int], dict[str, int]]:
    folder = files("strongroom.privacy.lexicon")
    return _read(folder.joinpath("given.txt").read_text("ascii")), _read(
        folder.joinpath("surnames.txt").read_text("ascii")
    )


def _read(text: str) -> dict[str, int]:
    elsewhere = {part.lower() for part in (*words.COUNTRIES, *words.REGIONS, *words.TOWNS, *words.PEOPLES)}
    found: dict[str, int] = {}
    for line in text.split():
        name = line.rstrip("*")
        if name not in words.ORDINARY:
            found[name] = _MAYBE if line.endswith("*") or name in elsewhere else _KNOWN
    return found


class Lexicon:
    """Finds names, places and peoples, as far as they are among `kinds`."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._people = "person" in kinds
        self._title = "title" in kinds
        lists = [
            (kind, names)
            for kind, names in (
                ("location", (*words.COUNTRIES, *words.REGIONS, *words.TOWNS)),
                ("nationality", words.PEOPLES),
            )
            if kind in kinds
        ]
        self._lists = tuple((kind, _any_of(names), Prefilter([rf"\b(?:{'|'.join(names)})"])) for kind, names in lists)
        self.finds_anything = self._people or self._title or bool(lists)

    def spans(self, folded: Folded) -> Iterator[Span]:
        """Yield what is found, as indexes into the original text; spans may overlap."""
        data = folded.data
        if self._people or self._title:
            for match in _RUN.each(data):
                for start, end, kind, confidence, reason in self._run(data, *match[0]):
                    yield Span(*folded.original(start, end), kind, confidence, reason, Tier.LEXICON)
        for kind, pattern, prefilter in self._lists:
            if prefilter.hits(data):
                for match in pattern.each(data):
                    yield Span(*folded.original(*match[0]), kind, 0.6, "a list of names", Tier.LEXICON)

    def _run(self, data: bytes, start: int, end: int) -> Iterable[tuple[int, int, str, float, str]]:
        tokens = [_token(data, start + spans[0][0], start + spans[0][1]) for spans in _PART.each(data[start:end])]
        if self._title:
            yield from (
                (t.start, t.end + (data[t.end : t.end + 1] == b"."), "title", 0.6, "a form of address")
                for t in tokens
                if t.title
            )
        if not self._people:
            return
        index = 0
        while index < len(tokens):
            taken, confidence, reason = _person(data, tokens, index)
            if taken:
                yield tokens[index].start, tokens[index + taken - 1].end, "person", confidence, reason
            index += max(taken, 1)


def _token(data: bytes, start: int, end: int) -> Token:
    given, surnames = _names()
    if data[end - 2 : end] == b"'s":
        end -= 2
    written = data[start:end].decode("latin-1")
    key = written.lower()
    parts = key.split("-")
    return Token(
        start,
        end,
        key,
        given.get(key, given.get(parts[0], _NONE) if len(parts) > 1 else _NONE),
        surnames.get(key, max(surnames.get(part, _NONE) for part in parts) if len(parts) > 1 else _NONE),
        key in words.ORDINARY,
        key in words.TITLES,
    )


def _person(data: bytes, tokens: list[Token], index: int) -> tuple[int, float, str]:
    """Return how many tokens from `index` on are a name, how sure that is, and why."""
    first = tokens[index]
    if first.ordinary or first.title:
        return 0, 0.0, ""
    run = _name_like(data, tokens, index)
    if _in_code(data, first.start, tokens[index + run - 1].end):
        return 0, 0.0, ""
    if index and tokens[index - 1].title:
        return run, 0.85, "a form of address before it"
    size, confidence, reason = _known(data, first, tokens[index + 1] if run > 1 else None, run)
    if confidence < _CUED and _CUE.search(data[max(0, first.start - _HERE) : first.start]) and _fits(first):
        return run, _CUED, "a cue before it"
    return size, confidence, reason


def _known(data: bytes, first: Token, second: Token | None, run: int) -> tuple[int, float, str]:  # noqa: PLR0911 - one answer a case
    """Return the same by what the lexicon knows of the first two tokens."""
    if second is not None:
        initial = len(first.key) == 1 and data[first.end : first.end + 1] == b"."
        middle = len(second.key) == 1
        if first.given == _KNOWN:
            return run, 0.85, "a given name and another"
        if first.given and _KNOWN in {second.surname, second.given}:
            return run, 0.75, "a given name and a surname"
        if (initial or first.surname == _KNOWN) and _KNOWN in {second.surname, second.given}:
            return run, 0.65, "two names"
        if first.given and second.surname and not data[first.start : second.end].isupper():
            return run, 0.55, "a given name and a surname, both words too"
        if middle and run > 2 and not first.key.isupper():
            return run, 0.55, "an initial between two names"
    if first.end - first.start <= _SHORT and data[first.start : first.end].isupper():
        return 0, 0.0, ""  # MAC, IBAN: an abbreviation as likely as a name
    if first.given == _KNOWN:
        return 1, 0.6, "a given name"
    if first.surname == _KNOWN and data[first.start - 2 : first.start].strip()[-1:].islower():
        return 1, 0.4, "a surname"
    return 0, 0.0, ""


_CUED: Final = 0.7
_SHORT: Final = 4


def _fits(token: Token) -> bool:
    """Say whether a word may be a name where a cue says that one comes."""
    return bool(token.given or token.surname) or _unknown(token)


def _in_code(data: bytes, start: int, end: int) -> bool:
    """Say whether what stands around is an expression: `obj.Name`, `Name(`, `SOME_NAME`."""
    before, behind = data[start - 1 : start], data[end : end + 2]
    return before in _CODE_BEFORE or behind[:1] in _CODE_BEHIND or (behind[:1] in b".:" and behind[1:].isalnum())


_CODE_BEFORE: Final = frozenset({b"_", b"$", b".", b"/", b"\\", b"#", b"=", b"@"})
_CODE_BEHIND: Final = frozenset({b"_", b"(", b"[", b"=", b"/", b"\\", b"{"})


def _unknown(token: Token) -> bool:
    return len(token.key) > 2 and not token.ordinary and not token.key.isupper()


def _name_like(data: bytes, tokens: list[Token], index: int) -> int:
    """Return how many tokens from `index` on could belong to one name."""
    taken = 1
    while index + taken < len(tokens) and taken < _MOST:
        token, last = tokens[index + taken], tokens[index + taken - 1]
        between = data[last.end : token.start]
        if (
            token.ordinary
            or token.title
            or between[:2] == b"'s"
            or (b"." in between and len(last.key) > 1 and between.strip() == b".")
        ):
            break
        taken += 1
    return taken


def _any_of(names: Iterable[str]) -> Pattern:
    return Pattern(rf"\b(?:{'|'.join(sorted(names, key=len, reverse=True))})\b")
