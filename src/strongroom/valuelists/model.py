"""The values of lists, and what a value must be to be on one."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.privacy.custom import words_of
from strongroom.rules.privacy import PatternName

MOST_LISTS: Final = 8
MOST_VALUES: Final = 50_000
"""Values on one list."""
MOST_AT_ONCE: Final = 1000
"""Values that one call adds."""
LONGEST: Final = 60
"""Characters of a value: what is held of a stream is a little more."""
SHORTEST: Final = 4
"""Letters and digits of a value: what is shorter stands in any text."""
MOST_WORDS: Final = 6

ListName: TypeAlias = PatternName
Values: TypeAlias = Annotated[list[Annotated[str, Meta(max_length=512)]], Meta(min_length=1, max_length=MOST_AT_ONCE)]


class ValueList(msgspec.Struct, frozen=True, kw_only=True):
    """A list as it is shown: how much is on it, never what. `type`: as privacy rules call it."""

    name: str
    type: str
    values: int
    most_words: int
    changed_at: datetime
    changed_by: str


class ListDocument(msgspec.Struct, frozen=True, tag_field="v", tag="value-list/1"):
    """A part of a list, as gateways get it: hashes of 16 bytes, one behind the other."""

    name: str
    hashes: bytes
    most_words: int

    def __repr__(self) -> str:
        """Show no hash."""
        return f"ListDocument({self.name})"


def objection(value: str) -> str | None:
    """Return why a value cannot be on a list, without quoting it; None: it can."""
    words = words_of(value)
    if len(value.strip()) > LONGEST:
        return f"has more than {LONGEST} characters"
    if not 1 <= len(words) <= MOST_WORDS:
        return f"has not 1 to {MOST_WORDS} words"
    if sum(map(len, words)) < SHORTEST:
        return f"has fewer than {SHORTEST} letters and digits, and would be met in any text"
    return None
