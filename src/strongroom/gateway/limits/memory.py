"""Counters in one process's memory, by the same arithmetic: for tests of the law and for benches without a database.

`away` makes it fail as a database does that is gone: with or without having carried the round out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from strongroom.gateway.limits.buckets import MICRO, SPAN_S, Ask, Bucket, Grant, Slots, Total
from strongroom.gateway.limits.shares import DAILY, Key
from strongroom.rules.limits import Measure
from strongroom.store import Unavailable


@dataclass(slots=True)
class MemorySource:
    """Counters of an installation. `now_us` tells the time of all of its processes."""

    now_us: Callable[[], int]
    buckets: dict[Key, Bucket] = field(default_factory=dict[Key, Bucket])
    totals: dict[Key, Total] = field(default_factory=dict[Key, Total])
    slots: dict[Key, Slots] = field(default_factory=dict[Key, Slots])
    away: str = ""
    rounds: int = 0

    async def lease(
        self, holder: UUID, processes: int, ttl_us: int, asks: Sequence[tuple[Key, Ask]]
    ) -> Sequence[Grant]:
        """Carry out one round."""
        self.rounds += 1
        if self.away == "gone":
            raise Unavailable("no database")
        grants = [self.one(holder, processes, ttl_us, key, ask) for key, ask in asks]
        if self.away == "silent":
            raise Unavailable("the database did not say what became of it")
        return grants

    def one(self, holder: UUID, processes: int, ttl_us: int, key: Key, ask: Ask) -> Grant:
        """Carry out one ask."""
        now = self.now_us()
        if key.measure in SPAN_S:
            bucket = self.buckets.setdefault(key, Bucket(ask.burst * MICRO, now))
            return bucket.lease(ask, SPAN_S[key.measure], processes, now)
        if key.measure is Measure.CONCURRENCY:
            return self.slots.setdefault(key, Slots({})).lease(ask, holder, processes, now, ttl_us)
        total = self.totals.setdefault(key, Total())
        return total.lease(ask, processes, now, daily=key.measure in DAILY)

    async def close(self) -> None:
        """Keep everything: a process ended, not the installation."""
