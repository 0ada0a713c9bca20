"""What one process holds of each counter, and which counters a request passes. Pure; the hot path's own part.

Always true here:
- `left` may be spent while `ends` has not come; it was taken from the counter before it came here;
- beyond requests under way, at most `keep` units are held: what is more goes back;
- units of a day are spent in that day.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from strongroom.kernel.ids import TenantId
from strongroom.rules.limits import Bound, Limits, Measure

DAILY: Final = frozenset({Measure.TOKENS_DAY, Measure.COST_DAY})
HOLD_S: Final = {
    Measure.REQUESTS: 30.0,
    Measure.TOKENS: 30.0,
    Measure.TOKENS_DAY: 30.0,
    Measure.COST_DAY: 30.0,
    Measure.QUERIES: 5.0,  # what an idle process holds is missing elsewhere, and near the end every unit counts
    Measure.CONCURRENCY: 15.0,  # so long after a crash its slots are lent again; renewed before a third of it is over
}
"""Seconds after which a share ends, from the moment it was asked for."""

_PART: Final = {
    # 1/n of the amount is kept; n before the number of processes divides it.
    Measure.REQUESTS: 2,  # half a second's worth, whatever the number of processes: a slow database is bridged
    Measure.TOKENS: 8,
    Measure.TOKENS_DAY: 100,
    Measure.COST_DAY: 100,
    Measure.QUERIES: 100,
    Measure.CONCURRENCY: 4,
}
_MOST_QUERIES: Final = 64


class Key(NamedTuple):
    """What a counter is called."""

    tenant: TenantId
    subject: str
    measure: Measure


def keep_of(bound: Bound, processes: int) -> int:
    """Return how many units one process keeps at most: the lease in `processes x lease`."""
    if bound.amount == 0:
        return 0
    if bound.measure is Measure.REQUESTS:
        return max(1, min(bound.amount // _PART[bound.measure], bound.burst // (2 * processes)))
    keep = bound.amount // (_PART[bound.measure] * processes)
    return min(keep, _MOST_QUERIES) if bound.measure is Measure.QUERIES else keep


class Share:
    """One counter's units here. Fields are plain: the hot path reads and writes them."""

    __slots__ = (
        "__weakref__",
        "back",
        "bound",
        "busy",
        "dry_need",
        "dry_until",
        "ends",
        "free_at",
        "is_daily",
        "is_slots",
        "keep",
        "key",
        "least",
        "left",
        "low",
        "period",
        "remaining",
        "used",
    )

    def __init__(self, key: Key, bound: Bound, processes: int) -> None:
        self.key: Final = key
        self.is_slots: Final = key.measure is Measure.CONCURRENCY  # units are held while a request runs, and not spent
        self.is_daily: Final = key.measure in DAILY
        self.back = 0  # units to be given back with the next round; negative: owed
        self.left = 0
        self.busy = 0  # of slots: those in use
        self.ends = 0.0  # boottime seconds
        self.period = 0
        self.remaining = 0  # what nobody had, when last asked
        self.used = False  # since the last sweep
        self.least = 1  # the smallest need of the round under way
        self.dry_until = 0.0  # until then, asking again for `dry_need` or more would get nothing
        self.dry_need = 0
        self.free_at = 0.0  # when `dry_need` will be there; infinity: never
        self.rebind(bound, processes)

    def rebind(self, bound: Bound, processes: int) -> None:
        """Hold to another amount from now on."""
        self.bound = bound
        self.keep = keep_of(bound, processes)
        self.low = self.keep * 3 // 4  # with fewer, more are asked for before anybody waits
        self.dry_until = 0.0
        self.trim()

    def trim(self) -> None:
        """Set aside what is more than is kept, to be given back. Slots are given back by the next round."""
        if self.left > self.keep and not self.is_slots:
            self.back += self.left - self.keep
            self.left = self.keep

    def end(self) -> int:
        """Set aside all that is left, since its time is over; return how much that is."""
        if self.is_slots:
            return 0
        ended, self.left = self.left, 0
        self.back += ended
        self.ends = 0.0
        return ended


class Plan:
    """The shares that a request of one caller to one model passes, by what they count."""

    __slots__ = ("amounts", "costs", "counts", "limits", "ones", "price", "queries", "shares", "slots", "tokens")

    def __init__(self, shares: tuple[Share, ...], limits: Limits) -> None:
        self.shares: Final = shares
        self.counts: Final = _those(shares, Measure.REQUESTS)
        self.queries: Final = _those(shares, Measure.QUERIES)
        self.slots: Final = _those(shares, Measure.CONCURRENCY)
        self.ones: Final = self.counts + self.slots
        self.tokens: Final = _those(shares, Measure.TOKENS, Measure.TOKENS_DAY)
        self.costs: Final = _those(shares, Measure.COST_DAY)
        self.amounts: Final = self.tokens + self.costs  # those of which a request takes what it may use
        self.limits: Final = limits
        self.price: Final = limits.price


def _those(shares: tuple[Share, ...], *measures: Measure) -> tuple[Share, ...]:
    return tuple(share for share in shares if share.key.measure in measures)


def needs(plan: Plan, tokens: int, cost: int, queries: int) -> list[tuple[Share, int]]:
    """Return what a claim takes of each share, in units; a share that it takes nothing of is not asked for anything."""
    parts = ((plan.ones, 1), (plan.queries, queries), (plan.tokens, tokens), (plan.costs, cost))
    return [(share, need) for shares, need in parts if need for share in shares]
