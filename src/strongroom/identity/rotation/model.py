"""The values of rotation, and the rules that need no database."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from strongroom.identity.model import Delivery, Key
from strongroom.kernel.principal import Environment

_HOUR: Final = 3600.0

MAX_OVERLAP_S: Final = {Environment.DEV: 0.0, Environment.TEST: 24 * _HOUR, Environment.PROD: 72 * _HOUR}
"""For how long a key may count beside its successor, at most and where nobody says otherwise, by environment."""


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its successor, in the one answer that carries the successor's text, or the delivery that does."""

    old: Key
    key: Key
    secret: str = ""
    delivery: Delivery | None = None

    def __repr__(self) -> str:
        """Show the keys' public parts only."""
        return f"Rotated({self.old.id}, {self.key.id})"


def overlap(environment: Environment, asked_s: float | None, *, compromised: bool) -> float:
    """Return for how many seconds the old key counts on: the longest allowed here unless less is asked for.

    Raises:
        ValueError: when more is asked for than is allowed.
    """
    most = 0.0 if compromised else MAX_OVERLAP_S[environment]
    if asked_s is None:
        return most
    if not 0 <= asked_s <= most:
        why = "A compromised key" if compromised else f"A key in {environment}"
        how = f"{most / _HOUR:g} hours at most" if most else "no overlap"
        raise ValueError(f"{why} has {how}")
    return asked_s


def lives(now: datetime, old: Key) -> timedelta:
    """Return how long a successor lives where nobody says otherwise: as long as its predecessor was to."""
    return old.expires_at - old.created_at if old.expires_at > now else timedelta(0)
