"""How often callers whom nobody recognises, or one caller who is refused, may each have an entry of their own."""

from __future__ import annotations


class Strangers:
    """Lets so many entries of unrecognised callers through each second, so that they cannot fill the log.

    Whoever writes entries takes `counted` with it and subtracts what it wrote, so that a gap is never silent.
    """

    def __init__(self, rate: float = 20.0, burst: float | None = None) -> None:
        self._rate = rate
        self._burst = rate if burst is None else burst
        self._tokens = self._burst
        self._at = 0.0
        self.counted = 0

    def admit(self, now: float) -> bool:
        """Return whether this one is written by itself; it is counted if not. `now` in seconds."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            self.counted += 1
            return False
        self._tokens -= 1
        return True
