"""The pipeline's lines about limits: reserve before a model is asked or anything is looked up, settle after.

What is settled: all that an engine says it used, once its answer is whole; nothing of tokens, when it said no before it
began (4xx, 503, 529; another 5xx may come after all of the work); nothing at all, when it was never reached; else all that
was reserved, since nobody can tell: who hangs up early pays no less.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from strongroom.gateway.exchange.asks import Ask, ChatAsk, CompletionAsk
from strongroom.gateway.limits.claim import NOTHING, Claim, claim_of, queries_of
from strongroom.gateway.limits.headers import fields
from strongroom.gateway.limits.ledger import Ledger, Reservation
from strongroom.gateway.limits.refusals import Told
from strongroom.kernel.clock import Clock
from strongroom.kernel.refusal import Refusal
from strongroom.rules.disclosure import DISCLOSURE
from strongroom.rules.limits import LIMITS

if TYPE_CHECKING:  # these hold a reservation themselves
    from strongroom.gateway.limits.shares import Plan
    from strongroom.gateway.relay import Relay
    from strongroom.gateway.stages import Admitted, Authenticated, Received, Screened
    from strongroom.kernel.principal import Principal
    from strongroom.rules import Terms


class Meter:
    """Reserves and settles for the pipeline of one process."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger: Final = ledger
        self._clock: Final = clock
        self._told: Final = Told()

    @property
    def reachable(self) -> bool:
        """Whether counters could be reached when they were last asked for."""
        return not self.ledger.away

    async def reserve(self, admitted: Admitted, ask: Ask) -> Reservation | Refusal:
        """Reserve what `ask` may use at most."""
        received, who = admitted.authenticated.received, admitted.authenticated.principal
        prompt = admitted.prompt
        plan = self.ledger.plan(who, admitted.route.name, admitted.terms.of(LIMITS))
        written, answers = (ask.max_output_tokens or 0, ask.n) if isinstance(ask, ChatAsk | CompletionAsk) else (0, 1)
        claim = claim_of(
            len(received.request.body) + admitted.brought + (0 if prompt is None else prompt.size),
            written,
            answers=answers,
            queries=queries_of(ask, outside=bool(admitted.route.targets)),
            price=plan.price,
        )
        return self.ledger.take(plan, claim) or await self._wait(received, plan, claim, admitted.terms)

    async def look_up(self, authenticated: Authenticated, terms: Terms) -> Reservation | Refusal:
        """Reserve a request that asks no model; `terms`: what holds for its caller where no model is named."""
        plan = self.ledger.plan(authenticated.principal, None, terms.of(LIMITS))
        return self.ledger.take(plan, NOTHING) or await self._wait(authenticated.received, plan, NOTHING, terms)

    def looked_up(self, reservation: Reservation) -> None:
        """End what `look_up` reserved: whatever was found, it was a request."""
        self.ledger.charge(reservation)

    async def _wait(self, received: Received, plan: Plan, claim: Claim, terms: Terms) -> Reservation | Refusal:
        got = await self.ledger.reserve(plan, claim)
        if isinstance(got, Refusal) and terms.of(DISCLOSURE).headers:
            return replace(got, fields=tuple(fields(received.match.dialect.name, plan, self._clock.now())))
        return got

    def settle(self, screened: Screened, relay: Relay) -> None:
        """End what was reserved, by what became of the request."""
        reservation, usage = screened.reservation, relay.usage
        if not relay.asked:
            self.ledger.release(reservation)
        elif relay.refused:
            self.ledger.settle(reservation, 0, 0)
        elif relay.told and (usage.input_tokens or usage.output_tokens or not _generates(screened.ask)):
            self.ledger.settle(reservation, usage.input_tokens, usage.output_tokens)
        else:
            self.ledger.charge(reservation)

    def told(self, who: Principal, refusal: Refusal) -> Refusal | None:
        """Return a refusal as it is to be written down: with how many were not since the last; None: nor is this one."""
        left_out = self._told.admit(who.tenant, refusal.reason, self._clock.boottime())
        if left_out is None:
            return None
        return replace(refusal, reason=f"{refusal.reason}; {left_out} more before") if left_out else refusal


def _generates(ask: Ask) -> bool:
    """Whether an answer to `ask` always uses something, so that an engine that names no usage has not told it."""
    return isinstance(ask, ChatAsk | CompletionAsk)
