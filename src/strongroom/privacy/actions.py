"""What becomes of a span: let through, masked, replaced by a token or by something made up, or the whole text refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, TypeAlias

from strongroom.privacy.model import Span


class Action(StrEnum):
    """What to do with a span of some type."""

    ALLOW = "allow"
    """Nothing; it is not even looked for."""
    ALERT = "alert"
    """Let through, counted and told."""
    MASK = "mask"
    """`[EMAIL]` in its place."""
    TOKENISE = "tokenise"
    """A token in its place, which its own tenant gets back."""
    BLOCK = "block"
    """The whole text is refused."""


class Replacement(Protocol):
    """Says what stands in a span's place."""

    def __call__(self, kind: str, value: str) -> str:
        """Return the replacement of `value`, which is a `kind`."""
        ...


Find: TypeAlias = Callable[[str], Sequence[Span]]


def mask(kind: str, value: str) -> str:
    """Return the mask of a type: `[CREDIT_CARD]`."""
    del value
    return f"[{kind.upper()}]"


def remove(kind: str, value: str) -> str:
    """Return nothing."""
    del kind, value
    return ""


_SHOWN = 4
_ENOUGH = 8


def partial(kind: str, value: str) -> str:
    """Return a value with all letters and digits but the last four starred, or its mask if it is short."""
    places = [index for index, character in enumerate(value) if character.isalnum()]
    if len(places) < _ENOUGH:
        return mask(kind, value)
    hidden = set(places[:-_SHOWN])
    return "".join("*" if index in hidden else character for index, character in enumerate(value))


@dataclass
class Counts:
    """How many spans of each type were met, by where; never what they were."""

    by_kind: Counter[str] = field(default_factory=Counter[str])
    by_field: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    characters: int = 0
    fields: set[str] = field(default_factory=set[str])
    """Of the fields that somebody named beforehand, those that are there."""

    def add(self, spans: Sequence[Span], where: str = "") -> None:
        """Count spans that were met in a field."""
        for span in spans:
            self.by_kind[span.kind] += 1
            self.by_field.setdefault(where, Counter())[span.kind] += 1

    def merge(self, other: Counts) -> None:
        """Add another's counts."""
        self.by_kind.update(other.by_kind)
        self.characters += other.characters
        self.fields |= other.fields
        for where, counts in other.by_field.items():
            self.by_field.setdefault(where, Counter()).update(counts)


def replace(text: str, spans: Sequence[Span], replacement: Replacement) -> str:
    """Return `text` with each span replaced; spans are in order and do not overlap."""
    if not spans:
        return text
    parts: list[str] = []
    at = 0
    for span in spans:
        parts.append(text[at : span.start])
        parts.append(replacement(span.kind, text[span.start : span.end]))
        at = span.end
    parts.append(text[at:])
    return "".join(parts)


def by_kind(replacements: Mapping[str, Replacement], otherwise: Replacement = mask) -> Replacement:
    """Return a replacement that differs by type."""

    def chosen(kind: str, value: str) -> str:
        return replacements.get(kind, otherwise)(kind, value)

    return chosen
