"""How a room tells the rooms above it what happened.

A room is given an observer when it is made and calls it with frozen values. Observers must not block or raise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of everything a room may tell."""


Observer: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Observe nothing."""
    del event
