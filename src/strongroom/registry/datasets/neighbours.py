"""Labels that the nearest rows of a table of numbers contradict: distances between rows, each column in its own width.

A row is suspect when nearly all of its nearest have one other label, and the nearest of its own are a good deal farther away: at
the border of two honest classes, both are about as near.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from operator import mul
from typing import Final

from strongroom.registry.datasets.numbers import Table, Vector, number, placed
from strongroom.registry.datasets.reading import Row

NEAREST: Final = 5
AGREEING: Final = 4
FARTHER: Final = 1.25
RULES: Final = ("distances", NEAREST, AGREEING, FARTHER)
_LEAST_COLUMNS: Final = 2
_PROSE: Final = 8  # words
_DISTANCES: Final = 2_000_000
_LEAST_COMPARED: Final = 60
_SIDES: Final = 10
_LINES: Final = 4


def is_table(rows: Sequence[Row], table: Table) -> bool:
    """Whether rows are numbers first, so that their distance says more than the words that they share."""
    texts = set[str]()
    for row in rows:
        for name, value in table.counted(row).items():
            if isinstance(value, str) and number(value) is None:
                if value.count(" ") >= _PROSE - 1:
                    return False
                texts.add(name)
    return len(table.columns) >= max(_LEAST_COLUMNS, len(texts))


def contradicted(rows: Sequence[Row], labels: Sequence[str], table: Table) -> list[int]:
    """Return the rows whose nearest speak for another label."""
    places = placed(rows, table)
    every = range(len(places))
    step = max(1, len(places) // max(_LEAST_COMPARED, _DISTANCES // len(places)))
    shared = every[::step]
    beside = _beside(places) if step > 1 else {}
    found = list[int]()
    for at in every:
        others = {*shared, *beside.get(at, ())} - {at} if beside else [each for each in shared if each != at]
        if _is_contradicted(at, others, places, labels):
            found.append(at)
    return found


def _is_contradicted(at: int, others: Iterable[int], places: Sequence[Vector], labels: Sequence[str]) -> bool:
    here, own = places[at], labels[at]
    away = [(math.dist(here, places[other]), other) for other in others]
    near = nsmallest(NEAREST, away)
    ((label, count), *_) = Counter(labels[other] for _, other in near).most_common(1) or [(own, 0)]
    if label == own or count < AGREEING:
        return False
    same = nsmallest(2, (far for far, other in away if labels[other] == own))
    against = nsmallest(2, (far for far, other in away if labels[other] == label))
    return len(same) < len(against) or same[-1] > FARTHER * against[-1]


def _beside(places: Sequence[Vector]) -> dict[int, set[int]]:
    """Return the rows that stand beside each one where all are put in line, by a few sums of their numbers."""
    found: dict[int, set[int]] = {at: set() for at in range(len(places))}
    for line in range(_LINES):
        signs = [1.0 if (column * 2654435761 + line * 40503) >> 7 & 1 else -1.0 for column in range(len(places[0]))]
        order = sorted(found, key=lambda at: sum(map(mul, signs, places[at])))
        for index, at in enumerate(order):
            found[at].update(order[max(0, index - _SIDES) : index + _SIDES + 1])
    return found
