"""Drift: how far what is told now has moved from what was told when it was evaluated. Pure.

PSI = Σ (p - q) · ln(p / q) over the bins, with a half count added to each bin, so that an empty one is no infinity. By custom,
from 0.1 on there is some drift, from 0.25 on much. KS is the largest distance between both cumulative shares, at the bins' edges.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from math import isfinite, log
from typing import Final

from strongroom.registry.evaluations.model import Baseline

SOME: Final = 0.1
MUCH: Final = 0.25
FEWEST: Final = 20
"""Below so many values on either side, chance moves more than drift does, and nothing is said."""

_BINS: Final = 10


def baseline(labels: Mapping[str, int], scores: Sequence[float]) -> Baseline:
    """Return how answers are spread: labels by name, scores in ten equally full bins."""
    ordered = sorted(score for score in scores if isfinite(score))
    if len(ordered) < FEWEST:
        return Baseline(labels=dict(labels))
    edges = sorted({ordered[len(ordered) * index // _BINS] for index in range(1, _BINS)})
    return Baseline(labels=dict(labels), edges=tuple(edges), counts=tuple(binned(ordered, edges)))


def binned(scores: Sequence[float], edges: Sequence[float]) -> list[int]:
    """Return how many scores fall between the edges; one at an edge belongs above it."""
    counts = [0] * (len(edges) + 1)
    for score in scores:
        counts[bisect_right(edges, score)] += 1
    return counts


def psi(before: Sequence[int], now: Sequence[int]) -> float | None:
    """Return the population stability index of counts by bin; None: too few to say."""
    if len(before) != len(now) or min(sum(before), sum(now)) < FEWEST:
        return None
    bins = len(before)
    expected = [(count + 0.5) / (sum(before) + bins / 2) for count in before]
    actual = [(count + 0.5) / (sum(now) + bins / 2) for count in now]
    return sum((q - p) * log(q / p) for p, q in zip(expected, actual, strict=True))


def ks(before: Sequence[int], now: Sequence[int]) -> float | None:
    """Return the largest distance between both cumulative shares; None: too few to say."""
    if len(before) != len(now) or min(sum(before), sum(now)) < FEWEST:
        return None
    widest = first = second = 0.0
    for old, new in zip(before, now, strict=True):
        first, second = first + old / sum(before), second + new / sum(now)
        widest = max(widest, abs(first - second))
    return widest


def aligned(before: Mapping[str, int], now: Mapping[str, int]) -> tuple[list[int], list[int]]:
    """Return counts by label in one order, for labels that either side has."""
    names = sorted(before.keys() | now.keys())
    return [before.get(name, 0) for name in names], [now.get(name, 0) for name in names]


def word(*indices: float | None) -> str:
    """Return what the largest index says."""
    known = [each for each in indices if each is not None]
    if not known:
        return "unknown"
    return "much" if max(known) >= MUCH else "some" if max(known) >= SOME else "none"
