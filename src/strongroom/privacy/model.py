"""What a detector says: a piece of a text, what it is, how sure it is and why. Never the piece itself."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, Protocol


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


class Detector(Protocol):
    """Anything that finds spans in a text; pure, and safe to call from several threads."""

    def find(self, text: str) -> list[Span]:
        """Return the spans of `text`, in any order."""
        ...


def resolve(spans: Iterable[Span]) -> list[Span]:
    """Return spans that do not overlap, in order, and that cover every character that any of `spans` covered.

    Where two overlap, the surer one names the whole, and at the same confidence the longer one: leaving out characters of the
    loser would show a fragment of what somebody thought to be an entity. An earlier tier's kind stands before a later one's.
    """
    merged: list[Span] = []
    for span in sorted(spans):
        if span.end <= span.start:
            continue
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            winner = max(last, span, key=_weight)
            merged[-1] = winner._replace(start=min(last.start, span.start), end=max(last.end, span.end))
        else:
            merged.append(span)
    return merged


_RANK = {Tier.PATTERN: 2, Tier.LEXICON: 1, Tier.MODEL: 0}


def _weight(span: Span) -> tuple[int, float, int]:
    return (_RANK[span.tier], span.confidence, span.end - span.start)
