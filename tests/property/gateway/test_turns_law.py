"""Turns at an upstream against their law: in any order of asking, giving back, giving up and being cut off."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from strongroom.gateway.limits.fair import Turns
from strongroom.wire import ConnectFailed

PARTIES = "abc"


class Seats(RuleBasedStateMachine):
    """Holders and waiters as tasks of one loop that is turned by hand."""

    @initialize(seats=st.integers(1, 12), waiting=st.integers(1, 6), each=st.integers(1, 4))
    def make(self, seats: int, waiting: int, each: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.turns = Turns(seats, max_waiting=waiting, max_waiting_each=each)
        self.seats, self.bound, self.each = seats, waiting, each
        self.held: list[str] = []
        self.tasks: list[tuple[str, asyncio.Task[None]]] = []

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            for _, task in self.tasks:
                task.cancel()
            self.settle()
            self.loop.close()

    def settle(self) -> None:
        async def turn() -> None:
            for _ in range(4):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())
        for party, task in tuple(self.tasks):
            if task.done():
                self.tasks.remove((party, task))
                if task.cancelled():
                    continue
                error: Any = task.exception()
                if error is None:
                    self.held.append(party)
                else:
                    assert isinstance(error, ConnectFailed)

    @rule(party=st.sampled_from(PARTIES))
    def ask(self, party: str) -> None:
        if self.turns.take(party):
            self.held.append(party)
            return
        assert self.turns.busy == self.seats or self.held.count(party) == self.turns.most or self.waits(party)
        self.tasks.append((party, self.loop.create_task(self.turns.wait(party, 1000))))
        self.settle()

    def waits(self, party: str) -> int:
        return sum(each == party for each, _ in self.tasks)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), cancels=st.booleans())
    def give_back(self, data: st.DataObject, cancels: bool) -> None:
        party = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        self.turns.give_back(party)
        if cancels and self.tasks:  # at the very moment at which a seat may have come
            self.tasks[data.draw(st.integers(0, len(self.tasks) - 1))][1].cancel()
        self.settle()

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.tasks[data.draw(st.integers(0, len(self.tasks) - 1))][1].cancel()
        self.settle()

    @invariant()
    def seats_are_counted(self) -> None:
        if hasattr(self, "turns"):
            assert self.turns.busy == len(self.held) <= self.seats
            assert self.turns.waiting == len(self.tasks) <= self.bound
            assert all(count <= self.turns.most for count in Counter(self.held).values())
            assert all(self.waits(party) <= self.each for party in PARTIES)

    @invariant()
    def nobody_waits_beside_a_free_seat(self) -> None:
        """Who waits while a seat is free holds all that one tenant gets."""
        if hasattr(self, "turns") and self.turns.busy < self.seats:
            assert all(self.held.count(party) == self.turns.most for party, _ in self.tasks)


Seats.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestSeats = Seats.TestCase


async def test_a_flood_leaves_a_seat_and_then_every_other_turn_to_others() -> None:
    turns = Turns(16)
    flood = [asyncio.create_task(turns.wait("a", 100)) for _ in range(100) if not turns.take("a")]
    assert turns.busy == turns.most == 14
    assert turns.take("b")
    assert turns.take("b")
    third = asyncio.create_task(turns.wait("b", 100))
    await asyncio.sleep(0)
    turns.give_back("a")  # fewer seats are b's, so the turn is b's though a hundred have waited longer
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert third.done()
    for task in flood:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
