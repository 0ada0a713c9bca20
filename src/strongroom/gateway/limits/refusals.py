"""How a limit says no: to the caller whether waiting helps, to the operator which limit it was; written down at a bounded rate.

A caller is told neither the amount nor whose budget it shares: how many others use it is not for it to know.
"""

from __future__ import annotations

from math import ceil, isfinite
from typing import Final

from strongroom.gateway.limits.shares import Share
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.limits import Measure

LIFETIME: Final = "lifetime_cap_reached"
TOO_MUCH: Final = "request_over_limit"
_QUIET_S: Final = 10.0
_MOST_TOLD: Final = 10_000

_TELLS: Final = {
    Measure.REQUESTS: ("Too many requests.", "rate_limit_exceeded"),
    Measure.CONCURRENCY: ("Too many requests are under way.", "concurrency_limit_exceeded"),
    Measure.TOKENS: ("Too many tokens in too short a time.", "rate_limit_exceeded"),
    Measure.TOKENS_DAY: ("The tokens of this day are used up.", "daily_limit_exceeded"),
    Measure.COST_DAY: ("What may be spent in this day is spent.", "daily_limit_exceeded"),
    Measure.QUERIES: ("This workload has asked this model as often as it ever may.", LIFETIME),
}


def dry(share: Share, now: float) -> Refusal:
    """Return the no of a counter that has nothing left for this request."""
    tell, code = _TELLS[share.key.measure]
    wait_s = share.free_at - now
    after = max(1, ceil(wait_s)) if isfinite(wait_s) else None
    return _limited(share, f"{tell} Try again in {after} s." if after is not None else tell, code, after)


def never(share: Share) -> Refusal:
    """Return the no to a request that this limit would not let through however long it waited."""
    if share.bound.amount == 0:
        return _limited(share, *_TELLS[share.key.measure], None)
    tell = (
        "This request may use more than this key's limits ever let through at once. Ask for a shorter answer, or less."
    )
    return _limited(share, tell, TOO_MUCH, None)


def crowded(share: Share) -> Refusal:
    """Return the no to a request that others were faster than, for as long as it could wait."""
    return _limited(share, *_TELLS[share.key.measure], 1)


def unreachable() -> Refusal:
    """Return the no while counters cannot be reached: what is not known to be allowed is not."""
    return Refusal(
        kind=RefusalKind.UNAVAILABLE,
        reason="no share of a limit: the database did not answer in time",
        tell="The service cannot check limits at the moment. Try again shortly.",
    )


def _limited(share: Share, tell: str, code: str, after: int | None) -> Refusal:
    key = share.key
    return Refusal(
        kind=RefusalKind.LIMITED,
        reason=f"limit {key.measure.value} of {key.subject} at {share.bound.amount}",
        tell=tell,
        code=code,
        retry_after_s=after,
    )


class Told:
    """Which limits have said no lately: one entry each in ten seconds, and how many were left out since the one before.

    A flood is what limits are for: writing down each of its requests would be another way to be flooded.
    """

    def __init__(self) -> None:
        self._told: dict[tuple[object, str], list[float]] = {}

    def admit(self, tenant: object, reason: str, now: float) -> int | None:
        """Return how many were left out since the last entry about this limit; None: this one is left out too."""
        entry = self._told.get((tenant, reason))
        if entry is None or now - entry[0] >= _QUIET_S:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told[tenant, reason] = [now, 0]
            return 0 if entry is None else int(entry[1])
        entry[1] += 1
        return None
