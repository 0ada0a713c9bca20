"""A circuit breaker: a provider that fails is left alone for a while, then tried by one request, then trusted again.

Always true here:
- closed: everybody is let through; `failures` in a row open it;
- open: nobody is, until `first_s` have passed, twice as long after each trial that failed, `longest_s` at most;
- half-open: one request at a time is let through on trial, the next one when it is being answered; success closes,
  failure opens, and if a trial comes to nothing (its caller left) the next one is the trial;
- only what was let through since the last change counts: what began before tells of the past;
- a provider that says when to come back (429, 503) is left alone until then, `longest_s` at most;
- a question that is asked shortly before the time is over (`trials.py`) may keep it open for longer, and never closes it.

Pure: whoever asks says what time it is (seconds on any clock that does not go back).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final


@unique
class State(StrEnum):
    """What a breaker does with requests."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRule:
    """When a breaker opens, and for how long.

    Attributes:
        failures: in a row, that open it.
        first_s: how long it stays open at first.
        longest_s: how long at most; the bound on what a provider may ask for, too.
    """

    failures: int = 5
    first_s: float = 5.0
    longest_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Permit:
    """One request was let through, in the breaker's `era`."""

    era: int


class Breaker:
    """One breaker. One thread."""

    __slots__ = ("_asked", "_era", "_failures", "_opened", "_rule", "_state", "_trial", "_until")

    def __init__(self, rule: BreakerRule) -> None:
        self._rule: Final = rule
        self._state = State.CLOSED
        self._era = 0
        self._failures = 0
        self._opened = 0  # times in a row
        self._until = float("-inf")
        self._trial = False  # whether one is under way
        self._asked = -1  # the last era in which a question was asked, or is not to be

    def state(self, now: float) -> State:
        """Return what is done with a request at `now`."""
        if self._state is State.OPEN and now >= self._until:
            self._change(State.HALF_OPEN)
        return self._state

    def take(self, now: float) -> Permit | None:
        """Let a request through, or not. Each permit is given back by exactly one of the methods below `answering`."""
        state = self.state(now)
        if state is State.OPEN or (state is State.HALF_OPEN and self._trial):
            return None
        self._trial = state is State.HALF_OPEN
        return Permit(self._era)

    def answering(self, permit: Permit) -> None:
        """Take note that the provider has begun to answer; the permit is still out. A stream may take minutes."""
        if permit.era == self._era:
            self._trial = False

    def succeeded(self, permit: Permit) -> None:
        """Take back a permit: the provider answered."""
        if permit.era == self._era:
            self._failures = self._opened = 0
            if self._state is State.HALF_OPEN:
                self._change(State.CLOSED)

    def failed(self, permit: Permit, now: float) -> None:
        """Take back a permit: the provider failed."""
        if permit.era != self._era:
            return
        self._failures += 1
        if self._state is State.HALF_OPEN or self._failures >= self._rule.failures:
            self._open(now, self._next_s())

    def busy(self, permit: Permit, now: float, wait_s: float | None) -> None:
        """Take back a permit: the provider did not want the request, and may have said for how long."""
        if wait_s is None or wait_s <= 0:
            self.failed(permit, now)
        elif permit.era == self._era:
            self._open(now, min(wait_s, self._rule.longest_s))
            self._asked = self._era  # it said when to come back: nobody asks before

    def left(self, permit: Permit) -> None:
        """Take back a permit: the caller left before anything could be told of the provider."""
        if permit.era == self._era:
            self._trial = False

    def question(self, now: float, lead_s: float) -> int | None:
        """Return the era if what is open may be asked about now: once each time, when `lead_s` or less are left of it."""
        if self.state(now) is not State.OPEN or self._asked == self._era or self._until - now > lead_s:
            return None
        self._asked = self._era
        return self._era

    def unwell(self, era: int, now: float) -> None:
        """Take note that a question of `era` was answered badly or not at all: what is still open stays so for longer."""
        if era == self._era and self._state is State.OPEN:
            self._open(now, self._next_s())

    def _next_s(self) -> float:
        wanted: float = self._rule.first_s * 2 ** min(self._opened, 16)
        return min(wanted, self._rule.longest_s)

    def _open(self, now: float, for_s: float) -> None:
        self._until = now + for_s
        self._opened += 1
        self._change(State.OPEN)

    def _change(self, state: State) -> None:
        self._state = state
        self._era += 1
        self._trial = False
        self._failures = 0
