"""Rows of a table as numbers: however they were written, a text in CSV or a number in JSON, they are compared by their size.

Always true here:
- a column's numbers are told in widths of that column (from its first tenth to its last), so that no unit outweighs another;
- two rows are alike only in what tells rows apart: where half of all rows have the same value, having it too says little.
"""

from __future__ import annotations

import math
import re
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from strongroom.registry.datasets.reading import Row, Value, encoded

ALIKE: Final = 0.003
"""How far apart two numbers are at most, in widths of their column, that may be one and the same."""
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_LONGEST: Final = 40
_FAR: Final = 1e9
_TELLING: Final = 0.01  # rows that agree so by chance
_COMMON: Final = 2.0
_MOST_COMPARED: Final = 50
RULES: Final = f"numbers within {ALIKE} widths, chance {_TELLING} and {_COMMON}"

Kind = tuple[tuple[str, Value], ...]
Vector = tuple[float, ...]


class Numbers(NamedTuple):
    """What a row says besides texts: its numbers, in widths, and which it has, with everything else that is short."""

    kind: Kind
    vector: Vector


def number(value: Value) -> float | None:
    """Return what a value is as a number; None: it is none."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str) and (len(value) > _LONGEST or not _NUMBER.fullmatch(value.strip())):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


class Table:
    """What the columns of a set hold."""

    def __init__(self, rows: Sequence[Row], apart: Collection[str] = ()) -> None:
        """Take a set's rows, and the columns that do not count, as an id."""
        self._rows = len(rows)
        self._apart = frozenset(apart)
        self._sorted: defaultdict[str, list[float]] = defaultdict(list)
        self._said: defaultdict[str, Counter[Value]] = defaultdict(Counter)
        seen = set[bytes]()
        self._different = 0
        for row in rows:
            values = self.counted(row)
            if (whole := encoded(values)) in seen:
                continue  # who sends one row many times does not make it common by that
            seen.add(whole)
            self._different += 1
            for name, value in values.items():
                if (found := number(value)) is None:
                    self._said[name][value] += 1
                else:
                    self._sorted[name].append(found)
        self.widths = dict[str, float]()
        for name, held in self._sorted.items():
            held.sort()
            width = held[len(held) * 9 // 10] - held[len(held) // 10] or held[-1] - held[0]
            if 0 < width < math.inf:
                self.widths[name] = width
        self.columns: Final = tuple(sorted(self.widths))

    def counted(self, row: Row) -> dict[str, Value]:
        """Return the values that count."""
        return {name: value for name, value in row.values.items() if name not in self._apart}

    def middle(self, name: str) -> float:
        """Return the number that half of a column's are below."""
        found = self._sorted[name]
        return found[len(found) // 2]

    def numbers(self, row: Row) -> Numbers | None:
        """Return a row's numbers; None: it has none that tell rows apart."""
        vector, kind = list[float](), list[tuple[str, Value]]()
        for name, value in sorted(self.counted(row).items()):
            found = number(value)
            if found is None:
                kind.append((name, value.lower() if isinstance(value, str) else value))
            elif name in self.widths:
                vector.append(max(-_FAR, min(_FAR, found / self.widths[name])))
                kind.append((name, 0.5))  # that it is there; no value is written so
        return Numbers(tuple(kind), tuple(vector)) if vector else None

    def told(self, row: Row) -> float:
        """Return how many rows would be like this one if its values had nothing to do with one another."""
        by_chance = float(self._rows)
        for name, value in self.counted(row).items():
            found = number(value)
            if found is None:
                by_chance *= self._said[name][value] / self._different
            else:
                within, reach = self._sorted[name], ALIKE * self.widths.get(name, 0.0)
                by_chance *= (
                    bisect_right(within, found + reach) - bisect_left(within, found - reach)
                ) / self._different
        return by_chance

    def is_common(self, row: Row) -> bool:
        """Whether honest rows repeat this one: a table of few values has more rows than ways to fill them."""
        return any(number(value) is not None for value in self.counted(row).values()) and self.told(row) >= _COMMON

    def is_telling(self, row: Row) -> bool:
        """Whether no other row comes by chance to lie where this one does."""
        return self.told(row) < _TELLING


def close(one: Vector, other: Vector) -> bool:
    """Whether two rows' numbers are nearly the same, each of them."""
    return len(one) == len(other) and all(abs(a - b) <= ALIKE for a, b in zip(one, other, strict=True))


class Grid:
    """Rows by where they lie, so that only those close by are compared: two sums of a row's numbers, in steps.

    A step is as long as the sums of two rows that are alike can be apart, so whoever is alike is in a neighbouring cell.
    """

    def __init__(self) -> None:
        self._cells: defaultdict[tuple[Kind, int, int], list[Vector]] = defaultdict(list)

    def near(self, row: Numbers) -> bool:
        """Whether a row that was kept is nearly the same."""
        across, down = _cell(row)
        return any(
            close(row.vector, other)
            for right in (-1, 0, 1)
            for below in (-1, 0, 1)
            for other in self._cells.get((row.kind, across + right, down + below), ())
        )

    def keep(self, row: Numbers) -> None:
        """Keep a row."""
        cell = self._cells[row.kind, *_cell(row)]
        if len(cell) < _MOST_COMPARED:
            cell.append(row.vector)


def _cell(row: Numbers) -> tuple[int, int]:
    step = ALIKE * len(row.vector) * 1.01
    names = [name for name, value in row.kind if value == 0.5]  # noqa: PLR2004 - as `numbers` wrote it
    across, down = (
        sum(value if crc >> bit & 1 else -value for crc, value in zip(map(_crc, names), row.vector, strict=True))
        for bit in (3, 11)
    )
    return math.floor(across / step), math.floor(down / step)


def _crc(name: str) -> int:
    return zlib.crc32(name.encode(errors="replace"))


def placed(rows: Iterable[Row], table: Table) -> list[Vector]:
    """Return where each row lies: one number for each column, the column's middle where a row has none."""
    middles = {name: table.middle(name) for name in table.columns}
    found = list[Vector]()
    for row in rows:
        vector = list[float]()
        for name in table.columns:
            value = number(row.values.get(name))
            away = 0.0 if value is None else (value - middles[name]) / table.widths[name]
            vector.append(max(-_FARTHEST, min(_FARTHEST, away)))
        found.append(tuple(vector))
    return found


_FARTHEST: Final = 3.0
