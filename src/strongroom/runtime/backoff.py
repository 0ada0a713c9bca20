"""How long to wait before what has crashed is started again: doubling, with jitter, to a cap; forgotten when stable."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BackoffPolicy:
    """The figures, in seconds.

    Attributes:
        first_s: wait after the first crash, before jitter.
        cap_s: the longest wait, jitter included.
        stable_s: what was up for this long was stable: its next crash is a first one.
    """

    first_s: float = 0.2
    cap_s: float = 30.0
    stable_s: float = 5.0


class Backoff:
    """The waits of one worker, process or server."""

    def __init__(self, policy: BackoffPolicy, *, jitter: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._jitter = jitter
        self._next_s = policy.first_s

    def after(self, ran_s: float) -> float:
        """Return the wait after `ran_s` of being ready: between half and all of a value that doubles from crash to crash."""
        if ran_s >= self._policy.stable_s:
            self._next_s = self._policy.first_s
        whole = min(self._next_s, self._policy.cap_s)
        self._next_s = min(whole * 2, self._policy.cap_s)
        return whole * (0.5 + self._jitter() / 2)
