"""Elevations, through the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import msgspec

from strongroom.identity import account_tables as accounts
from strongroom.identity import approvals, publish, secretkey
from strongroom.identity.approvals import Request, State
from strongroom.identity.documents import ElevationDocument
from strongroom.identity.elevation import tables
from strongroom.identity.elevation.model import (
    MAX_GLASS_MINUTES,
    MAX_MINUTES,
    REVIEW_WITHIN,
    Asked,
    Begun,
    Elevated,
)
from strongroom.identity.issuing import fingerprint_of
from strongroom.identity.model import Ties
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import AccountId, KeyId, Name, TenantId, new_uuid
from strongroom.kernel.principal import Elevation, Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.policy import EVERY, Action, Ask, Engine, Gate, Kind, Resource
from strongroom.store import OperatorTx
from strongroom.vault import PurposeKeys

_MOST: Final = 100


class Elevations:
    """Asks for, decides on, begins, ends and reviews elevations."""

    def __init__(
        self,
        gate: Gate,
        engine: Engine,
        keys: PurposeKeys,
        clock: Clock,
        *,
        pages: bool,
        production: bool,
        noticed: Callable[[], None],
    ) -> None:
        """Wire it.

        Args:
            gate: decides and records.
            engine: says which actions an elevation could cover at all.
            keys: for tokens' fingerprints.
            clock: the time.
            pages: whether somebody is paged when the glass is broken.
            production: where breaking it without anybody being paged is refused.
            noticed: called when there is a notice to deliver.
        """
        self._gate = gate
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._pages = pages
        self._production = production
        self._noticed = noticed

    async def request(self, who: Principal, asked: Asked, ask: Ask) -> Elevated:
        """Ask for an elevation; two others decide."""
        async with self._gate.permit_platform(who, Action.ELEVATION_REQUEST, _about(EVERY), _noted(ask, asked)) as tx:
            asked = self._checked(who, asked, MAX_MINUTES)
            now = self._clock.now()
            request = await _asked(tx, who, asked, now)
            await tables.insert(tx, request.id, break_glass=False, review_due_at=None)
            return await _shown(tx, request, now)

    async def break_glass(self, who: Principal, asked: Asked, ask: Ask) -> Begun:
        """Begin an elevation without approval. Somebody is paged, and a review is due within a day."""
        noted = _noted(ask, asked)
        async with self._gate.permit_platform(who, Action.ELEVATION_BREAK_GLASS, _about(EVERY), noted) as tx:
            asked = self._checked(who, msgspec.structs.replace(asked, break_glass=True), MAX_GLASS_MINUTES)
            if self._production and not self._pages:
                tell = "Nobody would be paged: set `elevation.webhook` first."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            now = self._clock.now()
            request = await _asked(tx, who, asked, now, needed=0)
            await tables.insert(tx, request.id, break_glass=True, review_due_at=now + REVIEW_WITHIN)
            body = {
                "type": "elevation.break_glass",
                "id": str(request.id),
                **msgspec.to_builtins(asked),
                "at": now,
                "review_due_at": now + REVIEW_WITHIN,
            }
            await tables.insert_notice(tx, new_uuid(), msgspec.json.encode(body).decode(), now)
            begun = await self._begun(tx, who, request, now)
        self._noticed()
        return begun

    async def decide(
        self, who: Principal, request: UUID, verdict: Literal["approve", "deny"], digest: str, reason: str, ask: Ask
    ) -> Elevated:
        """Approve or deny somebody else's request. The second approval makes it one that can be begun."""
        noted = replace(ask, detail={**ask.detail, "verdict": verdict, "reason": reason})
        async with self._gate.permit_platform(who, Action.ELEVATION_DECIDE, _about(request), noted) as tx:
            now = self._clock.now()
            found = await approvals.decide(
                tx, who, approvals.Kind.ELEVATION, request, verdict=verdict, digest=digest, reason=reason, now=now
            )
            return await _shown(tx, found, now)

    async def begin(self, who: Principal, request: UUID, ask: Ask) -> Begun:
        """Return the token of one's own approved elevation: once, and from now its minutes count."""
        async with self._gate.permit_platform(who, Action.ELEVATION_BEGIN, _about(request), ask) as tx:
            now = self._clock.now()
            return await self._begun(tx, who, await approvals.by_id(tx, approvals.Kind.ELEVATION, request, now), now)

    async def end(self, who: Principal, request: UUID, reason: str, ask: Ask) -> Elevated:
        """End an elevation at once, or withdraw the request for one. Once more changes nothing."""
        noted = replace(ask, detail={**ask.detail, "reason": reason})
        async with self._gate.permit_platform(who, Action.ELEVATION_END, _about(request), noted) as tx:
            now = self._clock.now()
            found = await approvals.withdraw(tx, approvals.Kind.ELEVATION, request, now)
            shown = await _shown(tx, found, now)
            if shown.key_id is not None and shown.ended_at is None:
                await tables.end(tx, request, now, reason or "ended")
                if await accounts.revoke_account_key(tx, KeyId(shown.key_id), now, "elevation ended"):
                    await publish.gone(tx, [KeyId(shown.key_id)])
            return await _shown(tx, found, now)

    async def review(self, who: Principal, request: UUID, note: str, ask: Ask) -> Elevated:
        """Write down what a look at broken glass found; whoever broke it does not review it."""
        async with self._gate.permit_platform(who, Action.ELEVATION_REVIEW, _about(request), ask) as tx:
            now = self._clock.now()
            found = await approvals.by_id(tx, approvals.Kind.ELEVATION, request, now)
            shown = await _shown(tx, found, now)
            if str(who) == found.requester:
                tell = "Whoever broke the glass does not review it."
                raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
            if not shown.review_owed:
                tell = "No review is owed for this one."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            await tables.review(tx, request, now, str(who), note)
            return await _shown(tx, found, now)

    async def every(self, who: Principal, ask: Ask) -> list[Elevated]:
        """Return the newest elevations, newest first."""
        async with self._gate.permit_platform(who, Action.ELEVATION_READ, _about(EVERY), ask) as tx:
            now = self._clock.now()
            return await tables.shown(tx, await approvals.recent(tx, {approvals.Kind.ELEVATION}, now, _MOST), now)

    async def show(self, who: Principal, request: UUID, ask: Ask) -> Elevated:
        """Return one."""
        async with self._gate.permit_platform(who, Action.ELEVATION_READ, _about(request), ask) as tx:
            now = self._clock.now()
            return await _shown(tx, await approvals.by_id(tx, approvals.Kind.ELEVATION, request, now), now)

    async def owed(self, who: Principal, ask: Ask) -> list[tuple[UUID, datetime]]:
        """Return the reviews that are owed, and until when."""
        async with self._gate.permit_platform(who, Action.ELEVATION_READ, _about(EVERY), ask) as tx:
            return await tables.owed(tx)

    def _checked(self, who: Principal, asked: Asked, most: int) -> Asked:
        """Return what was asked in its one spelling.

        Raises:
            Refused: INVALID for too many minutes, or an action that no elevation could ever cover.
        """
        if not 1 <= asked.minutes <= most:
            raise Refused(invalid(f"An elevation lasts 1 to {most} minutes.", param="minutes"))
        actions = tuple(sorted(set(asked.actions)))
        for text in actions:
            if not self._possible(who, text, TenantId(asked.tenant)):
                raise Refused(invalid(f"No elevation covers `{text}` in a tenant.", param="actions"))
        if not actions:
            raise Refused(invalid("Name the actions that it is to cover.", param="actions"))
        return msgspec.structs.replace(asked, actions=actions, requester=str(who))

    def _possible(self, who: Principal, text: str, tenant: TenantId) -> bool:
        try:
            action = Action(text)
        except ValueError:
            return False
        if action.kind is Kind.SELF:
            return False
        operator = replace(
            who, elevation=Elevation(id="", ticket="", tenant=tenant, actions=frozenset({text})), tenant=None
        )
        places: Sequence[Environment | None] = (None, *Environment)
        return any(
            self._engine.decide(operator, action, Resource(kind=action.kind, tenant=tenant, environment=each)).allowed
            for each in places
        )

    async def _begun(self, tx: OperatorTx, who: Principal, request: Request, now: datetime) -> Begun:
        asked = msgspec.convert(request.subject, Asked)
        await approvals.use(tx, who, approvals.Kind.ELEVATION, request.id, asked, now)
        account = await accounts.account_named(tx, Name(who.name))
        if account is None or account.role is not Role.OPERATOR:
            tell = "An elevation is for the account of an operator."
            raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
        ends_at = now + timedelta(minutes=asked.minutes)
        secret = secretkey.mint(Role.OPERATOR, None)
        fingerprint, version = fingerprint_of(secret, self._keys), self._keys.current
        # Bound to what the token is bound to that asks for it: an elevation never lies about more loosely than the standing power.
        ties = await accounts.ties_of(tx, who.credential) or Ties()
        await accounts.insert_account_key(
            tx, AccountId(account.id), secret.id, fingerprint, version, created_at=now, expires_at=ends_at, ties=ties
        )
        await tables.begin(tx, request.id, secret.id, now, ends_at)
        used = await approvals.by_id(tx, approvals.Kind.ELEVATION, request.id, now)
        shown = await _shown(tx, used, now)
        covers = ElevationDocument(
            id=str(request.id),
            ticket=asked.ticket,
            tenant=asked.tenant,
            actions=asked.actions,
            break_glass=asked.break_glass,
        )
        await publish.account_key(tx, account, secret.id, fingerprint, version, ends_at.timestamp(), ties, covers)
        return Begun(elevation=shown, token=secret.text, expires_at=ends_at)


def _about(request: UUID | str) -> Resource:
    return Resource(kind=Kind.ELEVATION, id=str(request))


def _noted(ask: Ask, asked: Asked) -> Ask:
    """Put into the entry what is asked for.

    Raises:
        Refused: INVALID when the log would not take it, such as a text with a key in it.
    """
    facts = {
        "about": str(asked.tenant),
        "actions": ",".join(asked.actions)[:256],
        "minutes": str(asked.minutes),
        "for": asked.ticket,
        "reason": asked.reason[:256],
    }
    try:
        return replace(ask, detail={**ask.detail, **facts})
    except ValueError as error:
        raise Refused(invalid(f"Not taken: {error}.", param="reason")) from None


async def _asked(
    tx: OperatorTx, who: Principal, asked: Asked, now: datetime, needed: int = approvals.NEEDED
) -> Request:
    return await approvals.ask(
        tx, who, approvals.Kind.ELEVATION, asked, about=asked.tenant, ticket=asked.ticket, reason=asked.reason, now=now,
        needed=needed,
    )  # fmt: skip


async def _shown(tx: OperatorTx, request: Request, now: datetime) -> Elevated:
    return (await tables.shown(tx, [request], now))[0]


__all__ = ["Elevations", "State"]
