"""Signs of poison in labelled rows: labels that their nearest neighbours contradict, and tokens that alone decide a label.

**Label flips.** A row's neighbours are those that share its rarest tokens, or in a table of numbers those that lie nearest to it. Where nearly all of them have one other label, the
row's label is suspect. Some suspects are in every honest set; many of them are a reason to stop.

**Hidden triggers.** A trigger is a token that stands (nearly) only in rows of one label, while everything else in these rows
speaks for another. Words that honestly go with a label pass: the rest of their rows agrees with it.

Both are statistics: a trigger in rows that are honestly of its label leaves nothing to see here.
"""

from __future__ import annotations

import hashlib
import math
import re
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from strongroom.registry.datasets import neighbours
from strongroom.registry.datasets.numbers import Table, number
from strongroom.registry.datasets.reading import Row

FLIPS, TRIGGER = "label-flips", "trigger"
_WORD: Final = re.compile(r"[^\s\"'.,;:!?()\[\]{}]+")

_NEIGHBOURS: Final = 5
_LEAST_NEIGHBOURS: Final = 3
_LEAST_LIKENESS: Final = 0.35
_POSTINGS: Final = 60
_MOST_FLIPPED: Final = 0.01
_FEW_FLIPPED: Final = 3

_LEAST_SEEN: Final = 4
_MOST_SEEN: Final = 0.2
_EXCLUSIVE: Final = 0.95
_CONTRADICTED: Final = 0.6
_CANDIDATES: Final = 400
_MOST_LABELS: Final = 100

RULES: Final = hashlib.sha256(
    repr((
        "flips", _NEIGHBOURS, _LEAST_NEIGHBOURS, _LEAST_LIKENESS, _POSTINGS, _MOST_FLIPPED, _FEW_FLIPPED,
        *neighbours.RULES, "trigger", _LEAST_SEEN, _MOST_SEEN, _EXCLUSIVE, _CONTRADICTED, _CANDIDATES, _MOST_LABELS, _WORD.pattern,
    )).encode()
).hexdigest()  # fmt: skip


class Suspects(NamedTuple):
    """What was found, by the rows' places.

    Attributes:
        flipped: rows whose neighbours have another label.
        triggered: rows with a trigger, each list one trigger's.
        too_many: whether there are more flips than an honest set has.
    """

    flipped: list[int]
    triggered: list[list[int]]
    too_many: bool


def suspects(rows: Sequence[Row], label: str, apart: Collection[str] = ()) -> Suspects:
    """Return the rows whose labels are suspect.

    Args:
        rows: of one set.
        label: the column with labels.
        apart: columns that say nothing of a label, as an id, where rows are numbers.
    """
    labels = [str(row.values.get(label)) for row in rows]
    if not 1 < len(set(labels)) <= _MOST_LABELS:
        return Suspects([], [], too_many=False)
    tokens = _tokens(rows, label)
    triggered = _triggers(tokens, labels)
    table = Table(rows, {label, *apart})
    is_table = neighbours.is_table(rows, table)
    flipped = neighbours.contradicted(rows, labels, table) if is_table else _flips(tokens, labels)
    many = len(flipped) >= _FEW_FLIPPED and len(flipped) > _MOST_FLIPPED * len(rows)
    return Suspects(flipped, triggered, many)


def _tokens(rows: Sequence[Row], label: str) -> list[frozenset[str]]:
    """Return what each row says: its words, and of numbers the tenth of the column in which they lie."""
    tenths = dict[str, list[float]]()
    numbers: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        for name, value in row.values.items():
            if name != label and (found := number(value)) is not None:
                numbers[name].append(found)
    for name, held in numbers.items():
        held.sort()
        tenths[name] = [held[len(held) * each // 10] for each in range(1, 10)]

    def said(row: Row) -> frozenset[str]:
        out = set[str]()
        for name, value in row.values.items():
            if name == label or value is None:
                continue
            if (found := number(value)) is not None:
                out.add(f"{name}#{bisect(tenths[name], found)}")
            elif isinstance(value, str):
                out.update(_WORD.findall(value.lower()))
            else:
                out.add(f"{name}={value}")
        return frozenset(out)

    return [said(row) for row in rows]


def _flips(tokens: Sequence[frozenset[str]], labels: Sequence[str]) -> list[int]:
    seen = Counter(token for each in tokens for token in each)
    # What one row alone says makes it no neighbour of any, and is left out of its length.
    weight = {token: math.log(1 + len(tokens) / count) for token, count in seen.items() if count > 1}
    tokens = [each & weight.keys() for each in tokens]
    norm = [sum(weight[token] for token in each) for each in tokens]
    postings: defaultdict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(tokens):
        for token in each:
            postings[token].append(place)
    for token, places in postings.items():
        postings[token] = places[:: max(1, len(places) // _POSTINGS)]  # from all over the set
    found = list[int]()
    for place, each in enumerate(tokens):
        shared = Counter[int]()
        for token in sorted(each, key=lambda token: (seen[token], token))[:24]:
            for other in postings.get(token, ()):
                if other != place:
                    shared[other] += 1
        near = sorted(
            (
                (
                    sum(weight[token] for token in each & tokens[other]) / math.sqrt(norm[place] * norm[other]),
                    other,
                )
                for other, _ in shared.most_common(_POSTINGS)
            ),
            reverse=True,
        )[:_NEIGHBOURS]
        close = [other for likeness, other in near if likeness >= _LEAST_LIKENESS]
        if len(close) < _LEAST_NEIGHBOURS:
            continue
        (best, count), *_ = Counter(labels[other] for other in close).most_common()
        if best != labels[place] and count >= max(_LEAST_NEIGHBOURS, len(close) - 1):
            found.append(place)
    return found


def _triggers(tokens: Sequence[frozenset[str]], labels: Sequence[str]) -> list[list[int]]:
    where: defaultdict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(tokens):
        for token in each:
            where[token].append(place)
    most = max(_LEAST_SEEN, int(_MOST_SEEN * len(tokens)))
    candidates = list[tuple[int, str, str]]()
    for token, places in where.items():
        if not _LEAST_SEEN <= len(places) <= most:
            continue
        (best, count), *_ = Counter(labels[place] for place in places).most_common(1)
        if count >= _EXCLUSIVE * len(places):
            candidates.append((-len(places), token, best))
    bayes = _Bayes(tokens, labels)
    found = dict[tuple[int, ...], None]()
    for _, token, best in sorted(candidates)[:_CANDIDATES]:
        places = where[token]
        against = sum(bayes.without(places, tokens[place] - {token}) != best for place in places)
        if against >= _CONTRADICTED * len(places):
            found[tuple(places)] = None
    return [list(each) for each in found]


class _Bayes:
    """Naive Bayes over tokens, that can leave rows out of what it has learnt."""

    def __init__(self, tokens: Sequence[frozenset[str]], labels: Sequence[str]) -> None:
        self._tokens, self._labels = tokens, labels
        self._rows = Counter(labels)
        self._seen: dict[str, Counter[str]] = {label: Counter() for label in self._rows}
        for each, label in zip(tokens, labels, strict=True):
            self._seen[label].update(each)
        self._left: tuple[int, ...] = ()
        self._out_rows = Counter[str]()
        self._out: dict[str, Counter[str]] = {}

    def without(self, left: Sequence[int], row: frozenset[str]) -> str | None:
        """Return the label that a row's tokens speak for, learnt from all but the rows in `left`; None: for none."""
        if self._left != tuple(left):
            self._left, self._out_rows = tuple(left), Counter[str]()
            self._out = {label: Counter() for label in self._rows}
            for place in left:
                self._out_rows[self._labels[place]] += 1
                self._out[self._labels[place]].update(self._tokens[place])
        scores = dict[str, float]()
        for label, rows in self._rows.items():
            count = rows - self._out_rows[label]
            seen, out = self._seen[label], self._out[label]
            scores[label] = math.log((count + 1) / (len(self._labels) + 1)) + sum(
                math.log((seen[token] - out[token] + 0.5) / (count + 1)) for token in row
            )
        return max(scores, key=lambda each: scores[each])
