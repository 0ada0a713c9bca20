"""The only way to a transaction: ask, be permitted, be recorded.

Always true here:
- the audit entry of what is permitted stands in the transaction of what is done: both or neither; when it cannot be
  written, nothing is done;
- a refusal is recorded before it is answered; when it cannot be recorded, the caller hears that instead;
- two walls stand here whatever the policies say: a caller who belongs to a tenant gets no transaction of another tenant,
  and none over the installation;
- a person who signed on elsewhere does what wants fresh proof within five minutes of having proven who they are;
- while the audit log cannot be sealed and signed, after a grace, nothing is given or changed: looking and taking away go on;
- nothing is ambient: who asks, for what, and under which request id are all parameters.

After a permit:
- a `Refused` raised in the body, or a `Conflict` with what is stored, undoes the transaction with its entry; an entry
  `refused` is written in its place;
- a fault undoes it too; an entry `failed` is written in its place;
- a cancelled body leaves no entry: nothing was done and nothing was answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final, TypeAlias

from strongroom.audit import Pulse, paging
from strongroom.audit.sealing import tables
from strongroom.audit.sidecar import Sidecars
from strongroom.kernel.clock import Clock
from strongroom.kernel.events import Observer, ignore
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.policy.engine import Decision, Engine
from strongroom.policy.freshness import FRESH_PROOF, FRESH_S, wants_fresh_proof
from strongroom.policy.model import KNOWN_BY, Action, Resource, goes_on_unsealed
from strongroom.policy.recorder import Ask, Case, Recorder
from strongroom.policy.taking import Meter, Surface
from strongroom.store import Database, OperatorTx, TenantTx, Tx

_HOLDS_S: Final = 1.0
_STALE: Final = "it wants proof of the last five minutes of who this person is"

Narrowed: TypeAlias = Callable[[Decision, Principal, Action, Resource], Decision]
"""Returns what is left of a decision when a tenant's own policies were asked too."""


class Gate:
    """Decides, records, and hands out transactions."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        clock: Clock,
        observer: Observer = ignore,
        *,
        grace_s: float | None = None,
        narrowed: Narrowed | None = None,
        sidecars: Sidecars | None = None,
        meter: Meter | None = None,
    ) -> None:
        """Make a gate.

        Args:
            database: where transactions come from.
            engine: decides.
            clock: dates entries.
            observer: is told what passed.
            narrowed: what a tenant's own policies make of a yes to its own people; it can only take away.
            sidecars: where what people wrote goes, beside tenants' logs; None: it stands in the entries.
            grace_s: how long the audit log may go unsealed before changes are refused; None: for ever.
            meter: counts what is taken out; None: nothing is counted, as where no rules are known.
        """
        self._meter: Final = meter
        self._grace_s: Final = grace_s
        self._narrowed: Final = narrowed
        self._database: Final = database
        self._engine: Final = engine
        self._recorder: Final = Recorder(database, clock, observer, sidecars)
        self._clock: Final = clock
        self._asking: Final = asyncio.Lock()
        self._asked = float("-inf")
        self._ended: int = 0
        self._reachable = False

    @asynccontextmanager
    async def permit(
        self, who: Principal, action: Action, resource: Resource, ask: Ask | None = None
    ) -> AsyncGenerator[TenantTx, None]:
        """Yield a transaction in the resource's tenant, or in the caller's own when the resource has none.

        Args:
            who: the verified caller.
            action: the verb.
            resource: what it is about; its tenant is the transaction's.
            ask: the request's id and facts, for the log.

        Raises:
            Refused: hidden when the caller may not know the resource, forbidden when it may.
            Unavailable: when the database, and so the audit log, cannot be reached; nothing was done.
            ValueError: when neither has a tenant; that is a matter for `permit_platform`.
        """
        place = resource.tenant or who.tenant
        if place is None:
            raise ValueError("no tenant to act in; ask permit_platform")
        case = self._decide(who, action, resource, ask)
        if who.tenant is not None and who.tenant != place:
            case = _walled(case, "the transaction would be another tenant's")
        if not case.decision.allowed:
            raise await self._refuse(case)
        try:
            async with self._database.tenant(place) as tx:
                await self._refuse_unsealed(tx, action)
                await self._recorder.allowed(tx, case)
                yield tx
        except Exception as cause:
            await self._recorder.undone(case, cause, place)
            raise
        self._recorder.done(case)

    @asynccontextmanager
    async def permit_platform(
        self, who: Principal, action: Action, resource: Resource, ask: Ask | None = None
    ) -> AsyncGenerator[OperatorTx, None]:
        """Yield a transaction over the installation, for accounts that belong to no tenant.

        Where an action is about one tenant, `permit` is the better question: its entry stands in that tenant's log too.

        Args:
            who: the verified caller.
            action: the verb.
            resource: what it is about.
            ask: the request's id and facts, for the log.

        Raises:
            Refused: as `permit`; always for a caller who belongs to a tenant.
            Unavailable: as `permit`.
        """
        case = self._decide(who, action, resource, ask)
        if who.tenant is not None:
            case = _walled(case, "the transaction would be the installation's")
        if not case.decision.allowed:
            raise await self._refuse(case)
        try:
            async with self._database.operator() as tx:
                await self._refuse_unsealed(tx, action)
                await self._recorder.allowed(tx, case)
                yield tx
        except Exception as cause:
            await self._recorder.undone(case, cause, None)
            raise
        self._recorder.done(case)

    def may(self, who: Principal, action: Action, resource: Resource) -> bool:
        """Return whether something would be permitted now, for what is told along with what was. Nothing is recorded."""
        return self._decide(who, action, resource, None).decision.allowed

    def demand(self, who: Principal, action: Action, resource: Resource, tell: str) -> None:
        """Ask a second time, inside a permit, once more is known of the resource than before the transaction.

        What is raised undoes the transaction and is recorded by the permit around it.

        Args:
            who: the verified caller.
            action: the verb that was permitted.
            resource: what it turns out to be about.
            tell: what the caller hears, who may know of the resource since it was permitted.

        Raises:
            Refused: FORBIDDEN.
        """
        decision = self._decide(who, action, resource, None).decision
        if not decision.allowed:
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=decision.reason, tell=tell))

    async def taken(self, tx: Tx, who: Principal, surface: Surface, *, rows: int, octets: int) -> None:
        """Count what is about to be handed out of a store, inside the permit that it was read under, after it was read.

        An elevation makes nobody somebody else: what is done under one counts with what its holder took before.

        Args:
            tx: of the permit.
            who: takes it.
            surface: from which store.
            rows: how many things it is.
            octets: how large it is, in bytes.

        Raises:
            Refused: LIMITED when it is more than the rules allow; nothing may leave then, and nothing was counted.
        """
        if self._meter is not None:
            await self._meter(tx, who, surface, rows, octets)

    async def turned_away(
        self, reason: str, ask: Ask, *, about: tuple[TenantId, KeyId] | None = None, signal: str = ""
    ) -> None:
        """Record that a caller was not recognised. No decision is needed: there is nobody to decide about.

        Args:
            reason: why, for the operator; no part of what was presented.
            ask: the request's id and facts.
            about: whose key it was, where that is known: the entry stands in that tenant's log too.
            signal: a word for who watches, if there is one.

        Raises:
            Unavailable: when the entry cannot be written.
        """
        if about is not None and signal:
            self._recorder.owner(*about, "authenticate", reason, signal, ask)
        await self._recorder.stranger("authenticate", reason, ask)

    async def reachable(self) -> bool:
        """Whether anything could be permitted now: the database answers, and takes an entry, which is then undone.

        An answer holds for a second, but no longer than every connection does, and callers at the same time share one.
        """
        async with self._asking:
            now, ended = self._clock.boottime(), self._database.ended
            if now - self._asked >= _HOLDS_S or ended != self._ended:
                self._reachable = await self._recorder.writable()
                self._asked, self._ended = now, ended
            return self._reachable

    async def pulse(self) -> Pulse:
        """Return how the audit logs stand.

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self._database.operator() as tx:
            return await tables.pulse(tx)

    async def owes_a_page(self) -> bool:
        """Return whether somebody is to be paged. As `pulse`: it tells a truth of the installation's, and nothing of anybody.

        Raises:
            Unavailable: when the database does not answer.
        """
        async with self._database.operator() as tx:
            return await paging.owed(tx)

    def is_sealed(self, pulse: Pulse) -> bool:
        """Whether changes are taken while the logs stand like this."""
        return self._grace_s is None or (pulse.sound_for_s is not None and pulse.sound_for_s <= self._grace_s)

    async def _refuse_unsealed(self, tx: Tx, action: Action) -> None:
        """Refuse a change while the log has not been sealed and signed for longer than the grace."""
        if self._grace_s is None or goes_on_unsealed(action):
            return
        pulse = await tables.pulse(tx)
        if not self.is_sealed(pulse):
            since = "ever" if pulse.sound_for_s is None else f"{pulse.sound_for_s:.0f} s"
            raise Refused(
                Refusal(
                    kind=RefusalKind.UNAVAILABLE,
                    reason=f"the audit log was not sealed and signed for {since} ({pulse.trouble or 'no keeper'})",
                    tell="Changes are refused while the audit log cannot be sealed and signed. The operator knows more: doctor.",
                )
            )

    def _decide(self, who: Principal, action: Action, resource: Resource, ask: Ask | None) -> Case:
        decision = self._engine.decide(who, action, resource)
        if self._narrowed is not None:
            decision = self._narrowed(decision, who, action, resource)
        if decision.allowed and who.signed_on and wants_fresh_proof(action, resource) and self._is_stale(who):
            decision = replace(decision, allowed=False, reason=_STALE)
        return Case(who, action, resource, ask or Ask(), decision)

    def _is_stale(self, who: Principal) -> bool:
        return who.proven_at is None or self._clock.now().timestamp() - who.proven_at > FRESH_S

    async def _refuse(self, case: Case) -> Refused:
        """Record a refusal and return it, ready to be raised."""
        await self._recorder.refused(case, case.decision.reason, case.who.tenant)
        return Refused(self._answer(case))

    def _answer(self, case: Case) -> Refusal:
        """Say "not you" to who may know the resource, and "nothing here" to everybody else."""
        if case.decision.reason == _STALE:  # the policies say yes
            tell = "This wants proof of the last five minutes of who you are: `strongroom login --fresh`, and again."
            return Refusal(kind=RefusalKind.FORBIDDEN, reason=_STALE, tell=tell, code=FRESH_PROOF)
        may_know = (self._engine.decide(case.who, action, case.resource) for action in KNOWN_BY[case.resource.kind])
        if not any(decision.allowed for decision in may_know):
            return hidden(case.decision.reason)
        return Refusal(
            kind=RefusalKind.FORBIDDEN,
            reason=case.decision.reason,
            tell=f"This credential does not permit {case.action} here.",
        )


def _walled(case: Case, reason: str) -> Case:
    """Return `case` refused, whatever the policies said."""
    said = case.decision
    if not said.allowed:
        return case
    return replace(case, decision=replace(said, allowed=False, reason=f"{reason}, though {said.reason}"))
