"""Finds in a value that has a name: a column's heading or a member's name is a cue, as a word in a sentence is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from strongroom.privacy.actions import Find
from strongroom.privacy.model import Span

_LONGEST: Final = 80


def find_in_field(find: Find, name: str, value: str) -> Sequence[Span]:
    """Return the spans of `value`, which stands under `name`."""
    if not name:
        return find(value)
    cue = spoken(name[:_LONGEST]) + ": "
    return [
        span._replace(start=max(0, span.start - len(cue)), end=span.end - len(cue))
        for span in find(cue + value)
        if span.end > len(cue)
    ]


@lru_cache(maxsize=1024)
def spoken(name: str) -> str:
    """Return a name of a column as words: `customerSSN_no` gives `customer SSN no`."""
    spaced = [
        f" {after}" if before.islower() and after.isupper() else after
        for before, after in zip(f" {name}", name, strict=False)
    ]
    return " ".join("".join(spaced).translate(_SPACES).split())


_SPACES: Final = str.maketrans("_-.", "   ")
