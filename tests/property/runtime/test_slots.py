"""The slot table against a model of the engine, and the lender against cancellation."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strongroom.runtime.cachescope import CacheScope, Caller
from strongroom.runtime.lender import Lender, QueueFullError
from strongroom.runtime.slots import Grant, Lease, SlotTable, Ticket

TENANTS = [CacheScope(letter * 64) for letter in "123"]
CALLERS = [Caller(TENANTS[number // 2], CacheScope(letter * 64)) for number, letter in enumerate("abcdef")]


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

    @rule(caller=st.sampled_from(CALLERS))
    def ask(self, caller: Caller) -> None:
        waits = self._waits()
        own = sum(ticket.caller == caller for ticket in self.tickets)
        match self.table.ask(caller):
            case Lease() as lease:
                assert not self.tickets, "somebody was overtaken"
                self._begin(lease)
            case Ticket() as ticket:
                assert len(self.leases) == self.slots
                assert own < self.per_scope
                self._evicted(ticket, waits)
                self.tickets.append(ticket)
            case None:
                fair = waits[caller.tenant] + 1 >= max(waits.values())
                assert own >= self.per_scope or (len(self.tickets) >= self.bound and fair), "refused below its share"

    def _waits(self) -> dict[CacheScope, int]:
        return {tenant: sum(ticket.caller.tenant == tenant for ticket in self.tickets) for tenant in TENANTS}

    def _evicted(self, ticket: Ticket, waits: dict[CacheScope, int]) -> None:
        gone = ticket.evicts
        assert (gone is None) == (len(self.tickets) < self.bound)
        if gone is not None:
            assert waits[gone.caller.tenant] == max(waits.values()) > waits[ticket.caller.tenant] + 1
            newest = [other for other in self.tickets if other.caller.tenant == gone.caller.tenant][-1]
            assert gone is newest
            assert not self.table.withdraw(gone)
            self.tickets.remove(gone)

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
        winner = grant.ticket.caller
        first = next(ticket for ticket in self.tickets if ticket.caller == winner)
        assert grant.ticket is first, "within a scope, first come is first served"
        tenants = Counter(lease.caller.tenant for lease in self.leases)
        assert tenants[winner.tenant] == min(tenants[ticket.caller.tenant] for ticket in self.tickets)
        scopes = Counter(lease.scope for lease in self.leases)
        own = [ticket.caller.scope for ticket in self.tickets if ticket.caller.tenant == winner.tenant]
        assert scopes[winner.scope] == min(scopes[scope] for scope in own), "a scope that held more went first"
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


def test_a_tenant_of_many_workloads_does_not_starve_one_of_one() -> None:
    table = SlotTable(1, max_waiting=64, max_waiting_per_scope=16)
    crowd = [Caller(TENANTS[0], CacheScope(f"{number:064x}")) for number in range(7)]
    lease = table.ask(crowd[0])
    assert isinstance(lease, Lease)
    waiting = [table.ask(caller) for caller in crowd for _ in range(16)]
    assert table.waiting == 64
    assert None in waiting
    lonely = table.ask(Caller(TENANTS[1], CacheScope("f" * 64)))
    assert isinstance(lonely, Ticket)
    assert lonely.evicts is [ticket for ticket in waiting if ticket][-1]
    grant = table.give_back(lease, answered=True)
    assert grant is not None
    assert grant.ticket is lonely


def test_a_scope_keeps_its_slot_and_an_unanswered_request_spoils_it() -> None:
    table = SlotTable(2, max_waiting=1, max_waiting_per_scope=1)

    def use(caller: Caller, *, answered: bool = True) -> Lease:
        lease = table.ask(caller)
        assert isinstance(lease, Lease)
        table.give_back(lease, answered=answered)
        return lease

    first = use(CALLERS[0])
    assert not first.reuse
    use(CALLERS[1])
    again = use(CALLERS[0])
    assert (again.slot, again.reuse) == (first.slot, True)
    use(CALLERS[0], answered=False)
    assert not use(CALLERS[0]).reuse


async def test_whose_place_is_taken_back_is_told_at_once() -> None:
    lender = Lender(SlotTable(1, max_waiting=2, max_waiting_per_scope=2))
    ended: list[str] = []
    done = asyncio.Event()

    async def borrow(name: str, caller: Caller) -> None:
        try:
            async with lender.borrow(caller):
                await done.wait()
                ended.append(name)
        except QueueFullError:
            ended.append(f"{name} refused")
            done.set()

    async with asyncio.TaskGroup() as tasks:
        for name, number in (("holds", 0), ("first", 0), ("second", 1), ("lonely", 2)):
            tasks.create_task(borrow(name, CALLERS[number]))
    assert ended == ["second refused", "holds", "lonely", "first"]


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_cancelled_borrowers_lose_no_slot(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - a schedule, not a secret

    async def borrow(lender: Lender, caller: Caller) -> None:
        async with lender.borrow(caller) as held:
            await asyncio.sleep(0)
            held.answered = True

    async def scenario() -> None:
        table = SlotTable(2, max_waiting=4, max_waiting_per_scope=3)
        lender = Lender(table)
        tasks = []
        for _ in range(40):
            tasks.append(asyncio.create_task(borrow(lender, dice.choice(CALLERS))))
            for _ in range(dice.randrange(3)):
                await asyncio.sleep(0)
            if dice.random() < 0.5:
                dice.choice(tasks).cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError | QueueFullError) for result in results)
        assert (table.busy, table.waiting) == (0, 0)

    asyncio.run(scenario())
