"""Counters, gauges and histograms with labels that cannot grow.

Always true here:
- a label's values are a list that was written down beforehand; whatever is not on it counts as `other`. What a caller
  sends can therefore neither make a series nor be read in one;
- a family is named once, and counting is a look-up and an addition: no lock, as each process has one event loop;
- nothing here knows of tenants.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

OTHER: Final = "other"


@unique
class Type(StrEnum):
    """What a family's figures mean; the value is Prometheus's word."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A label and its values.

    Attributes:
        name: as in the exposition.
        values: all that it may have besides `other`.
    """

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One family as it stands: what travels from process to process.

    Attributes:
        name: in full.
        type: what the figures mean.
        help: one sentence.
        labels: their names.
        bounds: upper bounds of a histogram's buckets, without the last, which is infinite.
        series: label values with the figures: one, or for a histogram a count for each bucket and the sum.
    """

    name: str
    type: Type
    help: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    series: tuple[tuple[tuple[str, ...], tuple[float, ...]], ...]


class Family:
    """One family of figures."""

    def __init__(
        self, type_: Type, name: str, help_: str, labels: Sequence[Label], bounds: Sequence[float] = ()
    ) -> None:
        self.name: Final = name
        self._type: Final = type_
        self._help: Final = help_
        self._labels: Final = tuple(label.name for label in labels)
        self._allowed: Final = tuple(frozenset(label.values) for label in labels)
        self._bounds: Final = tuple(bounds)
        self._width: Final = len(self._bounds) + 2 if type_ is Type.HISTOGRAM else 1
        self._series: Final[dict[tuple[str, ...], list[float]]] = {}

    def add(self, *values: str, by: float = 1) -> None:
        """Add to a counter."""
        self.of(*values)[0] += by

    def set(self, *values: str, to: float) -> None:
        """Set a gauge."""
        self.of(*values)[0] = to

    def observe(self, *values: str, value: float) -> None:
        """Count `value` in a histogram."""
        self.observe_in(self.of(*values), value)

    def observe_in(self, series: list[float], value: float) -> None:
        """Count `value` in a series of this histogram that `of` has returned."""
        series[bisect_left(self._bounds, value)] += 1
        series[-1] += value

    def figures(self) -> Figures:
        """Return the family as it stands."""
        return Figures(
            name=self.name,
            type=self._type,
            help=self._help,
            labels=self._labels,
            bounds=self._bounds,
            series=tuple((values, tuple(numbers)) for values, numbers in self._series.items()),
        )

    def of(self, *values: str) -> list[float]:
        """Return the series of these label values, to be kept by whoever counts in it often."""
        series = self._series.get(values)
        if series is None:
            known = tuple(
                value if value in allowed else OTHER for value, allowed in zip(values, self._allowed, strict=True)
            )
            series = self._series.get(known)
            if series is None:
                series = self._series[known] = [0.0] * self._width
        return series


def render(families: Iterable[Figures]) -> str:
    """Return `families` in Prometheus's text format, version 0.0.4."""
    lines: list[str] = []
    for family in sorted(families, key=lambda each: each.name):
        lines += (f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.type}")
        for values, numbers in sorted(family.series):
            named = list(zip(family.labels, values, strict=True))
            if family.type is Type.HISTOGRAM:
                lines += _histogram(family, named, numbers)
            else:
                lines.append(f"{family.name}{_labels(named)} {_number(numbers[0])}")
    return "\n".join(lines) + "\n"


def _histogram(family: Figures, named: list[tuple[str, str]], numbers: tuple[float, ...]) -> list[str]:
    lines: list[str] = []
    total = 0.0
    for bound, count in zip((*map(_number, family.bounds), "+Inf"), numbers[:-1], strict=True):
        total += count
        lines.append(f"{family.name}_bucket{_labels([*named, ('le', bound)])} {_number(total)}")
    lines.append(f"{family.name}_sum{_labels(named)} {_number(numbers[-1])}")
    lines.append(f"{family.name}_count{_labels(named)} {_number(total)}")
    return lines


def _labels(named: Sequence[tuple[str, str]]) -> str:
    escaped = ((name, value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")) for name, value in named)
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}" if named else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
