"""Slots for asyncio: waits in the table's queue, and gives every slot back whatever ends a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypeVar

from strongroom.runtime.cachescope import Caller
from strongroom.runtime.slots import Lease, SlotTable, Ticket

_Result = TypeVar("_Result")


class QueueFullError(Exception):
    """No slot is idle and no place to wait is left."""


class Held:
    """A leased slot, and whether the engine has begun to answer in it."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.answered = False


class Lender:
    """Lends the slots of one engine to coroutines of one event loop."""

    def __init__(self, table: SlotTable) -> None:
        self._table = table
        self._woken: dict[Ticket, asyncio.Future[bool]] = {}
        self._granted: dict[Ticket, Lease] = {}

    @asynccontextmanager
    async def borrow(self, caller: Caller) -> AsyncGenerator[Held]:
        """Hold a slot for the length of the block; set `answered` on what is yielded once the engine answers.

        Raises:
            QueueFullError: at once, instead of waiting without bound; or later, when the place went to another tenant.
        """
        held = Held(await self._lease(caller))
        try:
            yield held
        finally:
            self._return(held.lease, answered=held.answered)

    async def _lease(self, caller: Caller) -> Lease:
        match self._table.ask(caller):
            case Lease() as lease:
                return lease
            case Ticket() as ticket:
                if ticket.evicts is not None:
                    self._wake(ticket.evicts, granted=False)
                return await self._wait(ticket)
            case None:
                raise QueueFullError

    async def _wait(self, ticket: Ticket) -> Lease:
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._woken[ticket] = woken
        try:
            granted = await woken
        except asyncio.CancelledError:
            # Cancelled while waiting, or between the grant and waking up: then the slot is ours to hand on.
            if not self._table.withdraw(ticket) and (lease := self._granted.pop(ticket, None)) is not None:
                self._return(lease, answered=False)
            raise
        finally:
            del self._woken[ticket]
        if not granted:
            raise QueueFullError
        return self._granted.pop(ticket)

    def _return(self, lease: Lease, *, answered: bool) -> None:
        grant = self._table.give_back(lease, answered=answered)
        if grant is not None:
            self._granted[grant.ticket] = grant.lease
            self._wake(grant.ticket, granted=True)

    def _wake(self, ticket: Ticket, *, granted: bool) -> None:
        woken = self._woken[ticket]
        if not woken.done():  # a waiter that is being cancelled finds its lease and hands it on
            woken.set_result(granted)


async def even_if_cancelled(work: asyncio.Future[_Result]) -> _Result:
    """Await `work`; when cancelled, still wait for its end, or the next lease would queue behind it unseen."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait({work})
        raise
