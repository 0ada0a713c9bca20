"""Getting shares of counters and giving them back: one task, one round at a time, for all who wait.

Always true here:
- a round that failed gave nothing and took nothing back as far as this process is concerned: whether the database carried it
  out is not known, so what it would have granted is not spent and what it would have returned is lost;
- units that end unspent go back, and are counted as lost and told of where they cannot;
- a share that is used is renewed before a third of its time is left, so nobody waits for a round because time passed;
- whoever waits is answered within a bound; while the database is away, at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Final, Protocol
from uuid import UUID, uuid4
from weakref import WeakValueDictionary

from strongroom.gateway.limits.buckets import MICRO, NEVER, Ask, Grant
from strongroom.gateway.limits.shares import DAILY, HOLD_S, Key, Share
from strongroom.kernel.clock import Clock
from strongroom.rules.limits import Bound, Measure

SWEEP_S: Final = 1.0
PACE_S: Final = 0.02
"""Seconds between rounds that nobody waits for."""

_DOWN_S: Final = 0.2
_LAST_S: Final = 1.0
_IDLE_SWEEPS: Final = 3
_DRY_LEAST_S: Final = 0.1  # a flood has the database asked ten times a second for each counter, no more
_DRY_MOST_S: Final = 1.0
_DAY_S: Final = 86_400
_TTL_S: Final = HOLD_S[Measure.CONCURRENCY]
_log: Final = logging.getLogger(__name__)


class Source(Protocol):
    """Where counters are kept."""

    async def lease(
        self, holder: UUID, processes: int, ttl_us: int, asks: Sequence[tuple[Key, Ask]]
    ) -> Sequence[Grant]:
        """Carry out one round; return a grant for each ask, in their order.

        Raises:
            Exception: of any kind, when it is not known to have been carried out.
        """
        ...

    async def close(self) -> None:
        """Let go of what is open."""
        ...


class Leases:
    """The shares of one process. `run` is the one task that asks for them."""

    def __init__(self, source: Source, clock: Clock, *, processes: int, holder: UUID | None = None) -> None:
        self._source: Final = source
        self._clock: Final = clock
        self._processes: Final = processes
        self._holder: Final = holder or uuid4()
        self._shares: Final[WeakValueDictionary[Key, Share]] = WeakValueDictionary()
        self._held: Final[set[Share]] = set()  # those with something to give back one day
        self._low: set[Share] = set()
        self._renewed: set[Share] = set()  # of those, the ones whose time is to begin anew
        self._waiting: list[tuple[Sequence[tuple[Share, int]], asyncio.Future[bool]]] = []
        self._wake: Final = asyncio.Event()
        self._idle: Final[dict[Share, int]] = {}
        self._swept = 0.0
        self._down_until = 0.0
        self.on_sweep: Callable[[float], None] | None = None
        self.away = False
        """Whether the last round failed. While it did, rounds are tried though nobody asks for one."""
        self.lost = 0
        """Units that ended in this process and could not be given back."""

    def share(self, key: Key, bound: Bound) -> Share:
        """Return this process's share of a counter, held to `bound` from now on."""
        share = self._shares.get(key)
        if share is None:
            share = self._shares[key] = Share(key, bound, self._processes)
        elif (share.bound.amount, share.bound.burst) != (bound.amount, bound.burst):
            share.rebind(bound, self._processes)
        return share

    def low(self, share: Share) -> None:
        """Have more of a share before anybody has to wait for it."""
        if share not in self._low:
            self._low.add(share)
            self._wake.set()

    def spare(self, share: Share) -> None:
        """Give back what is more than is kept, soon."""
        share.trim()
        if share.back > 0:
            self.low(share)

    def hold(self, share: Share) -> None:
        """Remember that a share has units again, to be given back one day."""
        self._held.add(share)

    async def fill(self, needs: Sequence[tuple[Share, int]], within_s: float) -> bool:
        """Ask for what is missing and wait for the round; False: the counters could not be reached in time."""
        if self._clock.boottime() < self._down_until:
            return False
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((needs, told))
        self._wake.set()
        try:
            async with asyncio.timeout(within_s):
                return await told
        except TimeoutError:
            return False

    async def run(self) -> None:
        """Go round until cancelled; then give everything back, if the database answers."""
        try:
            while True:
                await self._called()
                now = self._clock.boottime()
                if now - self._swept >= SWEEP_S:
                    self.sweep(now)
                if self._waiting or self._low or (self.away and now >= self._down_until):
                    await self.go_round()
        finally:
            await self._give_all_back()
            await self._source.close()

    async def _called(self) -> None:
        """Wait until somebody waits, a share is low and its pace has passed, or it is time to sweep."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_S):
                await self._wake.wait()
        self._wake.clear()
        if not self._waiting:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PACE_S):
                    await self._wake.wait()

    # --- one round

    async def go_round(self) -> None:
        """Ask for all that is missing and give back all that is over, at once; `run` calls it."""
        waiting, self._waiting = self._waiting, []
        low, self._low = self._low, set()
        renewed, self._renewed = self._renewed, set()
        sent = self._clock.boottime()
        asks = self._asks(waiting, low, renewed, sent)
        reached = await self._carried_out(asks, sent) if asks or self.away else True
        for _, told in waiting:
            if not told.done():
                told.set_result(reached)

    def _asks(
        self,
        waiting: Sequence[tuple[Sequence[tuple[Share, int]], asyncio.Future[bool]]],
        low: set[Share],
        renewed: set[Share],
        now: float,
    ) -> list[tuple[Share, Ask]]:
        needs: dict[Share, list[int]] = {share: [] for share in low}
        for each, told in waiting:
            if not told.done():
                for share, need in each:
                    needs.setdefault(share, []).append(need)
        asks: list[tuple[Share, Ask]] = []
        for share, wanted in needs.items():
            share.least = min(wanted, default=1)
            if now >= share.ends:
                share.end()
            ask = self._slots(share, wanted) if share.is_slots else _units(share, wanted, renewed=share in renewed)
            if ask is not None:
                asks.append((share, ask))
        return asks

    def _slots(self, share: Share, wanted: Sequence[int]) -> Ask:
        demand = share.busy + sum(wanted)
        idle = demand == 0 and self._idle.get(share, 0) >= _IDLE_SWEEPS
        want = 0 if idle else demand + share.keep
        share.left = min(share.left, want - share.busy)  # what is given up must not be taken meanwhile
        need = share.busy + min(wanted, default=0)
        return Ask(amount=share.bound.amount, need=need, demand=demand, want=want)

    async def _carried_out(self, asks: Sequence[tuple[Share, Ask]], sent: float) -> bool:
        try:
            grants = await self._source.lease(
                self._holder, self._processes, int(_TTL_S * MICRO), [(share.key, ask) for share, ask in asks]
            )
        except Exception as error:  # noqa: BLE001 - without this task no share would ever come again
            self._failed(asks, error)
            return False
        self.away = False
        for (share, ask), grant in zip(asks, grants, strict=True):
            self._take(share, ask, grant, sent)
        return True

    def _take(self, share: Share, ask: Ask, grant: Grant, sent: float) -> None:
        measure = share.key.measure
        share.remaining = grant.remaining
        if share.is_slots:
            share.left = grant.granted - share.busy
            share.ends = sent + HOLD_S[measure]
        else:
            if grant.period != share.period:  # what is left is of another day
                share.left, share.period = min(0, share.left), grant.period
            if grant.granted:
                share.left += grant.granted
                if not ask.demand:  # nobody waits for what is more than is kept
                    share.trim()
                share.ends = sent + HOLD_S[measure]
                if measure in DAILY:
                    share.ends = min(share.ends, sent + self._day_left(grant.period))
        if share.left > 0 or share.busy:
            self._held.add(share)
        if grant.wait_us and grant.granted < ask.need:
            wait_s = grant.wait_us / MICRO if grant.wait_us != NEVER else float("inf")
            share.free_at, share.dry_need = sent + wait_s, share.least
            share.dry_until = sent + min(_DRY_MOST_S, max(_DRY_LEAST_S, wait_s))

    def _day_left(self, period: int) -> float:
        return max(0.0, (period + 1) * _DAY_S - self._clock.now().timestamp())

    def _failed(self, asks: Sequence[tuple[Share, Ask]], error: Exception) -> None:
        lost = 0
        for share, ask in asks:
            if ask.back < 0:
                share.back += ask.back  # owed: charging it twice is the safe way to be wrong
                self._held.add(share)
            lost += max(0, ask.back)
        now = self._clock.boottime()
        if now >= self._down_until + SWEEP_S or lost:
            _log.warning("limits: no shares (%s); %d units that had come back are lost", type(error).__name__, lost)
        self.lost += lost
        self.away = True
        self._down_until = now + _DOWN_S

    # --- what ends

    def sweep(self, now: float) -> None:
        """Renew slots, end shares whose time is over, forget what is empty."""
        self._swept = now
        for share in tuple(self._held):
            if share.is_slots:
                self._sweep_slots(share, now)
            else:
                if now >= share.ends:
                    share.end()
                elif share.used and share.ends - now < HOLD_S[share.key.measure] / 3:
                    self._renewed.add(share)
                    self._low.add(share)
                share.trim()
                if share.back:
                    self._low.add(share)
            share.used = False
            if not (share.left > 0 or share.busy or share.back):
                self._held.discard(share)
                self._idle.pop(share, None)
        if self.on_sweep is not None:
            self.on_sweep(now)

    def _sweep_slots(self, share: Share, now: float) -> None:
        self._idle[share] = 0 if share.busy or share.used else self._idle.get(share, 0) + 1
        if self._idle[share] >= _IDLE_SWEEPS and share.left <= 0:
            return  # given back already: another round would have them again
        surplus = share.left > 2 * share.keep + 1
        if self._idle[share] >= _IDLE_SWEEPS or surplus or share.ends - now < 2 * _TTL_S / 3:
            self._low.add(share)

    async def _give_all_back(self) -> None:
        for share in self._held:
            share.end()
            self._idle[share] = _IDLE_SWEEPS
        self._low |= self._held
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_S):
                await self.go_round()


def _units(share: Share, wanted: Sequence[int], *, renewed: bool) -> Ask | None:
    """Return what to ask of a counter whose units are spent; None: nothing to be said."""
    back, share.back = share.back, 0
    demand = max(0, sum(wanted) - share.left)
    want = max(0, sum(wanted) + share.keep - share.left)
    if renewed:
        want = max(1, want)  # a grant begins its time anew; what is more than is kept goes back
    elif not wanted and (share.left > share.low or share.ends == 0.0):
        want = 0  # only to give back
    if not want and not back:
        return None
    return Ask(
        amount=share.bound.amount,
        burst=share.bound.burst,
        back=back,
        back_period=share.period,
        need=max(1, min(wanted, default=1) - share.left),
        demand=demand,
        want=want,
    )
