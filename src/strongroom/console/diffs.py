"""What differs between two texts, line by line, for a page."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Final, Literal

_AROUND: Final = 3
_SIGNS: Final[dict[str, Literal["added", "removed", "same"]]] = {"+": "added", "-": "removed", " ": "same"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line; `at` begins another stretch of the texts."""

    how: Literal["added", "removed", "same", "at"]
    text: str


def difference(before: str, after: str) -> list[Line]:
    """Return the lines that differ, with three around each; nothing where nothing does."""
    found = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_AROUND)
    lines = list(found)[2:]  # without the names of two files
    return [Line("at", "…") if line.startswith("@@") else Line(_SIGNS[line[:1]], line[1:]) for line in lines]
