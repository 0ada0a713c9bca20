"""Which scope may use which of the engine's slots: the rule that keeps one tenant's prompt out of another's cache.

Always true here (no I/O, no clock, no event loop):
- a slot is leased to one scope at a time;
- a lease says `reuse` only when every token the slot may hold came from that same scope: the slot's last *answered*
  request was this scope's. A request that the engine refused, or that was cut off before its first answer, leaves the
  slot of unknown content, because the engine may not have cleared what was there;
- waiting is bounded, and shared by tenant first, then by scope: who holds fewer slots goes first, then in turn. A tenant
  with a thousand requests of a hundred workloads delays another's only request by at most one answer per slot;
- a full queue makes room for a tenant who waits less than another: the newest place of the one who waits most is taken
  back. So a tenant who holds no place is refused only when as many tenants wait as there are places.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from strongroom.runtime.cachescope import CacheScope, Caller


@dataclass(frozen=True, slots=True, eq=False)
class Lease:
    """The right to use one slot, until it is given back.

    Attributes:
        slot: the engine's number of the slot.
        caller: whose request it serves.
        reuse: whether what the slot holds may be used as a prompt cache.
    """

    slot: int
    caller: Caller
    reuse: bool

    @property
    def scope(self) -> CacheScope:
        """Return whose cache it is."""
        return self.caller.scope


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """A place in the queue; two tickets are never equal. `evicts` has lost its place to this one."""

    caller: Caller
    evicts: Ticket | None = None


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
        self._tenants: OrderedDict[CacheScope, _Line] = OrderedDict()  # who waits, in turn order
        self._queue_size = 0
        self._max_waiting = max_waiting
        self._max_waiting_per_scope = max_waiting_per_scope

    @property
    def waiting(self) -> int:
        """How many requests wait."""
        return self._queue_size

    @property
    def busy(self) -> int:
        """How many slots are leased."""
        return len(self._leased)

    def ask(self, caller: Caller) -> Lease | Ticket | None:
        """Return a lease when a slot is idle, else a place in the queue, else nothing: the queue is full.

        A ticket may say whose place it took; that one waits no longer.
        """
        if self._idle:  # then nobody waits: `give_back` hands slots on at once
            return self._lease(caller)
        line = self._tenants.get(caller.tenant)
        if line is not None and line.of(caller.scope) >= self._max_waiting_per_scope:
            return None
        evicted = None
        if self._queue_size >= self._max_waiting:
            evicted = self._evict(0 if line is None else line.size)
            if evicted is None:
                return None
        ticket = Ticket(caller, evicted)
        self._tenants.setdefault(caller.tenant, _Line()).add(ticket)
        self._queue_size += 1
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
        self._had_its_turn(lease.caller)
        tenant = self._next(self._tenants, [lease.caller.tenant for lease in self._leased])
        if tenant is None:
            return None
        line = self._tenants[tenant]
        scope = self._next(line.scopes, [lease.scope for lease in self._leased])
        assert scope is not None  # noqa: S101 - a tenant without a waiting scope is not in line
        ticket = line.scopes[scope][0]
        self._had_its_turn(ticket.caller)
        self._remove(ticket)
        return Grant(ticket, self._lease(ticket.caller))

    def withdraw(self, ticket: Ticket) -> bool:
        """Leave the queue; returns False when the ticket has been granted meanwhile (then the lease is owed back)."""
        line = self._tenants.get(ticket.caller.tenant)
        if line is None or ticket not in line.scopes.get(ticket.caller.scope, ()):
            return False
        self._remove(ticket)
        return True

    def _had_its_turn(self, caller: Caller) -> None:
        line = self._tenants.get(caller.tenant)
        if line is not None:
            self._tenants.move_to_end(caller.tenant)
            if caller.scope in line.scopes:
                line.scopes.move_to_end(caller.scope)

    def _evict(self, held: int) -> Ticket | None:
        """Take back the newest place of the tenant who waits most, if that is more than one above `held`."""
        most = max(self._tenants.values(), key=lambda line: line.size)
        if most.size <= held + 1:
            return None
        newest = most.newest()
        self._remove(newest)
        return newest

    def _remove(self, ticket: Ticket) -> None:
        line = self._tenants[ticket.caller.tenant]
        line.remove(ticket)
        self._queue_size -= 1
        if not line.size:
            del self._tenants[ticket.caller.tenant]

    def _lease(self, caller: Caller) -> Lease:
        slot = self._choose(caller.scope)
        del self._idle[slot]
        lease = Lease(slot, caller, reuse=self._holds[slot] == caller.scope)
        self._leased.add(lease)
        return lease

    def _choose(self, scope: CacheScope) -> int:
        """Return the scope's own idle slot (the freshest), else one that holds nobody's tokens, else the stalest."""
        own = [slot for slot in self._idle if self._holds[slot] == scope]
        empty = [slot for slot in self._idle if self._holds[slot] is None]
        return own[-1] if own else empty[0] if empty else next(iter(self._idle))

    @staticmethod
    def _next(waiting: Iterable[CacheScope], leased: list[CacheScope]) -> CacheScope | None:
        """Return the first in turn among those that hold the fewest slots."""
        held = Counter(leased)
        return min(waiting, key=held.__getitem__, default=None)


class _Line:
    """One tenant's places in the queue: scopes in turn order, and within a scope first come, first served."""

    def __init__(self) -> None:
        self.scopes: OrderedDict[CacheScope, deque[Ticket]] = OrderedDict()
        self._arrivals: OrderedDict[Ticket, None] = OrderedDict()

    @property
    def size(self) -> int:
        """How many places it has."""
        return len(self._arrivals)

    def of(self, scope: CacheScope) -> int:
        """Return how many places one scope has."""
        return len(self.scopes.get(scope, ()))

    def newest(self) -> Ticket:
        """Return the place that was taken last."""
        return next(reversed(self._arrivals))

    def add(self, ticket: Ticket) -> None:
        """Take a place."""
        self.scopes.setdefault(ticket.caller.scope, deque()).append(ticket)
        self._arrivals[ticket] = None

    def remove(self, ticket: Ticket) -> None:
        """Give a place up."""
        queue = self.scopes[ticket.caller.scope]
        queue.remove(ticket)
        del self._arrivals[ticket]
        if not queue:
            del self.scopes[ticket.caller.scope]
