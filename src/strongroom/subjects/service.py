"""Taking, confirming and refusing people's requests, and the holds that stand against erasing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity.approvals.model import Person, objection
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.store import TenantTx
from strongroom.subjects import tables
from strongroom.subjects.holder import Holder
from strongroom.subjects.model import CLOCK, WHY_HELD, WHY_NOT, Hold, HoldKind, Place, Request, RequestKind, State
from strongroom.subjects.tables import Asked
from strongroom.subjects.telling import told
from strongroom.vault import KeysDestroyed, Scope, SealBroken, Use, Vault, is_subject


class Subjects:
    """People's requests of one installation."""

    def __init__(
        self, gate: Gate, vault: Vault, holders: Sequence[Holder], clock: Clock, *, production: bool = False
    ) -> None:
        self._gate: Final = gate
        self._vault: Final = vault
        self._holders: Final = tuple(holders)
        self._clock: Final = clock
        self._production: Final = production

    async def pseudonym(self, tenant: TenantId, name: str) -> str:
        """Return the pseudonym of who is called `name`; one that is a pseudonym already is itself."""
        if is_subject(name):
            return name
        with told():
            return (await self._vault.keys(Scope(tenant, Use.SUBJECT_NAME))).pseudonym(name)

    async def look_up(self, who: Principal, tenant: TenantId, name: str, ask: Ask) -> tuple[str, list[Place]]:
        """Return a person's pseudonym, and how much there is of them in each place. The name itself is kept nowhere."""
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant), ask) as tx:
            subject = await self.pseudonym(tenant, name)
            return subject, [
                Place(name=each.name, tables=list(each.tables), found=await each.count(tx, subject))
                for each in self._holders
            ]

    async def take(
        self, who: Principal, tenant: TenantId, kind: RequestKind, name: str, ticket: str, reason: str, ask: Ask
    ) -> Request:
        """Take a person's request; its clock runs from now. `reason` is sealed, and goes with what else is kept of them."""
        request, now = new_uuid(), self._clock.now()
        noted = noting(ask, kind=kind.value, ticket=ticket)
        async with self._gate.permit(who, Action.SUBJECT_REQUEST, resource(tenant, request), noted) as tx:
            subject = await self.pseudonym(tenant, name)
            note = await self._sealed(tenant, subject, request, reason) if reason else None
            await tables.insert(
                tx,
                request=request,
                kind=kind,
                subject=subject,
                ticket=ticket,
                by=str(who),
                credential=who.credential,
                at=now,
                due_at=now + CLOCK,
                note=note,
            )
            return (await found(tx, request, now)).request

    async def requests(self, who: Principal, tenant: TenantId, state: State | None, ask: Ask) -> list[Request]:
        """Return a tenant's requests, the most pressing first."""
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant), ask) as tx:
            found = await tables.requests(tx, state, self._clock.now())
        return [await self._told(tenant, each) for each in found]

    async def show(self, who: Principal, tenant: TenantId, request: UUID, ask: Ask) -> Request:
        """Return one request, with what was said of it as long as that can be read."""
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant, request), ask) as tx:
            asked = await found(tx, request, self._clock.now())
        shown, request = await self._told(tenant, asked), asked.request.id
        said = await self._opened(tenant, shown.subject, request, asked.note)
        return msgspec.structs.replace(shown, reason=said)

    async def confirm(self, who: Principal, tenant: TenantId, request: UUID, ask: Ask) -> Request:
        """Confirm a request as a second person.

        Raises:
            Refused: FORBIDDEN for who asked, CONFLICT when it waits for nobody.
        """
        now = self._clock.now()
        async with self._gate.permit(who, Action.SUBJECT_CONFIRM, resource(tenant, request), ask) as tx:
            asked = await found(tx, request, now)
            against = objection(
                Person(asked.request.requested_by, asked.requested_with), Person(str(who), who.credential), []
            )
            if against is not None:
                tell = "Who asked does not confirm; it takes somebody else, with a credential of their own."
                raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=against, tell=tell))
            if not await tables.confirm(tx, request, str(who), now):
                raise conflict(f"This request is {asked.request.state}; it waits for nobody's word.")
            return (await found(tx, request, now)).request

    async def refuse(self, who: Principal, tenant: TenantId, request: UUID, reason: str, ask: Ask) -> Request:
        """End a request with a no, which the person is owed (GDPR art. 12 §4). Why is sealed under their own key.

        Raises:
            Refused: CONFLICT when it has ended.
        """
        now = self._clock.now()
        subject = await self._about(who, tenant, request, ask)
        noted = replace(noting(ask, reason=reason), about=subject or "")
        async with self._gate.permit(who, Action.SUBJECT_REFUSE, resource(tenant, request), noted) as tx:
            asked = await found(tx, request, now)
            note = None if subject is None else await self._sealed(tenant, subject, request, reason, WHY_NOT)
            if not await tables.refuse(tx, request, note, reason if subject is None else None, now):
                raise conflict(f"This request is {asked.request.state}.")
            return msgspec.structs.replace((await found(tx, request, now)).request, refused_for=reason)

    async def hold(
        self,
        who: Principal,
        tenant: TenantId,
        name: str | None,
        kind: HoldKind,
        owner: str,
        reason: str,
        until: datetime | None,
        ask: Ask,
    ) -> Hold:
        """Keep a person's data, or everybody's in the tenant, from being erased.

        Raises:
            Refused: INVALID for an exception that does not end, or has ended.
        """
        now, hold = self._clock.now(), new_uuid()
        if kind is HoldKind.EXCEPTION and until is None:
            raise Refused(invalid("An exception ends: say when.", param="until"))
        if until is not None and until <= now:
            raise Refused(invalid("That is past.", param="until"))
        subject = None if name is None else await self.pseudonym(tenant, name)
        noted = replace(noting(ask, kind=kind.value, owner=owner, hold=str(hold), reason=reason), about=subject or "")
        async with self._gate.permit(who, Action.SUBJECT_HOLD, resource(tenant, hold), noted) as tx:
            note = None if subject is None else await self._sealed(tenant, subject, hold, reason, WHY_HELD)
            await tables.set_hold(
                tx, hold=hold, subject=subject, kind=kind, owner=owner, until=until, by=str(who), note=note,
                reason=reason if subject is None else None,
            )  # fmt: skip
            made = next(each for each, _ in await tables.holds(tx, now) if each.id == hold)
        return msgspec.structs.replace(made, reason=reason)

    async def holds(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Hold]:
        """Return holds and exceptions, those that hold now first, each with its reason as long as that can be read."""
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant), ask) as tx:
            found = await tables.holds(tx, self._clock.now())
        return [
            each if note is None else msgspec.structs.replace(
                each, reason=await self._opened(tenant, each.subject, each.id, note, WHY_HELD)
            )
            for each, note in found
        ]  # fmt: skip

    async def release(self, who: Principal, tenant: TenantId, hold: UUID, ask: Ask) -> None:
        """Let go of a hold.

        Raises:
            Refused: hidden when there is none such.
        """
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant, hold), ask_of(ask)) as tx:
            held = {each.id: each.subject for each, _ in await tables.holds(tx, self._clock.now())}
        ask = replace(ask, about=held.get(hold) or "")
        async with self._gate.permit(who, Action.SUBJECT_RELEASE, resource(tenant, hold), ask) as tx:
            if not await tables.release(tx, hold, str(who)):
                raise Refused(hidden("no such hold"))

    def demand_confirmed(self, asked: Request) -> None:
        """Refuse to act on a request that has ended, or that nobody confirmed where somebody must.

        Raises:
            Refused: CONFLICT.
        """
        if asked.ended_at is not None:
            raise conflict(f"This request is {asked.state}.")
        if self._production and asked.confirmed_at is None:
            raise conflict("In production a second person confirms this first: `strongroom subject confirm`.")

    async def _about(self, who: Principal, tenant: TenantId, request: UUID, ask: Ask) -> str | None:
        async with self._gate.permit(who, Action.SUBJECT_READ, resource(tenant, request), ask_of(ask)) as tx:
            return (await found(tx, request, self._clock.now())).request.subject

    async def _told(self, tenant: TenantId, asked: Asked) -> Request:
        if asked.why_not is None:
            return asked.request
        why = await self._opened(tenant, asked.request.subject, asked.request.id, asked.why_not, WHY_NOT)
        return msgspec.structs.replace(asked.request, refused_for=why)

    async def _sealed(self, tenant: TenantId, subject: str, which: UUID, text: str, *what: str) -> bytes:
        with told():
            keys = await self._vault.keys(Scope(tenant, Use.SUBJECT_REQUEST, None, subject))
        return keys.seal(text.encode(), str(which), *what)

    async def _opened(
        self, tenant: TenantId, subject: str | None, which: UUID, note: bytes | None, *what: str
    ) -> str | None:
        if note is None or subject is None:
            return None
        try:
            with told():
                scope = Scope(tenant, Use.SUBJECT_REQUEST, None, subject)
                return (await self._vault.open(scope, note, str(which), *what)).decode()
        except (SealBroken, KeysDestroyed, Refused):
            return None


async def found(tx: TenantTx, request: UUID, now: datetime) -> Asked:
    """Return a request.

    Raises:
        Refused: hidden.
    """
    asked = await tables.one(tx, request, now)
    if asked is None:
        raise Refused(hidden("no such request of a person in this tenant"))
    return asked


def resource(tenant: TenantId, which: UUID | None = None) -> Resource:
    """Return what is asked about: one request or hold by its id, or all. Never a person."""
    if which is None:
        return Resource(kind=Kind.SUBJECT, tenant=tenant)
    return Resource(kind=Kind.SUBJECT, id=str(which), tenant=tenant)


def ask_of(ask: Ask) -> Ask:
    """Return `ask` without its facts: for looking at what an act is about before it is done."""
    return Ask(request_id=ask.request_id)


def noting(ask: Ask, **facts: str) -> Ask:
    """Return `ask` with facts for the log.

    Raises:
        Refused: INVALID when the log would not take one.
    """
    try:
        return replace(ask, detail={**ask.detail, **{name: fact for name, fact in facts.items() if fact}})
    except ValueError as error:
        raise Refused(invalid(f"Not fit for the audit log: {error}.", param=next(iter(facts), None))) from None


def conflict(tell: str) -> Refused:
    """Return the no to what does not fit how things stand."""
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
