"""Proposals, through the gate: what waits for a second person in production, shown, decided and withdrawn.

An approval of a document puts it in force, in the same transaction (`apply`); one of an account or a provider lets who
proposed it do exactly that, once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias
from uuid import UUID

from strongroom.identity.approvals import work
from strongroom.identity.approvals.model import PROPOSED, Kind, Request, State
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.policy import EVERY, Action, Ask, Gate, Resource
from strongroom.policy import Kind as Thing
from strongroom.store import Conflict
from strongroom.store.tx import Tx

Apply: TypeAlias = Callable[[Tx, Request, str], Awaitable[None]]
"""Does what was approved and marks it as used; told who approved it last."""

_MOST: Final = 100


class Proposals:
    """Shows, decides on and withdraws proposals. Who belongs to a tenant sees its own; what it says stays there."""

    def __init__(self, gate: Gate, clock: Clock, apply: Mapping[Kind, Apply]) -> None:
        """Wire it. `apply`: of what is done by its approval, how."""
        self._gate = gate
        self._clock = clock
        self._apply = apply

    async def every(self, who: Principal, ask: Ask) -> list[Request]:
        """Return the newest proposals, newest first."""
        async with self._permitted(who, Action.PROPOSAL_READ, EVERY, who.tenant, ask) as tx:
            return await work.recent(tx, PROPOSED, self._clock.now(), _MOST)

    async def show(self, who: Principal, request: UUID, ask: Ask) -> Request:
        """Return one."""
        async with self._permitted(who, Action.PROPOSAL_READ, str(request), who.tenant, ask) as tx:
            return await work.by_id(tx, PROPOSED, request, self._clock.now())

    async def decide(
        self, who: Principal, request: UUID, verdict: Literal["approve", "deny"], digest: str, reason: str, ask: Ask
    ) -> Request:
        """Approve or deny somebody else's proposal, by the digest of what was read; or review what was in force at once.

        Raises:
            Refused: FORBIDDEN for who may not decide on this one, CONFLICT when there is nothing to decide, or it is not
                what was read, or can no longer be done.
        """
        found = await self.show(who, request, ask)
        noted = _noted(ask, found, verdict=verdict, reason=reason)
        try:
            async with self._permitted(who, Action.PROPOSAL_DECIDE, str(request), _place(found), noted) as tx:
                if who.role is not Role.APPROVER and _level(found) != "own":
                    tell = "An approver of the installation decides on this one."
                    raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
                now = self._clock.now()
                said = await work.decide(
                    tx, who, found.kind, request, verdict=verdict, digest=digest, reason=reason, now=now
                )
                apply = self._apply.get(said.kind)
                if said.state is not State.APPROVED or apply is None:
                    return said
                await apply(tx, said, str(who))
                return await work.by_id(tx, said.kind, request, now)
        except Conflict:
            tell = "What it was to be done to has changed meanwhile; it must be proposed anew."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell)) from None

    async def withdraw(self, who: Principal, request: UUID, ask: Ask) -> Request:
        """Withdraw one's own proposal. Once more changes nothing.

        Raises:
            Refused: FORBIDDEN for somebody else's; whoever may decide on that says no.
        """
        found = await self.show(who, request, ask)
        async with self._permitted(
            who, Action.PROPOSAL_WITHDRAW, str(request), _place(found), _noted(ask, found)
        ) as tx:
            if found.requester != str(who):
                tell = "Only who proposed it withdraws it; whoever decides on it can deny it."
                raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
            return await work.withdraw(tx, found.kind, request, self._clock.now())

    @asynccontextmanager
    async def _permitted(
        self, who: Principal, action: Action, request: str, tenant: UUID | None, ask: Ask
    ) -> AsyncGenerator[Tx, None]:
        place = None if tenant is None else TenantId(tenant)
        if who.tenant is not None and place != who.tenant:
            raise Refused(hidden("a proposal of another place"))
        resource = Resource(kind=Thing.PROPOSAL, id=request, tenant=place)
        if place is None:
            async with self._gate.permit_platform(who, action, resource, ask) as platform:
                yield platform
        else:
            async with self._gate.permit(who, action, resource, ask) as tx:
                yield tx


def _place(found: Request) -> UUID | None:
    """Return where a decision stands: in the tenant whose rules it is about. Accounts and providers are the installation's."""
    return found.about if found.kind in {Kind.RULES, Kind.POLICY} else None


def _level(found: Request) -> object:
    subject: Any = found.subject
    return subject.get("level") if found.kind in {Kind.RULES, Kind.POLICY} else None


def _noted(ask: Ask, found: Request, **facts: str) -> Ask:
    said = {"for": summary_of(found)[:200], "proposed_by": found.requester, "digest": found.digest, **facts}
    return replace(ask, detail={**ask.detail, **said})


def summary_of(found: Request) -> str:
    """Return in a line what is proposed."""
    return str(found.subject.get("summary", found.kind))
