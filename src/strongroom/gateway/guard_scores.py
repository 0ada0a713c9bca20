"""Scores of the tokens of a streamed text, which leave with the text that they spell and not without it."""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.gateway.exchange.answers import TokenScore
from strongroom.privacy import Span


class TokenScores:
    """Scores of the tokens of a streamed text, until the text that they spell has left.

    Args:
        lost: whether text came before the first of them: which of it a token spells is not known, and none is told.
    """

    __slots__ = ("_at", "_hidden", "_lost", "_waiting")

    def __init__(self, *, lost: bool = False) -> None:
        self._at = 0
        self._lost = lost
        self._waiting: list[tuple[int, int, TokenScore]] = []
        self._hidden: list[Span] = []

    def take(self, scores: tuple[TokenScore, ...], text: str) -> None:
        """Take the scores of a piece of text; from one on that they do not spell exactly, none is taken."""
        self._lost = self._lost or "".join([score.token for score in scores]) != text
        if self._lost:
            return
        for score in scores:
            self._waiting.append((self._at, self._at + len(score.token), score))
            self._at += len(score.token)

    def hide(self, spans: Sequence[Span]) -> None:
        """Keep back the scores of what was replaced."""
        self._hidden += spans

    def give(self, gone: int) -> tuple[TokenScore, ...] | None:
        """Return the scores of what has left, without those of what was replaced."""
        ready = [each for each in self._waiting if each[1] <= gone]
        self._waiting = self._waiting[len(ready) :]
        told = [s for start, end, s in ready if not any(h.start < end and start < h.end for h in self._hidden)]
        return tuple(told) or None
