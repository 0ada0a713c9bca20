"""The law of limits: however processes reserve, settle, die and lose the database, together they never use more.

The counters are the arithmetic that the database does too (`tests/functional/gateway/test_limit_counters.py` holds the two
together); the processes are real ledgers, each with shares of its own, driven by hand.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strongroom.app.processes import ROUND_S
from strongroom.gateway.limits import Claim, Leases, Ledger, Reservation
from strongroom.gateway.limits.buckets import Ask, Grant
from strongroom.gateway.limits.memory import MemorySource
from strongroom.gateway.limits.shares import Key, keep_of
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.limits import Bound, Limits, Measure, Per

WHO = Principal(
    role=Role.INFERENCE,
    name="search",
    credential=KeyId("k" * 16),
    tenant=TenantId(UUID(int=1)),
    environment=Environment.PROD,
    workload=WorkloadId(UUID(int=2)),
)
PROCESSES = 3
logging.getLogger("strongroom.gateway.limits.leases").setLevel(logging.ERROR)  # outages are what is tested
START_US = 20_000 * 86_400_000_000 + 86_000_000_000  # a little before midnight


class Time:
    """One time for all processes; `Clock` as the product has it."""

    def __init__(self) -> None:
        self.us = START_US

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.us / 1e6, UTC)

    def boottime(self) -> float:
        return (self.us - START_US) / 1e6 + 1000.0


@dataclass
class Process:
    leases: Leases
    ledger: Ledger
    open: list[Reservation] = field(default_factory=list)


def bound(measure: Measure, amount: int, burst: int = 0) -> Bound:
    return Bound(measure=measure, per=Per.WORKLOAD, among="", amount=amount, burst=burst or amount)


async def reserved(process: Process, limits: Limits, claim: Claim) -> Reservation | Refusal:
    """Reserve, with rounds carried out as they are asked for."""
    plan = process.ledger.plan(WHO, "tiny", limits)
    asking = asyncio.ensure_future(process.ledger.reserve(plan, claim))
    for _ in range(8):
        await asyncio.sleep(0)
        if asking.done():
            break
        await process.leases.go_round()
    return await asking


class Counters(RuleBasedStateMachine):
    """Any order of reserving, settling, time, crashes and outages."""

    @initialize(
        rate=st.integers(1, 200),
        burst=st.integers(1, 400),
        tokens=st.integers(600, 100_000),
        day=st.integers(600, 200_000),
        life=st.integers(0, 60),
        slots=st.integers(1, 20),
    )
    def make(self, rate: int, burst: int, tokens: int, day: int, life: int, slots: int) -> None:
        self.time = Time()
        self.source = MemorySource(lambda: self.time.us)
        self.bounds = (
            bound(Measure.REQUESTS, rate, burst),
            bound(Measure.TOKENS, tokens),
            bound(Measure.TOKENS_DAY, day),
            bound(Measure.QUERIES, life),
            bound(Measure.CONCURRENCY, slots),
        )
        self.limits = Limits(bounds=self.bounds)
        self.processes = [self.process() for _ in range(PROCESSES)]
        self.asked: list[tuple[int, int]] = []  # when, how many so far
        self.requests = self.queries = self.tokens = 0
        self.by_day: dict[int, int] = {}
        self.began = self.time.us

    def process(self) -> Process:
        leases = Leases(self.source, self.time, processes=PROCESSES)
        return Process(leases, Ledger(leases, self.time))

    @rule(which=st.integers(0, PROCESSES - 1), tokens=st.integers(1, 3000), queries=st.sampled_from([1, 1, 1, 7, 90]))
    def reserve(self, which: int, tokens: int, queries: int) -> None:
        process = self.processes[which]
        got = asyncio.run(reserved(process, self.limits, Claim(tokens, queries=queries)))
        if isinstance(got, Refusal):
            assert got.kind in {RefusalKind.LIMITED, RefusalKind.UNAVAILABLE}
            if got.kind is RefusalKind.UNAVAILABLE:
                assert self.source.away, "a database that answers was not reached"
            return
        process.open.append(got)
        self.requests += 1
        self.queries += queries
        self.tokens += tokens
        day = got.periods[1]
        self.by_day[day] = self.by_day.get(day, 0) + tokens
        self.asked.append((self.time.us, self.requests))

    @precondition(lambda self: any(process.open for process in self.processes))
    @rule(data=st.data(), part=st.floats(0, 1), how=st.sampled_from(["settle", "settle", "charge", "release"]))
    def end(self, data: st.DataObject, part: float, how: str) -> None:
        process = data.draw(st.sampled_from([each for each in self.processes if each.open]))
        reservation = process.open.pop(data.draw(st.integers(0, len(process.open) - 1)))
        used = reservation.claim.tokens
        if how == "settle":
            used = int(used * part)
            process.ledger.settle(reservation, used, 0)
        elif how == "charge":
            process.ledger.charge(reservation)
        else:
            used = 0
            process.ledger.release(reservation)
            self.requests -= 1
            self.queries -= reservation.claim.queries
            self.asked.append((self.time.us, self.requests))
        process.ledger.settle(reservation, 0, 0)  # it has ended: nothing comes back twice
        self.tokens -= reservation.claim.tokens - used
        self.by_day[reservation.periods[1]] -= reservation.claim.tokens - used

    @rule(ms=st.sampled_from([1, 30, 400, 1500, 7000]))
    def pass_time(self, ms: int) -> None:
        self.time.us += ms * 1000
        for process in self.processes:
            process.leases.sweep(self.time.boottime())
            asyncio.run(process.leases.go_round())

    @rule(which=st.integers(0, PROCESSES - 1))
    def crash(self, which: int) -> None:
        """Nobody says goodbye: what it held and what was under way there is gone."""
        self.processes[which] = self.process()

    @rule(how=st.sampled_from(["", "", "gone", "silent"]))
    def database(self, how: str) -> None:
        self.source.away = how
        self.time.us += 300_000  # for so long nobody asks again after an outage was seen

    @invariant()
    def requests_in_the_long_run(self) -> None:
        rate, burst = self.bounds[0].amount, self.bounds[0].burst
        assert self.requests <= burst + rate * (self.time.us - self.began) / 1e6
        tokens = self.bounds[1].amount
        assert self.tokens <= tokens + tokens * (self.time.us - self.began) / 60e6

    @invariant()
    def requests_in_any_window(self) -> None:
        """Between any two moments: the burst, what the rate brings, and what processes held before."""
        one = self.bounds[0]
        shift = PROCESSES * keep_of(one, PROCESSES)
        if self.asked:
            now_us, now = self.asked[-1]
            for then_us, then in self.asked[:-1]:
                assert now - then <= one.burst + one.amount * (now_us - then_us) / 1e6 + shift

    @invariant()
    def no_day_is_exceeded(self) -> None:
        assert all(used <= self.bounds[2].amount for used in self.by_day.values())

    @invariant()
    def no_life_is_exceeded(self) -> None:
        assert self.queries <= self.bounds[3].amount

    @invariant()
    def slots_are_held_once(self) -> None:
        """Of processes whose leases hold: one that could not renew in time takes nothing new."""
        now, busy = self.time.boottime(), 0
        for process in self.processes:
            for share in {share for each in process.open for share in each.plan.slots}:
                busy += share.busy if now < share.ends else 0
        assert busy <= self.bounds[4].amount

    @invariant()
    def shares_are_small(self) -> None:
        for process in self.processes:
            for share in process.ledger.plan(WHO, "tiny", self.limits).shares:
                if not share.is_slots:
                    assert share.left <= share.keep


Counters.TestCase.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestCounters = Counters.TestCase


async def test_a_share_that_nobody_uses_comes_back() -> None:
    """An honest case: a cap for life that one process holds in part is used to the last query by another."""
    time = Time()
    source = MemorySource(lambda: time.us)
    limits = Limits(bounds=(bound(Measure.QUERIES, 600),))
    one, other = (Leases(source, time, processes=2) for _ in range(2))
    first, second = Process(one, Ledger(one, time)), Process(other, Ledger(other, time))
    assert isinstance(await reserved(first, limits, Claim()), Reservation)
    answers = [await reserved(second, limits, Claim()) for _ in range(599)]
    assert isinstance(answers[-1], Refusal), "what the first process holds is nobody else's"
    assert answers[-1].code == "lifetime_cap_reached"
    assert answers[-1].retry_after_s is None
    taken = sum(isinstance(each, Reservation) for each in answers)
    time.us += 6_000_000
    for process in (first, second):
        process.leases.sweep(time.boottime())
        await process.leases.go_round()
    while isinstance(await reserved(second, limits, Claim()), Reservation):
        taken += 1
    assert 1 + taken == 600


async def test_an_outage_lets_shares_be_used_up_and_nothing_more() -> None:
    time = Time()
    source = MemorySource(lambda: time.us)
    limits = Limits(bounds=(bound(Measure.REQUESTS, 100, 1000),))
    leases = Leases(source, time, processes=2)
    process = Process(leases, Ledger(leases, time))
    assert isinstance(await reserved(process, limits, Claim()), Reservation)
    source.away = "gone"
    passed = 0
    while isinstance(got := await reserved(process, limits, Claim()), Reservation):
        passed += 1
    assert passed == keep_of(limits.bounds[0], 2)
    assert got.kind is RefusalKind.UNAVAILABLE
    source.away = ""
    time.us += 300_000
    assert isinstance(await reserved(process, limits, Claim()), Reservation)


async def test_who_keeps_asking_waits_for_no_round() -> None:
    """A share that is used is renewed before it ends: else all that is under way would wait twice a minute, and one slow
    round of the database refuse it."""
    time = Time()
    source = MemorySource(lambda: time.us)
    bounds = (
        bound(Measure.REQUESTS, 1000),
        bound(Measure.TOKENS, 1_000_000),
        bound(Measure.TOKENS_DAY, 100_000_000),
        bound(Measure.QUERIES, 1_000_000),
        bound(Measure.CONCURRENCY, 100),
    )
    limits, leases = Limits(bounds=bounds), Leases(source, time, processes=2)
    process = Process(leases, Ledger(leases, time))
    first = await reserved(process, limits, Claim(1000))
    assert isinstance(first, Reservation)
    process.ledger.settle(first, 5, 2)
    plan = process.ledger.plan(WHO, "tiny", limits)
    for _ in range(200):
        time.us += 500_000
        taken = process.ledger.take(plan, Claim(1000))
        assert taken is not None, [
            (share.key.measure, share.left, share.ends - time.boottime()) for share in plan.shares
        ]
        process.ledger.settle(taken, 5, 2)
        leases.sweep(time.boottime())
        await leases.go_round()
    # Nobody asks any more: all of it goes back, and no round is asked for.
    for _ in range(80):
        time.us += 500_000
        leases.sweep(time.boottime())
        await leases.go_round()
    assert [(share.key.measure, share.left, share.back) for share in plan.shares if share.left or share.back] == []
    rounds = source.rounds
    leases.sweep(time.boottime())
    await leases.go_round()
    assert source.rounds == rounds


class SlowSource(MemorySource):
    """A database on a loaded machine: its rounds take their time, and are carried out."""

    async def lease(
        self, holder: UUID, processes: int, ttl_us: int, asks: Sequence[tuple[Key, Ask]]
    ) -> Sequence[Grant]:
        await asyncio.sleep(0.6 * ROUND_S)
        return await super().lease(holder, processes, ttl_us, asks)


async def test_a_round_that_is_not_given_up_refuses_nobody() -> None:
    """Requests wait as long as a round may take."""
    clock = SystemClock()
    leases = Leases(SlowSource(lambda: int(clock.boottime() * 1e6)), clock, processes=1)
    ledger, limits = Ledger(leases, clock), Limits(bounds=(bound(Measure.REQUESTS, 100),))
    running = asyncio.create_task(leases.run())
    try:
        plan = ledger.plan(WHO, "tiny", limits)
        got = await asyncio.gather(*(ledger.reserve(plan, Claim()) for _ in range(20)))
        assert [type(each) for each in got] == [Reservation] * 20
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
