"""Reserving what a request may use before a model is asked, and settling what it did use.

Always true here:
- a request reserves from all of its counters or from none;
- a reservation ends exactly once: settled by what was used, released when no model was asked, or expired, which charges
  all of it;
- what was used and nobody can tell is all that was reserved: who hangs up early pays no less.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from strongroom.gateway.limits import refusals
from strongroom.gateway.limits.claim import Claim
from strongroom.gateway.limits.leases import Leases
from strongroom.gateway.limits.shares import Key, Plan, Share, needs
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal
from strongroom.rules.limits import Bound, Limits, Measure, Per, of_lookups

WAIT_S: Final = 1.0
"""How long a request waits for a share, over all its rounds: as long as one may take, or it would be refused for a round
that is still to come."""

LASTS_S: Final = 900.0
"""How long a reservation lives that nobody ends; longer than any answer may take."""

_MAX_PLANS: Final = 100_000
_MAX_SUBJECT: Final = 512
_log: Final = logging.getLogger(__name__)


class Reservation:
    """What one request has reserved. Made and ended by the ledger."""

    __slots__ = ("_ledger", "claim", "done", "ends", "periods", "plan")

    def __init__(self, ledger: Ledger, plan: Plan, claim: Claim, ends: float) -> None:
        self._ledger: Final = ledger
        self.plan: Final = plan
        self.claim: Final = claim
        self.ends: Final = ends
        self.done = False
        # A day may end before the request does; what comes back then is of the day before.
        self.periods: Final = [share.period for share in plan.amounts]

    def __enter__(self) -> None:
        """Begin what it is for."""

    def __exit__(self, *_: object) -> None:
        """Release it, unless it has ended."""
        if not self.done:
            self.release()

    def release(self) -> None:
        """End it, if it has not ended: no model was asked."""
        self._ledger.release(self)


class Ledger:
    """The reservations of one process."""

    def __init__(self, leases: Leases, clock: Clock, *, wait_s: float = WAIT_S, lasts_s: float = LASTS_S) -> None:
        self._leases: Final = leases
        self._clock: Final = clock
        self._wait_s: Final = wait_s
        self._lasts_s: Final = lasts_s
        self._plans: Final[dict[tuple[str, str | None], Plan]] = {}
        self._open: Final[set[Reservation]] = set()
        leases.on_sweep = self._expire

    @property
    def away(self) -> bool:
        """Whether the counters could not be reached when they were last asked for."""
        return self._leases.away

    # --- which counters

    def plan(self, who: Principal, model: str | None, limits: Limits) -> Plan:
        """Return the counters that a workload's requests to `model` pass; None: its lookups, which ask no model.

        Kept while `limits` is the same object.

        Raises:
            ValueError: for a caller that is no workload.
        """
        key = (who.credential, model)
        plan = self._plans.get(key)
        if plan is None or plan.limits is not limits:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._made(who, model, limits)
        return plan

    def _made(self, who: Principal, model: str | None, limits: Limits) -> Plan:
        if who.tenant is None:
            raise ValueError("limits are about workloads")
        holding = limits if model is not None else of_lookups(limits)
        shares = tuple(
            self._leases.share(Key(who.tenant, subject_of(bound, who, model or ""), bound.measure), bound)
            for bound in holding.bounds
        )
        return Plan(shares, limits)

    # --- one request

    async def reserve(self, plan: Plan, claim: Claim) -> Reservation | Refusal:
        """Reserve `claim`, or say why not. Waits for nothing while this process has enough of every share."""
        taken = self.take(plan, claim)
        return taken if taken is not None else await self._wait(plan, claim)

    def take(self, plan: Plan, claim: Claim) -> Reservation | None:
        """Reserve `claim` from what this process has; None: something is missing."""
        now, tokens, cost, queries = self._clock.boottime(), claim.tokens, claim.cost, claim.queries
        for share in plan.ones:
            if share.left < 1 or now >= share.ends:
                return None
        # What is not needed need not be there: a share of which nothing is ever taken is never filled.
        for share in plan.queries if queries else ():
            if share.left < queries or now >= share.ends:
                return None
        for share in plan.tokens if tokens else ():
            if share.left < tokens or now >= share.ends:
                return None
        for share in plan.costs if cost else ():
            if share.left < cost or now >= share.ends:
                return None
        self._spend(plan, tokens, cost, queries)
        reservation = Reservation(self, plan, claim, now + self._lasts_s)
        self._open.add(reservation)
        return reservation

    def _spend(self, plan: Plan, tokens: int, cost: int, queries: int) -> None:
        low = self._leases.low
        for share in plan.ones:
            share.left -= 1
            share.used = True
            if share.left < share.low:
                low(share)
        for share in plan.queries if queries else ():
            share.left -= queries
            share.used = True
            if share.left < share.low:
                low(share)
        for share in plan.slots:
            share.busy += 1
        for share in plan.tokens:
            share.left -= tokens
            share.used = True
            if share.left < share.low:
                low(share)
        for share in plan.costs:
            share.left -= cost
            share.used = True
            if share.left < share.low:
                low(share)

    async def _wait(self, plan: Plan, claim: Claim) -> Reservation | Refusal:
        """Have the missing shares filled, and try again, until a counter says no or the time is over."""
        wanted = needs(plan, claim.tokens, claim.cost, claim.queries)
        over = next((refusals.never(share) for share, need in wanted if _never_fits(share, need)), None)
        if over is not None:
            return over
        got = await self._filled(plan, claim, wanted)
        if isinstance(got, Refusal):
            for share, _ in wanted:
                self._leases.spare(share)  # one counter said no: what others handed out for this request goes back
        return got

    async def _filled(self, plan: Plan, claim: Claim, wanted: list[tuple[Share, int]]) -> Reservation | Refusal:
        deadline = self._clock.boottime() + self._wait_s
        while True:
            now = self._clock.boottime()
            missing = [(share, need) for share, need in wanted if share.left < need or now >= share.ends]
            for share, need in missing:
                if now < share.dry_until and need >= share.dry_need:
                    return refusals.dry(share, now)
            if missing and now >= deadline:
                return refusals.crowded(missing[0][0])
            if missing and not await self._leases.fill(missing, deadline - now):
                return refusals.unreachable()
            taken = self.take(plan, claim)
            if taken is not None:
                return taken

    # --- its end

    def settle(self, reservation: Reservation, input_tokens: int, output_tokens: int) -> None:
        """End a reservation by what was used; what was not used comes back. Ending it again changes nothing."""
        plan, claim = reservation.plan, reservation.claim
        cost = plan.price.of(input_tokens, output_tokens) if plan.costs else 0
        self._end(reservation, claim.tokens - input_tokens - output_tokens, claim.cost - cost)

    def charge(self, reservation: Reservation) -> None:
        """End a reservation by all of it: a model was asked, and what it used is not known."""
        self._end(reservation, 0, 0)

    def release(self, reservation: Reservation) -> None:
        """Undo a reservation: no model was asked."""
        if not reservation.done:
            for share in reservation.plan.counts:
                self._return(share, 1)
            for share in reservation.plan.queries:
                self._return(share, reservation.claim.queries)
        self._end(reservation, reservation.claim.tokens, reservation.claim.cost)

    def _end(self, reservation: Reservation, tokens: int, cost: int) -> None:
        if reservation.done:
            return
        reservation.done = True
        self._open.discard(reservation)
        plan = reservation.plan
        for share in plan.slots:
            share.busy -= 1
            share.left += 1
        if tokens:
            for share, period in zip(plan.tokens, reservation.periods, strict=False):  # those of costs come after them
                if share.period == period or not share.is_daily:
                    self._return(share, tokens)
        if cost:
            for share, period in zip(plan.costs, reservation.periods[len(plan.tokens) :], strict=True):
                if share.period == period:
                    self._return(share, cost)

    def _return(self, share: Share, units: int) -> None:
        before = share.left
        share.left = before + units
        if share.left > share.keep:
            share.trim()
        if before <= 0:  # else it is among those that hold something already
            self._leases.hold(share)

    def _expire(self, now: float) -> None:
        for reservation in [each for each in self._open if now >= each.ends]:
            _log.error("limits: a reservation was never ended; all of it counts as used")
            self.charge(reservation)


def _never_fits(share: Share, need: int) -> bool:
    return need > (share.bound.burst if share.key.measure is Measure.TOKENS else share.bound.amount)


def subject_of(bound: Bound, who: Principal, model: str) -> str:
    """Return the name of the counter that `bound` is on, for requests of `who` to `model`."""
    named = {
        Per.TENANT: "tenant",
        Per.ENVIRONMENT: f"environment/{who.environment}",
        Per.WORKLOAD: f"workload/{who.workload}",
        Per.KEY: f"key/{who.credential}",
        Per.MODEL: f"model/{who.environment}/{model}",
    }[bound.per]
    if bound.measure is Measure.QUERIES and bound.per is not Per.MODEL:
        named = f"{named}/model/{who.environment}/{model}"
    subject = f"{named}?{bound.among}" if bound.among else named
    if len(subject) > _MAX_SUBJECT:
        subject = f"{named}?{hashlib.sha256(bound.among.encode()).hexdigest()}"
    return subject
