"""Turns at an upstream: its connections are shared by tenants, not by who asks most.

Always true here:
- a tenant alone takes all seats but an eighth (or what `most` says), which it never gets: whoever has none finds one at
  once;
- a seat that comes free goes to the waiting tenant that holds the fewest, and among equals to the one whose turn is longest
  ago; within a tenant, first come, first served;
- waiting is bounded, in time and in number; when no place is left, the newest of the tenant that waits most makes room for
  one that waits less;
- a seat is given back exactly once, whoever is cancelled at whatever moment.

Seats are those of one gateway process to one upstream, as many as its pool has connections; so nobody waits in the pool.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable
from functools import partial
from typing import Final

from strongroom.wire import ConnectFailed, DeadlineExceeded, Pool, Response
from strongroom.wire.targets import Target

WAIT_S: Final = 5.0
_KEPT: Final = 8


class Turns:
    """The seats of one upstream and who waits for them. One thread."""

    def __init__(
        self, seats: int, *, most: int | None = None, max_waiting: int = 1024, max_waiting_each: int = 256
    ) -> None:
        self._seats: Final = seats
        self.most: Final = max(1, seats - max(1, seats // _KEPT)) if most is None else most
        """How many seats one tenant gets."""
        self._max_waiting: Final = max_waiting
        self._max_waiting_each: Final = max_waiting_each
        self._held: Final[Counter[Hashable]] = Counter()
        self._waiting: Final[OrderedDict[Hashable, deque[asyncio.Future[None]]]] = OrderedDict()
        self.busy = 0
        self.waiting = 0

    def take(self, party: Hashable) -> bool:
        """Take a seat, if one is free for `party` and nobody is to come before it."""
        held = self._held.get(party, 0)
        if self.busy >= self._seats or held >= self.most or (self._waiting and party in self._waiting):
            return False
        self._held[party] = held + 1
        self.busy += 1
        return True

    async def wait(self, party: Hashable, within_s: float) -> None:
        """Wait for a seat.

        Raises:
            ConnectFailed: when there is no room to wait, or none came free for so long as anybody waits here.
            DeadlineExceeded: when `within_s` was less, and over.
        """
        turn = self._queued(party)
        try:
            async with asyncio.timeout(min(within_s, WAIT_S)):
                await turn
        except BaseException as error:
            self._left(party, turn)
            if isinstance(error, TimeoutError):
                kind = DeadlineExceeded if within_s <= WAIT_S else ConnectFailed
                raise kind("no turn at the upstream came in time") from None
            if turn.cancelled() and not _is_cancelled():
                raise ConnectFailed("too many wait for a turn at the upstream") from None
            raise

    def give_back(self, party: Hashable) -> None:
        """Give a seat back; whoever's turn it is has it at once."""
        held = self._held[party] - 1
        if held:
            self._held[party] = held
        else:
            del self._held[party]
        self.busy -= 1
        if self._waiting:
            self._next()

    def _next(self) -> None:
        while self.busy < self._seats:
            able = [party for party in self._waiting if self._held[party] < self.most]
            if not able:
                return
            party = min(able, key=self._held.__getitem__)  # the first of equals: whose turn is longest ago
            turn = self._waiting[party][0]
            self._out(party, turn)
            if turn.done():  # cancelled, and has not come to leave the line yet
                continue
            if party in self._waiting:
                self._waiting.move_to_end(party)
            self._held[party] += 1
            self.busy += 1
            turn.set_result(None)

    def _queued(self, party: Hashable) -> asyncio.Future[None]:
        line = self._waiting.get(party)
        own = 0 if line is None else len(line)
        if own >= self._max_waiting_each or (self.waiting >= self._max_waiting and not self._make_room(own)):
            raise ConnectFailed("too many wait for a turn at the upstream")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(turn)
        self.waiting += 1
        return turn

    def _make_room(self, own: int) -> bool:
        party, line = max(self._waiting.items(), key=lambda item: len(item[1]))
        if len(line) <= own + 1:
            return False
        newest = line[-1]
        self._out(party, newest)
        newest.cancel()
        return True

    def _left(self, party: Hashable, turn: asyncio.Future[None]) -> None:
        """Undo the wait of who gave up: leave the line, or pass on a seat that came at that very moment."""
        if turn.done() and not turn.cancelled():
            self.give_back(party)
        else:
            self._out(party, turn)

    def _out(self, party: Hashable, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(party)
        if line is not None and turn in line:
            line.remove(turn)
            self.waiting -= 1
            if not line:
                del self._waiting[party]


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class FairPool(Pool):
    """A pool whose connections are shared by tenants."""

    def __init__(self, target: Target, *, max_connections: int = 64, idle_s: float = 4.0) -> None:
        super().__init__(target, max_connections=max_connections, idle_s=idle_s)
        self.turns: Final = Turns(max_connections)

    async def open_for(
        self,
        party: Hashable,
        method: str,
        path: str,
        headers: tuple[tuple[bytes, bytes], ...],
        body: bytes,
        *,
        timeout_s: float,
        secret: tuple[bytes, bytes] | None = None,
    ) -> Response:
        """Send a request when it is `party`'s turn, waiting for one within the time; else as `open`.

        Closing the response gives the turn back, too.
        """
        turns = self.turns
        if not turns.take(party):
            loop = asyncio.get_running_loop()
            began = loop.time()
            await turns.wait(party, timeout_s)
            timeout_s -= loop.time() - began
        try:
            response = await self.open(method, path, headers, body, timeout_s=timeout_s, secret=secret)
        except BaseException:
            turns.give_back(party)
            raise
        response.afterwards(partial(turns.give_back, party))
        return response
