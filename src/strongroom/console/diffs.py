"""What differs between two texts, line by line, for a page."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

_AROUND: Final = 3
_MOST: Final = 1000
"""Lines that are held against each other, after what is the same at both ends: it takes the square of them, and others write them."""
_SIGNS: Final[dict[str, Literal["added", "removed", "same"]]] = {"+": "added", "-": "removed", " ": "same"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `at` begins another stretch of the texts."""

    how: Literal["added", "removed", "same", "at"]
    text: str


def difference(before: str, after: str) -> list[Line]:
    """Return the lines that differ, with three around each; nothing where nothing does.

    Where too much does, all of it is told as removed and added.
    """
    old, new = before.splitlines(), after.splitlines()
    top = _alike(old, new)
    bottom = _alike(old[top:][::-1], new[top:][::-1])
    gone, come = old[top : len(old) - bottom], new[top : len(new) - bottom]
    if max(len(gone), len(come)) > _MOST:
        around = [Line("same", text) for text in old[max(0, top - _AROUND) : top]]
        return [
            Line("at", "…"),
            *around,
            *(Line("removed", text) for text in gone),
            *(Line("added", text) for text in come),
        ]
    first, last = max(0, top - _AROUND), max(0, bottom - _AROUND)
    found = difflib.unified_diff(old[first : len(old) - last], new[first : len(new) - last], lineterm="", n=_AROUND)
    lines = list(found)[2:]  # without the names of two files
    return [Line("at", "…") if line.startswith("@@") else Line(_SIGNS[line[:1]], line[1:]) for line in lines]


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines are the same from the beginning on."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
