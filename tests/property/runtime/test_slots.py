"""The slot table against a model of the engine, and the lender against cancellation."""

from __future__ import annotations

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strongroom.runtime.cachescope import CacheScope
from strongroom.runtime.lender import Lender, QueueFullError
from strongroom.runtime.slots import Grant, Lease, SlotTable, Ticket

SCOPES = [CacheScope(letter * 64) for letter in "abcd"]


class Engine:
    """What llama.cpp's slots hold: whose tokens. Refused and cut-off requests may leave them, or not."""

    def __init__(self, slots: int) -> None:
        self.tokens: list[set[CacheScope]] = [set() for _ in range(slots)]

    def begin(self, lease: Lease) -> None:
        if lease.reuse:
            assert self.tokens[lease.slot] <= {lease.scope}, "a scope was let into another's cache"

    def end(self, lease: Lease, *, answered: bool, touched: bool) -> None:
        if answered and not lease.reuse:
            self.tokens[lease.slot] = {lease.scope}
        elif answered or touched:
            self.tokens[lease.slot].add(lease.scope)


class Slots(RuleBasedStateMachine):
    """Any order of asking, giving back and giving up."""

    @initialize(slots=st.integers(1, 4), waiting=st.integers(1, 6), per_scope=st.integers(1, 3))
    def make(self, slots: int, waiting: int, per_scope: int) -> None:
        self.slots, self.bound, self.per_scope = slots, waiting, per_scope
        self.table = SlotTable(slots, max_waiting=waiting, max_waiting_per_scope=per_scope)
        self.engine = Engine(slots)
        self.leases: list[Lease] = []
        self.tickets: list[Ticket] = []
        self.passed: dict[Ticket, int] = {}

    @rule(scope=st.sampled_from(SCOPES))
    def ask(self, scope: CacheScope) -> None:
        match self.table.ask(scope):
            case Lease() as lease:
                assert not self.tickets, "somebody was overtaken"
                self._begin(lease)
            case Ticket() as ticket:
                assert len(self.leases) == self.slots
                self.tickets.append(ticket)
                self.passed[ticket] = 0
            case None:
                own = sum(ticket.scope == scope for ticket in self.tickets)
                assert len(self.tickets) >= self.bound or own >= self.per_scope

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), answered=st.booleans(), touched=st.booleans())
    def give_back(self, data: st.DataObject, *, answered: bool, touched: bool) -> None:
        lease = data.draw(st.sampled_from(self.leases))
        self.leases.remove(lease)
        self.engine.end(lease, answered=answered, touched=touched)
        grant = self.table.give_back(lease, answered=answered)
        assert (grant is None) == (not self.tickets), "a slot stood idle while somebody waited"
        if grant is not None:
            self._granted(grant)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.tickets))
        assert self.table.withdraw(ticket)
        assert not self.table.withdraw(ticket)
        self.tickets.remove(ticket)

    def _granted(self, grant: Grant) -> None:
        first = next(ticket for ticket in self.tickets if ticket.scope == grant.ticket.scope)
        assert grant.ticket is first, "within a scope, first come is first served"
        held = {scope: sum(lease.scope == scope for lease in self.leases) for scope in SCOPES}
        waiting = {ticket.scope for ticket in self.tickets}
        assert held[grant.ticket.scope] == min(held[scope] for scope in waiting), "a scope that held more went first"
        self.tickets.remove(grant.ticket)
        self._begin(grant.lease)

    def _begin(self, lease: Lease) -> None:
        assert lease.slot not in {other.slot for other in self.leases}, "two leases on one slot"
        self.engine.begin(lease)
        self.leases.append(lease)

    @invariant()
    def counts_agree(self) -> None:
        if hasattr(self, "table"):
            assert self.table.busy == len(self.leases)
            assert self.table.waiting == len(self.tickets) <= self.bound


TestSlots = Slots.TestCase
TestSlots.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_a_crowd_does_not_starve_one() -> None:
    table = SlotTable(1, max_waiting=100, max_waiting_per_scope=50)
    lease = table.ask(SCOPES[0])
    assert isinstance(lease, Lease)
    for _ in range(50):
        table.ask(SCOPES[0])
    lonely = table.ask(SCOPES[1])
    assert isinstance(lonely, Ticket)
    order = []
    for _ in range(3):
        grant = table.give_back(lease, answered=True)
        assert grant is not None
        order.append(grant.lease.scope)
        lease = grant.lease
    assert SCOPES[1] in order[:2]


def test_a_scope_keeps_its_slot_and_an_unanswered_request_spoils_it() -> None:
    table = SlotTable(2, max_waiting=1, max_waiting_per_scope=1)

    def use(scope: CacheScope, *, answered: bool = True) -> Lease:
        lease = table.ask(scope)
        assert isinstance(lease, Lease)
        table.give_back(lease, answered=answered)
        return lease

    first = use(SCOPES[0])
    assert not first.reuse
    use(SCOPES[1])
    again = use(SCOPES[0])
    assert (again.slot, again.reuse) == (first.slot, True)
    use(SCOPES[0], answered=False)
    assert not use(SCOPES[0]).reuse


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_cancelled_borrowers_lose_no_slot(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a schedule, not a secret

    async def borrow(lender: Lender, scope: CacheScope) -> None:
        async with lender.borrow(scope) as held:
            await asyncio.sleep(0)
            held.answered = True

    async def scenario() -> None:
        table = SlotTable(2, max_waiting=8, max_waiting_per_scope=4)
        lender = Lender(table)
        tasks = []
        for _ in range(40):
            tasks.append(asyncio.create_task(borrow(lender, dice.choice(SCOPES))))
            for _ in range(dice.randrange(3)):
                await asyncio.sleep(0)
            if dice.random() < 0.5:
                dice.choice(tasks).cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError | QueueFullError) for result in results)
        assert (table.busy, table.waiting) == (0, 0)

    asyncio.run(scenario())
