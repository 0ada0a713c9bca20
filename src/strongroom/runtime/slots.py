"""Which scope may use which of the engine's slots: the rule that keeps one tenant's prompt out of another's cache.

Always true here (no I/O, no clock, no event loop):
- a slot is leased to one scope at a time;
- a lease says `reuse` only when every token the slot may hold came from that same scope: the slot's last *answered*
  request was this scope's. A request that the engine refused, or that was cut off before its first answer, leaves the
  slot of unknown content, because the engine may not have cleared what was there;
- waiting is bounded, in all and per scope, and a scope that holds fewer slots goes first, then in turn: a scope with
  a thousand requests delays another's only request by at most one answer per slot.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass

from strongroom.runtime.cachescope import CacheScope


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """The right to use one slot, until it is given back.

    Attributes:
        slot: the engine's number of the slot.
        scope: whose request it serves.
        reuse: whether what the slot holds may be used as a prompt cache.
    """

    slot: int
    scope: CacheScope
    reuse: bool


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A place in the queue; two tickets are never equal."""

    scope: CacheScope


@dataclass(frozen=True, slots=True)
class Grant:
    """A slot has come free for someone who waited."""

    ticket: Ticket
    lease: Lease


class SlotTable:
    """The slots of one engine and who waits for them."""

    def __init__(self, slots: int, *, max_waiting: int, max_waiting_per_scope: int) -> None:
        if min(slots, max_waiting, max_waiting_per_scope) < 1:
            raise ValueError("slots and queue bounds are at least 1")
        self._holds: list[CacheScope | None] = [None] * slots  # whose tokens a slot holds; None: nobody's, or unknown
        self._idle: OrderedDict[int, None] = OrderedDict.fromkeys(range(slots))  # least recently used first
        self._leased: set[Lease] = set()
        self._queues: OrderedDict[CacheScope, deque[Ticket]] = OrderedDict()  # in turn order
        self._max_waiting = max_waiting
        self._max_waiting_per_scope = max_waiting_per_scope

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return sum(map(len, self._queues.values()))

    @property
    def busy(self) -> int:
        """How many slots are leased."""
        return len(self._leased)

    def ask(self, scope: CacheScope) -> Lease | Ticket | None:
        """Return a lease when a slot is idle, else a place in the queue, else nothing: the queue is full."""
        if self._idle:  # then nobody waits: `give_back` hands slots on at once
            return self._lease(scope)
        queue = self._queues.get(scope, ())
        if self.waiting >= self._max_waiting or len(queue) >= self._max_waiting_per_scope:
            return None
        ticket = Ticket(scope)
        self._queues.setdefault(scope, deque()).append(ticket)
        return ticket

    def give_back(self, lease: Lease, *, answered: bool) -> Grant | None:
        """End a lease and return who got the slot next.

        Args:
            lease: as given out; giving it back twice is a fault.
            answered: whether the engine began to answer the request in that slot, which means that the slot's
                content is now this scope's alone.
        """
        self._leased.remove(lease)
        self._holds[lease.slot] = lease.scope if answered else None
        self._idle[lease.slot] = None
        scope = self._next_scope()
        if scope is None:
            return None
        ticket = self._queues[scope].popleft()
        self._end_turn(scope)
        return Grant(ticket, self._lease(scope))

    def withdraw(self, ticket: Ticket) -> bool:
        """Leave the queue; returns False when the ticket has been granted meanwhile (then the lease is owed back)."""
        queue = self._queues.get(ticket.scope)
        if queue is None or ticket not in queue:
            return False
        queue.remove(ticket)
        if not queue:
            del self._queues[ticket.scope]
        return True

    def _lease(self, scope: CacheScope) -> Lease:
        slot = self._choose(scope)
        del self._idle[slot]
        lease = Lease(slot, scope, reuse=self._holds[slot] == scope)
        self._leased.add(lease)
        return lease

    def _choose(self, scope: CacheScope) -> int:
        """Return the scope's own idle slot (the freshest), else one that holds nobody's tokens, else the stalest."""
        own = [slot for slot in self._idle if self._holds[slot] == scope]
        empty = [slot for slot in self._idle if self._holds[slot] is None]
        return own[-1] if own else empty[0] if empty else next(iter(self._idle))

    def _next_scope(self) -> CacheScope | None:
        if not self._queues:
            return None
        held = dict.fromkeys(self._queues, 0)
        for lease in self._leased:
            if lease.scope in held:
                held[lease.scope] += 1
        return min(held, key=held.__getitem__)  # the first in turn among those that hold the fewest

    def _end_turn(self, scope: CacheScope) -> None:
        if self._queues[scope]:
            self._queues.move_to_end(scope)
        else:
            del self._queues[scope]
