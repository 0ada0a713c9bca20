"""Capture sessions, through the gate."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from strongroom.captures import tables
from strongroom.captures.documents import CAPTURE, CaptureDocument
from strongroom.captures.model import (
    MAX_MINUTES,
    MAX_OCTETS,
    WHOLE,
    Asked,
    Captured,
    Listed,
    Phase,
    Session,
    Wanted,
    phase_of,
)
from strongroom.identity import approvals
from strongroom.identity.approvals import Request, State
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource, Surface
from strongroom.registry.tables import deployments
from strongroom.store import TenantTx, feed
from strongroom.vault import KeysDestroyed, Scope, SealBroken, Use, Vault, VaultUnavailable

_MOST: Final = 100
_LEAST: Final = 1024


class CaptureSessions:
    """Asks for, decides on, begins, stops and reads capture sessions."""

    def __init__(self, gate: Gate, vault: Vault, clock: Clock) -> None:
        self._gate: Final = gate
        self._vault: Final = vault
        self._clock: Final = clock

    async def request(self, who: Principal, wanted: Wanted, ask: Ask) -> Asked:
        """Ask for a session; two others decide.

        Raises:
            Refused: INVALID for bounds that no session has, or a model that the tenant does not have there.
        """
        tenant = TenantId(wanted.tenant)
        noted = _noted(ask, wanted)
        async with self._gate.permit(
            who, Action.CAPTURE_REQUEST, _about(tenant, EVERY, wanted.environment), noted
        ) as tx:
            _refuse_beyond(wanted)
            await _refuse_unknown(tx, wanted)
        async with self._gate.permit_platform(who, Action.CAPTURE_REQUEST, _about(tenant, EVERY), noted) as platform:
            now = self._clock.now()
            request = await approvals.ask(
                platform, who, approvals.Kind.CAPTURE, wanted, about=tenant, ticket=wanted.ticket, reason=wanted.reason,
                now=now,
            )  # fmt: skip
            return _asked(request)

    async def requests(self, who: Principal, ask: Ask) -> list[Asked]:
        """Return the newest requests for sessions of all tenants, newest first."""
        async with self._gate.permit_platform(who, Action.CAPTURE_LIST, Resource(kind=Kind.CAPTURE), ask) as tx:
            found = await approvals.recent(tx, [approvals.Kind.CAPTURE], self._clock.now(), _MOST)
            return [_asked(each) for each in found]

    async def decide(
        self, who: Principal, request: UUID, verdict: Literal["approve", "deny"], digest: str, reason: str, ask: Ask
    ) -> Asked:
        """Approve or deny somebody else's request; with the second approval the session begins.

        Approving once more what was approved and could not begin begins it.
        """
        noted = _noting(ask, verdict=verdict, reason=reason)
        async with self._gate.permit_platform(who, Action.CAPTURE_DECIDE, _about(None, request), noted) as tx:
            now = self._clock.now()
            found = await approvals.by_id(tx, approvals.Kind.CAPTURE, request, now)
            waits = (
                found.state is State.USED and now < found.expires_at
            )  # approved, and something kept it from beginning
            if not waits or verdict == "deny" or digest != found.digest:
                found = await approvals.decide(
                    tx, who, approvals.Kind.CAPTURE, request, verdict=verdict, digest=digest, reason=reason, now=now
                )
                if found.state is State.APPROVED:
                    found = await approvals.apply(tx, approvals.Kind.CAPTURE, request, found.subject, now)
        if found.state is not State.USED:
            return _asked(found)
        await self._begin(who, found, ask)
        return msgspec.structs.replace(_asked(found), phase=Phase.ACTIVE)

    async def _begin(self, who: Principal, request: Request, ask: Ask) -> None:
        wanted = msgspec.convert(request.subject, Wanted)
        tenant, now = TenantId(wanted.tenant), self._clock.now()
        ends_at = now + timedelta(minutes=wanted.minutes)
        by = ", ".join(vote.voter for vote in request.votes if vote.verdict == "approve")
        about = _about(tenant, request.id, wanted.environment)
        async with self._gate.permit(who, Action.CAPTURE_BEGIN, about, _noted(ask, wanted, by=by)) as tx:
            if not await tables.begin(tx, request.id, wanted, by, now, ends_at):
                tell = "This session has begun already."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            await _forget(tx, await tables.over(tx, now))
            document = CaptureDocument(
                environment=wanted.environment, model=wanted.model, share=wanted.share, ends_at=ends_at.timestamp(),
                workload=wanted.workload,
            )  # fmt: skip
            await feed.publish(tx, CAPTURE, str(request.id), msgspec.json.encode(document))

    async def sessions(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Session]:
        """Return a tenant's newest sessions, newest first."""
        async with self._gate.permit(who, Action.CAPTURE_LIST, _about(tenant, EVERY), ask) as tx:
            return await tables.sessions(tx, self._clock.now())

    async def stop(self, who: Principal, tenant: TenantId, session: UUID, reason: str, ask: Ask) -> None:
        """Stop a session at once; what was captured stays for its days. Once more changes nothing.

        Raises:
            Refused: HIDDEN when there is none.
        """
        noted = _noting(ask, reason=reason)
        async with self._gate.permit(who, Action.CAPTURE_STOP, _about(tenant, session), noted) as tx:
            if await tables.environment_of(tx, session) is None:
                raise Refused(hidden(f"no capture session {session}"))
            if await tables.stop(tx, session, self._clock.now(), str(who), reason):
                await _forget(tx, [session])

    async def entries(self, who: Principal, tenant: TenantId, session: UUID, ask: Ask) -> list[Listed]:
        """Return what was captured, without what it says: under an elevation that names reading it."""
        async with self._gate.permit(who, Action.CAPTURE_READ, _about(tenant, session), ask) as tx:
            if await tables.environment_of(tx, session) is None:
                raise Refused(hidden(f"no capture session {session}"))
            return await tables.entries(tx, session)

    async def read(self, who: Principal, tenant: TenantId, session: UUID, entry: UUID, ask: Ask) -> Captured:
        """Return one captured request and its answer; that it was read stands in the tenant's log before it is shown.

        Raises:
            Refused: HIDDEN when there is none, or its keys are gone; UNAVAILABLE without the vault.
        """
        noted = _noting(ask, session=str(session))
        async with self._gate.permit(who, Action.CAPTURE_READ, _about(tenant, entry), noted) as tx:
            environment = await tables.environment_of(tx, session)
            found = await tables.sealed(tx, session, entry)
            if found is not None:
                await self._gate.taken(tx, who, Surface.CAPTURES, rows=1, octets=len(found.sealed))
        if environment is None or found is None:
            raise Refused(hidden(f"no captured request {entry}"))
        try:
            of = scope(tenant, environment, found.subject)
            plain = await self._vault.open(of, found.sealed, str(session), str(entry))
            return msgspec.json.decode(plain, type=Captured)
        except VaultUnavailable as error:
            tell = "The vault does not answer. Try again shortly."
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"the vault: {error}", tell=tell)) from None
        except (KeysDestroyed, SealBroken, msgspec.MsgspecError) as error:
            raise Refused(hidden(f"it does not open: {type(error).__name__}")) from None


def scope(tenant: TenantId, environment: Environment, subject: str = "") -> Scope:
    """Return whose keys seal what is captured: those of whom the request is about, if it says, else the tenant's."""
    return Scope(tenant, Use.CAPTURE, environment, subject)


async def _forget(tx: TenantTx, sessions: list[UUID]) -> None:
    for session in sessions:
        if await feed.find(tx, CAPTURE, str(session)) is not None:
            await feed.withdraw(tx, CAPTURE, str(session))


def _about(tenant: TenantId | None, thing: UUID | str, environment: Environment | None = None) -> Resource:
    return Resource(kind=Kind.CAPTURE, id=str(thing), tenant=tenant, environment=environment)


def _refuse_beyond(wanted: Wanted) -> None:
    if not 1 <= wanted.minutes <= MAX_MINUTES:
        raise Refused(invalid(f"A session lasts 1 to {MAX_MINUTES} minutes.", param="minutes"))
    if not 1 <= wanted.share <= WHOLE:
        raise Refused(invalid("A session captures 0.01 to 100 per cent of requests.", param="share"))
    if not _LEAST <= wanted.octets <= MAX_OCTETS:
        raise Refused(invalid("A session keeps 1 KiB to 64 MiB.", param="octets"))


async def _refuse_unknown(tx: TenantTx, wanted: Wanted) -> None:
    known = {(each.environment, each.name) for each in await deployments(tx)}
    if (wanted.environment, wanted.model) not in known:
        raise Refused(invalid(f"The tenant has no model of that name in {wanted.environment}.", param="model"))


def _noted(ask: Ask, wanted: Wanted, **more: str) -> Ask:
    facts = {
        "model": wanted.model,
        "workload": wanted.workload,
        "share": f"{wanted.share}/{WHOLE}",
        "minutes": str(wanted.minutes),
        "bytes": str(wanted.octets),
        "for": wanted.ticket,
        "reason": wanted.reason[:256],
        "requester": wanted.requester,
    }
    return _noting(ask, **facts, **more)


def _noting(ask: Ask, **facts: str) -> Ask:
    try:
        return replace(ask, detail={**ask.detail, **{name: fact for name, fact in facts.items() if fact}})
    except ValueError as error:
        raise Refused(invalid(f"Not fit for the audit log: {error}.", param="reason")) from None


def _asked(request: Request) -> Asked:
    wanted = msgspec.convert(request.subject, Wanted)
    return Asked(
        id=request.id, phase=_phase(request), tenant=wanted.tenant, environment=wanted.environment, model=wanted.model,
        workload=wanted.workload, share=wanted.share, minutes=wanted.minutes, octets_most=wanted.octets,
        requester=request.requester, ticket=request.ticket, reason=request.reason, digest=request.digest,
        approvals=sum(vote.verdict == "approve" for vote in request.votes), needed=request.needed, votes=request.votes,
        created_at=request.created_at, decide_by=request.expires_at,
    )  # fmt: skip


def _phase(request: Request) -> Phase:
    now: datetime = request.created_at
    return phase_of(request.state, begun=False, stopped=False, ends_at=None, now=now)
