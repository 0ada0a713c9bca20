"""One source of time: UTC for people, the boot clock for leases.

Leases are measured on CLOCK_BOOTTIME, which neither jumps when the wall clock is set nor stops while a machine sleeps.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a room may ask of time."""

    def now(self) -> datetime:
        """Return the wall time, timezone-aware, in UTC."""
        ...

    def boottime(self) -> float:
        """Return seconds since boot, sleep included; only differences mean anything."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """Return the wall time in UTC."""
        return datetime.now(UTC)

    def boottime(self) -> float:
        """Return CLOCK_BOOTTIME in seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def rfc3339(moment: datetime) -> str:
    """Return `moment` (aware) as RFC 3339 in UTC with milliseconds and a `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
