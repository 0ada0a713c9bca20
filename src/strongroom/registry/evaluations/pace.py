"""How fast a workload may tell labels: a rate each, in the memory of the one process that takes them."""

from __future__ import annotations

import math
from typing import Final

from strongroom.kernel.clock import Clock
from strongroom.kernel.refusal import Refusal, RefusalKind

A_MINUTE: Final = 5000
"""Labels that one workload may tell in a minute; as many at once after a pause."""

_A_CALL: Final = 50  # what a call costs beside its labels: one label at a time, a hundred calls a minute
_MOST: Final = 10_000


class Pace:
    """Counts down. One event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._left: Final[dict[str, tuple[float, float]]] = {}

    def take(self, workload: str, labels: int) -> Refusal | None:
        """Count a call with so many labels, or return the no to it; what is refused is not counted."""
        now, cost = self._clock.boottime(), labels + _A_CALL
        left, at = self._left.get(workload, (float(A_MINUTE), now))
        left = min(float(A_MINUTE), left + (now - at) * A_MINUTE / 60)
        if left < cost:
            wait = math.ceil((cost - left) * 60 / A_MINUTE)
            tell = f"A workload tells {A_MINUTE:,} labels a minute, each call counting as {_A_CALL} more. Try again in {wait} s."
            return Refusal(
                kind=RefusalKind.LIMITED, reason="labels: the workload's rate is used up", tell=tell, retry_after_s=wait
            )
        if len(self._left) >= _MOST:
            self._left.clear()  # of so many workloads none is what this is for
        self._left[workload] = left - cost, now
        return None
