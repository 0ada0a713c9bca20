"""What one person does alone in development and with another's word in production: accounts that decide, and providers.

1. The act is asked for. Where it takes a second person it is undone, and proposed instead: exactly that act.
2. Somebody else approves (`strongroom proposal approve`).
3. Who proposed it asks for the very same act again and names the proposal; it is done, once.

What cannot be told from the act itself is the caller's to put into the subject: secrets as a keyed digest, what is changed by its
version.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeVar
from uuid import UUID

from strongroom.identity.approvals import work
from strongroom.identity.approvals.model import Kind, Request
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Action, Ask, Gate, Resource
from strongroom.policy import Kind as Thing
from strongroom.store import OperatorTx

_Done = TypeVar("_Done")


class Waits(Refused):
    """An act that takes a second person, and was undone: what is to be proposed in its place."""

    def __init__(self, subject: Mapping[str, object], about: UUID | None) -> None:
        tell = "This takes a second person: propose it, and do it when somebody else has approved."
        super().__init__(Refusal(kind=RefusalKind.CONFLICT, reason="it takes a second person", tell=tell))
        self.subject = subject
        self.about = about


class SecondPerson:
    """Holds acts of one kind to the word of a second person, where `demanded`."""

    def __init__(self, gate: Gate, clock: Clock, kind: Kind, *, demanded: bool) -> None:
        self._gate = gate
        self._clock = clock
        self._kind = kind
        self.demanded = demanded

    async def use(
        self,
        tx: OperatorTx,
        who: Principal,
        subject: Mapping[str, object],
        approved: UUID | None,
        *,
        about: UUID | None = None,
    ) -> None:
        """Go on where nobody else has to be asked, or somebody else has approved exactly this.

        Raises:
            Waits: where somebody else has to be asked first.
            Refused: as `approvals.use`; the act is not what was approved, or was done already.
        """
        if not self.demanded:
            return
        if approved is None:
            raise Waits(subject, about)
        await work.use(tx, who, self._kind, approved, subject, self._clock.now())

    async def asked(self, who: Principal, ask: Ask, act: Callable[[], Awaitable[_Done]]) -> _Done | Request:
        """Do `act`, or propose it where it waits for a second person."""
        try:
            return await act()
        except Waits as waits:
            said = str(waits.subject.get("summary", ""))
            noted = replace(ask, detail={**ask.detail, "for": said[:200]})
            resource = Resource(kind=Thing.PROPOSAL, tenant=None)
            async with self._gate.permit_platform(who, Action.PROPOSAL_MAKE, resource, noted) as tx:
                now = self._clock.now()
                if await work.waiting(tx, now) >= work.MOST_OPEN:
                    raise work.too_many() from None
                return await work.ask(
                    tx, who, self._kind, waits.subject, about=waits.about, ticket="", reason=said, now=now, needed=1
                )
