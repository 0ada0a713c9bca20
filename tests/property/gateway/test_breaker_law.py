"""The circuit breaker keeps its promises in whatever order things happen."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strongroom.gateway.breaker import Breaker, BreakerRule, Permit, State

WAITS = st.floats(0.01, 200, allow_nan=False)


class Life(RuleBasedStateMachine):
    """A model beside it: how many failed in a row since the last change, and until when it is open."""

    @initialize(failures=st.integers(1, 5))
    def begin(self, failures: int) -> None:
        self.law = BreakerRule(failures=failures, first_s=2.0, longest_s=10.0)
        self.breaker = Breaker(self.law)
        self.now = 0.0
        self.out: list[Permit] = []
        self.stale: list[Permit] = []
        self.in_a_row = 0
        self.opened_at: float | None = None

    def changed(self) -> None:
        self.stale += self.out
        self.out, self.in_a_row = [], 0

    @rule(seconds=WAITS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def somebody_asks(self) -> None:
        before = self.breaker.state(self.now)
        if before is State.HALF_OPEN and self.opened_at is not None:
            self.changed()
            self.opened_at = None
        permit = self.breaker.take(self.now)
        if before is State.CLOSED:
            assert permit is not None
        elif before is State.OPEN:
            assert permit is None
        else:
            assert (permit is None) == (len(self.out) > 0)  # one trial at a time
        if permit is not None:
            self.out.append(permit)

    @precondition(lambda self: self.out)
    @rule(failed=st.booleans())
    def it_ends(self, failed: bool) -> None:
        state = self.breaker.state(self.now)
        permit = self.out.pop(0)
        if not failed:
            self.breaker.succeeded(permit)
            self.in_a_row = 0
            if state is State.HALF_OPEN:
                assert self.breaker.state(self.now) is State.CLOSED
                self.changed()
            return
        self.breaker.failed(permit, self.now)
        self.in_a_row += 1
        if state is State.HALF_OPEN or self.in_a_row == self.law.failures:
            assert self.breaker.state(self.now) is State.OPEN
            self.opened_at = self.now
            self.changed()

    @precondition(lambda self: self.out)
    @rule(wait=WAITS)
    def it_is_busy(self, wait: float) -> None:
        self.breaker.busy(self.out.pop(0), self.now, wait)
        assert self.breaker.state(self.now) is State.OPEN
        self.opened_at = self.now
        self.changed()

    @rule(lead=WAITS, unwell=st.booleans())
    def it_is_asked_how_it_is(self, lead: float, unwell: bool) -> None:
        before = self.breaker.state(self.now)
        era = self.breaker.question(self.now, lead)
        assert era is None or before is State.OPEN
        if era is None:
            return
        assert self.breaker.question(self.now, lead) is None  # once each time it opens
        if unwell:
            self.breaker.unwell(era, self.now)
            assert self.breaker.state(self.now) is State.OPEN
            self.opened_at = self.now
            self.changed()

    @precondition(lambda self: self.out)
    @rule()
    def its_caller_leaves(self) -> None:
        before = self.breaker.state(self.now)
        self.breaker.left(self.out.pop(0))
        assert self.breaker.state(self.now) is before

    @precondition(lambda self: self.stale)
    @rule(failed=st.booleans())
    def what_began_before_the_last_change_ends(self, failed: bool) -> None:
        before = self.breaker.state(self.now)
        permit = self.stale.pop()
        self.breaker.failed(permit, self.now) if failed else self.breaker.succeeded(permit)
        assert self.breaker.state(self.now) is before

    @invariant()
    def it_never_stays_open_beyond_its_bound(self) -> None:
        opened = getattr(self, "opened_at", None)
        if opened is not None and self.now >= opened + self.law.longest_s:
            assert self.breaker.state(self.now) is State.HALF_OPEN
            self.changed()
            self.opened_at = None


Life.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase


def test_it_stays_open_twice_as_long_after_each_trial_that_fails_and_no_longer_than_its_bound() -> None:
    breaker, now, waits = Breaker(BreakerRule(failures=1, first_s=5, longest_s=60)), 0.0, []
    for _ in range(6):
        permit = breaker.take(now)
        assert permit is not None
        breaker.failed(permit, now)
        begun = now
        while breaker.state(now) is State.OPEN:
            now += 1
        waits.append(now - begun)
    assert waits == [5, 10, 20, 40, 60, 60]


def test_an_answer_to_a_question_counts_while_what_it_was_about_stands_and_never_closes() -> None:
    breaker = Breaker(BreakerRule(failures=1, first_s=5, longest_s=60))
    permit = breaker.take(0.0)
    assert permit is not None
    breaker.failed(permit, 0.0)
    assert breaker.question(2.9, 2.0) is None  # too early
    era = breaker.question(3.0, 2.0)
    assert era is not None
    breaker.unwell(era, 4.0)
    assert breaker.state(13.9) is State.OPEN  # ten seconds from then
    breaker.unwell(era, 13.9)  # late: it was about what is over
    assert breaker.state(14.0) is State.HALF_OPEN
    trial = breaker.take(14.0)
    assert trial is not None
    breaker.busy(trial, 14.0, 30.0)
    assert breaker.question(43.9, 2.0) is None  # it said when to come back
    assert breaker.state(44.0) is State.HALF_OPEN
