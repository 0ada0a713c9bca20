"""What a counter does when a share is asked of it: integers in, integers out, no clock, no storage.

Always true here:
- a unit that is handed out was taken from the counter in the same step;
- a bucket never holds more than its burst, so units that come back add nothing to what may be used in the long run;
- a clock that goes back refills nothing; rounding loses less than a millionth of a unit, and never gains.

The database does the same in `limits.lease` (migration 0004), where it can be done for all processes at once; a test holds
the two together. This one serves tests and single processes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.rules.limits import Measure

MICRO: Final = 1_000_000
DAY_US: Final = 86_400 * MICRO
SPAN_S: Final = {Measure.REQUESTS: 1, Measure.TOKENS: 60}
"""The measures that are rates, and the seconds that their amounts are for."""

NEVER: Final = -1
"""A wait that does not end by waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One counter of a round.

    Attributes:
        amount: the limit.
        burst: how much of it at once; of rates only.
        back: units handed out before that come back; negative: used beyond what was handed out.
        back_period: the day that they are of.
        need: the least that is of use.
        demand: what requests wait for at this moment.
        want: that, and a share to keep.
    """

    amount: int
    burst: int = 0
    back: int = 0
    back_period: int = 0
    need: int = 1
    demand: int = 0
    want: int = 1


@dataclass(frozen=True, slots=True)
class Grant:
    """What was handed out.

    Attributes:
        granted: units; of slots: how many are held from now on.
        remaining: units that nobody has.
        wait_us: when `need` was not there: microseconds until it is, or `NEVER`.
        period: the day that the units are of, in days since 1970; 0 where days mean nothing.
    """

    granted: int
    remaining: int
    wait_us: int = 0
    period: int = 0


@dataclass(slots=True)
class Bucket:
    """A rate. `level` in millionths of a unit, `at_us` in microseconds."""

    level: int
    at_us: int

    def lease(self, ask: Ask, span_s: int, processes: int, now_us: int) -> Grant:
        """Refill, take back, hand out."""
        now_us = max(now_us, self.at_us)
        full = ask.burst * MICRO
        # More than a day fills any bucket, and in the database the product must fit 64 bits.
        self.level = min(full, self.level + min(now_us - self.at_us, DAY_US) * ask.amount // span_s)
        self.level = min(full, self.level + ask.back * MICRO)
        self.at_us = now_us
        free, granted, wait_us = max(0, self.level // MICRO), 0, 0
        if ask.want > 0 and free >= ask.need:
            granted = max(min(ask.demand, free), min(ask.want, free // processes))
            self.level -= granted * MICRO
        elif ask.want > 0:
            wait_us = -(-(ask.need * MICRO - self.level) * span_s // ask.amount)
        return Grant(granted, max(0, self.level // MICRO), wait_us)


@dataclass(slots=True)
class Total:
    """What was used in a day, or ever."""

    used: int = 0
    period: int = 0

    def lease(self, ask: Ask, processes: int, now_us: int, *, daily: bool) -> Grant:
        """Begin a new day, take back, hand out.

        Where there is no share for everybody, units go to requests that wait for them and to nobody else: so the limit is
        met exactly.
        """
        period = now_us // DAY_US if daily else 0
        if period != self.period:
            self.period, self.used = period, 0
        if ask.back_period == period:
            self.used = max(0, self.used - ask.back)
        free, granted, wait_us = max(0, ask.amount - self.used), 0, 0
        if ask.want > 0 and free >= ask.need:
            granted = min(free, ask.demand if free < processes * ask.want else ask.want)
            self.used += granted
        elif ask.want > 0:
            wait_us = (period + 1) * DAY_US - now_us if daily else NEVER
        return Grant(granted, free - granted, wait_us, period)


@dataclass(slots=True)
class Slots:
    """Slots held by processes, each until a moment in microseconds."""

    held: dict[object, tuple[int, int]]

    def lease(self, ask: Ask, holder: object, processes: int, now_us: int, ttl_us: int) -> Grant:
        """Set how many `holder` holds."""
        self.held = {who: held for who, held in self.held.items() if who != holder and held[1] > now_us}
        free = ask.amount - sum(slots for slots, _ in self.held.values())
        granted = max(0, min(free, ask.demand if free < processes * ask.want else ask.want))
        if granted:
            self.held[holder] = granted, now_us + ttl_us
        return Grant(granted, max(0, free - granted), MICRO if granted < ask.need else 0)
