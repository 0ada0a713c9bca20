"""Types of a tenant's own: a pattern with a validator, a dictionary, or a list of exact values, of which only hashes are kept.

A pattern is RE2's, so it cannot be written so that it hangs. Of dictionaries and lists nobody who reads the rules learns the
entries: an entry is an HMAC under the tenant's key, and a text's words are looked up by theirs.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from strongroom.privacy import checks
from strongroom.privacy.folding import Folded, fold
from strongroom.privacy.kinds import CUSTOM
from strongroom.privacy.matching import Pattern, Prefilter
from strongroom.privacy.model import Span

VALIDATORS: Final[Mapping[str, Callable[[str], bool]]] = {
    "none": bool,
    "luhn": lambda value: value.isdigit() and checks.luhn(value),
    "iban": checks.iban,
    "digits": str.isdigit,
    "has_digit": lambda value: any(c.isdigit() for c in value),
    "mixed": lambda value: any(c.isdigit() for c in value) and any(c.isalpha() for c in value),
}
_LONGEST_PATTERN: Final = 500
_WORD: Final = Pattern(r"[A-Za-z0-9\x01]+")
_MOST_WORDS: Final = 6
HASH_BYTES: Final = 16  # bytes: two entries of a list of a million meet by chance once in 10^26


class BadPattern(ValueError):  # noqa: N818 - said to a person
    """A pattern cannot be used; the message says why."""


@dataclass(frozen=True)
class CustomPattern:
    """A tenant's pattern.

    Attributes:
        name: the type is `custom.NAME`.
        pattern: in RE2's syntax; letter case does not count.
        validator: one of `VALIDATORS`, on the letters and digits of a match.
        confidence: how sure a match makes.
    """

    name: str
    pattern: str
    validator: str = "none"
    confidence: float = 0.9


class CustomDetector:
    """Finds the patterns of one tenant.

    Raises:
        BadPattern: one of them cannot be used.
    """

    def __init__(self, patterns: Iterable[CustomPattern]) -> None:
        self._patterns = tuple((each, _compile(each), VALIDATORS[each.validator]) for each in patterns)
        self._prefilter = Prefilter([each.pattern for each, _, _ in self._patterns])

    def find(self, text: str) -> list[Span]:
        """Return the spans of the tenant's own types."""
        folded = fold(text)
        found: list[Span] = []
        for index in self._prefilter.hits(folded.data):
            each, pattern, valid = self._patterns[index]
            for match in pattern.each(folded.data):
                start, end = match[0]
                if end > start and valid(checks.letters_and_digits(folded.data[start:end])):
                    where = folded.original(start, end)
                    found.append(Span(*where, CUSTOM + each.name, each.confidence, "a pattern of the tenant's own"))
        return found


def _compile(custom: CustomPattern) -> Pattern:
    if custom.validator not in VALIDATORS:
        raise BadPattern(f"{custom.name}: no validator {custom.validator!r}; there are {', '.join(VALIDATORS)}")
    if not custom.pattern or len(custom.pattern) > _LONGEST_PATTERN:
        raise BadPattern(f"{custom.name}: a pattern has 1 to {_LONGEST_PATTERN} characters")
    try:
        pattern = Pattern(custom.pattern, ignore_case=True)
    except ValueError as error:
        raise BadPattern(f"{custom.name}: {error}") from None
    if pattern.match(b"") is not None:
        raise BadPattern(f"{custom.name}: the pattern matches nothing at all, so it would match everywhere")
    return pattern


def entry(key: bytes, value: str) -> bytes:
    """Return what a dictionary or list keeps of a value: words in lower case, accents and separators aside, hashed."""
    return _hash(key, words_of(value))


def words_of(value: str) -> list[bytes]:
    """Return the words of a value as an entry knows them."""
    folded = fold(value)
    return [folded.data[s:e].lower() for ((s, e), *_) in _WORD.each(folded.data)]


def _hash(key: bytes, words: list[bytes]) -> bytes:
    return hmac.digest(key, b" ".join(words), "sha256")[:HASH_BYTES]


class HashedValues:
    """Finds the values of a list of which it knows hashes only: customers' numbers, code names, people.

    Args:
        name: the type is `custom.NAME`.
        key: under which the entries were hashed.
        entries: from `entry`.
        most_words: of how many words the longest value consists.
    """

    def __init__(self, name: str, key: bytes, entries: Iterable[bytes], most_words: int = 1) -> None:
        self.kind: Final = CUSTOM + name
        self._key = key
        self.entries = frozenset(entries)
        self._most = min(most_words, _MOST_WORDS)

    def find(self, text: str) -> list[Span]:
        """Return where a value of the list stands."""
        folded = fold(text)
        places = [match[0] for match in _WORD.each(folded.data)]
        words = [folded.data[start:end].lower() for start, end in places]
        return list(self._matches(folded, places, words))

    def _matches(self, folded: Folded, places: list[tuple[int, int]], words: list[bytes]) -> Iterable[Span]:
        for first in range(len(words)):
            for size in range(min(self._most, len(words) - first), 0, -1):
                if _hash(self._key, words[first : first + size]) in self.entries:
                    where = folded.original(places[first][0], places[first + size - 1][1])
                    yield Span(*where, self.kind, 0.95, "a value of the tenant's own list")
                    break
