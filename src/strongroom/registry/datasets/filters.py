"""What no row of a data set may hold: personal data, secrets, instructions to a model, letters that pass for others.

Always true here:
- a filter says which rule a row met, and quotes nothing of the row;
- the rules of each filter have a digest, which stands in the verdict: what was let through by other rules can be found again.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import strongroom.leaks
import strongroom.privacy
from strongroom.leaks import Detector
from strongroom.privacy import KINDS, Classification, Engine
from strongroom.privacy.actions import mask, replace
from strongroom.privacy.fields import find_in_field
from strongroom.privacy.folding import fold
from strongroom.privacy.matching import Pattern, Prefilter
from strongroom.registry.datasets.reading import Row, Value

PERSONAL, SECRETS, INJECTION, LETTERS = "personal-data", "secrets", "injection", "homoglyphs"
_SECRET: Final = frozenset(kind.name for kind in KINDS.values() if kind.classification is Classification.SECRET)

# Over the folded text: look-alikes, accents and invisible characters are gone, letter case does not count. What comes first on
# each line is what an instruction to a model must say to be one; single words ("ignore", "system") stand in honest text.
_ORDERS: Final = (
    r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:\w+\s+){0,3}(?:previous|prior|earlier|preceding|above|system)\s+(?:\w+\s+)?(?:instruction|prompt|rule|direction|guideline|message|context)s?\b",
    r"\b(?:ignore|disregard|forget)\s+(?:everything|all)\s+(?:\w+\s+){0,3}(?:above|before|you were told|said so far)\b",
    r"\b(?:reveal|print|repeat|output|show)\s+(?:\w+\s+){0,3}(?:system|hidden|initial|secret)\s+(?:prompt|instructions?|message)\b",
    r"\byou are now\s+(?:\w+\s+){0,3}(?:dan|unrestricted|jailbroken|uncensored|developer mode)\b",
    r"\b(?:enable|enter|activate)\s+(?:developer|god|dan|jailbreak)\s+mode\b",
    r"\bdo anything now\b",
    r"<\|(?:im_start|im_end|system|user|assistant|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)\|>",
    r"\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
    r"(?:^|\n)\s*#{2,3}\s*(?:system|instruction|assistant)\s*:",
    r"\b(?:new|updated|real)\s+(?:system\s+)?instructions?\s*:\s*\w",
    r"!\[[^\]\n]*\]\(https?://[^)\s]+[?&][^)\s]*=(?:\{|\$|%7b|<)",
)
_LEAST_NUMBER: Final = 1_000_000  # shorter ones tell nobody from another
_LONG: Final = 12  # digits of a card
_DECIMAL: Final = re.compile(r"[+-]?(0|[1-9][0-9]{0,40})\.([0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")
_WORD: Final = re.compile(r"[^\W\d_]+")
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_JOINERS: Final = re.compile("[\u200b\u2060\ufeff\u00ad]")


class Met(NamedTuple):
    """A filter that a row met, and what it found, by the rule's name alone."""

    filter: str
    says: str


class Filters:
    """The filters, ready to look at rows."""

    def __init__(self) -> None:
        self._engine, self._detector, self._orders, self._hits = _finders()

    def met(self, row: Row) -> Iterator[Met]:
        """Yield what a row holds and may not."""
        kinds = {span.kind for name, value in row.values.items() for span in self._spans(name, value)}
        if leaked := {each.kind for each in self._detector.find(row.text.encode())}:
            yield Met(SECRETS, ", ".join(sorted(_told(each) for each in leaked | (kinds & _SECRET))))
        elif found := kinds & _SECRET:
            yield Met(SECRETS, ", ".join(sorted(map(_told, found))))
        if found := kinds - _SECRET:
            yield Met(PERSONAL, ", ".join(sorted(map(_told, found))))
        text = row.text
        data = fold(text).data
        if self._hits.hits(data) and any(pattern.search(data) is not None for pattern in self._orders):
            yield Met(INJECTION, "it speaks to a model")
        if (said := _passing(text)) is not None:
            yield Met(LETTERS, said)

    def masked(self, row: Row) -> dict[str, Value]:
        """Return a row with what it may not hold masked: a reject file is read by people too."""
        return {name: self._masked(name, value) for name, value in row.values.items()}

    def _masked(self, name: str, value: Value) -> Value:
        spans = self._spans(name, value)
        if not isinstance(value, str):
            return mask(spans[0].kind, "") if spans else value
        if self._detector.find(value.encode()):
            return "[secret]"  # it finds by shape and surroundings: what of them is the secret is not worth a guess
        return replace(value, spans, mask)

    def _spans(self, name: str, value: Value) -> list[strongroom.privacy.Span]:
        if value is None or isinstance(value, bool):
            return []
        if isinstance(value, str) and (whole := _DECIMAL.fullmatch(value)) is not None:
            # As a decimal in JSON: the digits of a fraction are nobody's card, though every tenth of them passes for one.
            value = int(whole[1]) if len(whole[1]) >= _LONG or not whole[2].strip("0") else None
        if value is None:
            return []
        if not isinstance(value, str) and not (float(value).is_integer() and abs(value) >= _LEAST_NUMBER):
            return []
        return list(find_in_field(self._engine.find, name, value if isinstance(value, str) else str(value)))


@cache
def rules() -> dict[str, str]:
    """Return SHA-256 of each filter's rules: of the very code that finds, where rules are code."""
    orders = hashlib.sha256("\n".join(_ORDERS).encode()).hexdigest()
    privacy = _code(Path(strongroom.privacy.__file__).parent)
    return {
        PERSONAL: privacy,
        SECRETS: hashlib.sha256((privacy + _code(Path(strongroom.leaks.__file__).parent)).encode()).hexdigest(),
        INJECTION: orders,
        LETTERS: hashlib.sha256(
            f"{_TURNS.pattern}{_JOINERS.pattern}{unicodedata.unidata_version}".encode()
        ).hexdigest(),
    }


def _code(directory: Path) -> str:
    hasher = hashlib.sha256()
    for path in sorted(directory.rglob("*.py")):
        hasher.update(path.relative_to(directory).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


@cache
def _finders() -> tuple[Engine, Detector, tuple[Pattern, ...], Prefilter]:
    return (
        Engine(),
        Detector(),
        tuple(Pattern(each, ignore_case=True) for each in _ORDERS),
        Prefilter(_ORDERS),
    )


def _told(kind: str) -> str:
    return KINDS[kind].says if kind in KINDS else kind


def _passing(text: str) -> str | None:
    """Return what in a text passes for what it is not; None: nothing."""
    if text.isascii():
        return None
    if _TURNS.search(text):
        return "characters that turn the order around or are not shown"
    for word in _WORD.findall(text):
        if not word.isascii() and _mixed(word):
            return "words that mix letters of several scripts"
    if any(text[max(0, each.start() - 1) : each.start()].isalpha() for each in _JOINERS.finditer(text)):
        return "characters without a width inside of words"
    return None


def _mixed(word: str) -> bool:
    scripts = {_script(each) for each in word}
    return len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "LISU"}) > 1


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]
