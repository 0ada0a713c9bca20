"""What is done between knowing that a credential may be ended and ending it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

Before: TypeAlias = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Do nothing before."""
