"""What a detector says: a piece of a text, what it is, how sure it is and why. Never the piece itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeAlias


class Tier(StrEnum):
    """How a span was found; a later tier may add spans, and never takes one away."""

    PATTERN = "pattern"
    LEXICON = "lexicon"
    MODEL = "model"


class Span(NamedTuple):
    """Characters `start` to `end` of the text that was given.

    Attributes:
        start: index of the first character.
        end: index after the last one.
        kind: name of a type in the registry, or of one that a tenant defined (`custom.NAME`).
        confidence: 0 to 1; a validator that passed or a cue that was met raises it.
        reason: which rule spoke, in words that may stand in a log: it quotes nothing of the text.
        tier: how it was found.
    """

    start: int
    end: int
    kind: str
    confidence: float
    reason: str
    tier: Tier = Tier.PATTERN


Strictness: TypeAlias = Callable[[str], int]
"""Says how strict what becomes of a type is."""


def alike(kind: str) -> int:
    """Say that the same becomes of all types."""
    del kind
    return 0


class Detector(Protocol):
    """Anything that finds spans in a text; pure, and safe to call from several threads."""

    def find(self, text: str) -> list[Span]:
        """Return the spans of `text`, in any order."""
        ...


def resolve(spans: Iterable[Span], strictness: Strictness = alike) -> list[Span]:
    """Return spans that do not overlap, in order, and that cover every character that any of `spans` covered.

    Where some overlap, the one of which the strictest becomes names the whole: nobody's own type, however wide, takes anything
    away from what another type demands. Among those alike the surer one does, and at the same confidence the longer one: leaving
    out characters of the loser would show a fragment of what somebody thought to be an entity. An earlier tier's kind stands
    before a later one's. The whole was found by the earliest tier of those in it.

    Args:
        spans: in any order.
        strictness: what becomes of a type; more is stricter.
    """
    merged: list[Span] = []
    for span in sorted(spans):
        if span.end <= span.start:
            continue
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            winner = max(last, span, key=lambda each: (strictness(each.kind), *_weight(each)))
            tier = max(last.tier, span.tier, key=_RANK.__getitem__)
            start, end = min(last.start, span.start), max(last.end, span.end)
            merged[-1] = winner._replace(start=start, end=end, tier=tier)
        else:
            merged.append(span)
    return merged


_RANK: Final = {Tier.PATTERN: 2, Tier.LEXICON: 1, Tier.MODEL: 0}


def _weight(span: Span) -> tuple[int, float, int]:
    return (_RANK[span.tier], span.confidence, span.end - span.start)
