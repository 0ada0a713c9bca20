"""Planting canaries, and letting new ones take their place. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from strongroom.canaries import tables
from strongroom.canaries.documents import CANARY, CanaryDocument
from strongroom.canaries.model import KEEP_DAYS, MOST, PlantedCanary
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import Name, TenantId, new_uuid
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.policy import EVERY, Action, Ask, Gate, Kind, Resource
from strongroom.privacy.canaries import make
from strongroom.registry.tables import deployment_named
from strongroom.store import Conflict, TenantTx, feed

_THERE: Final = "A canary stands in the instructions of this deployment already. Rotate it for another."


class CanaryService:
    """Plants, lists and rotates the canaries of tenants."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate: Final = gate
        self._clock: Final = clock

    async def plant_in_instructions(
        self, who: Principal, tenant: TenantId, environment: Environment, name: Name, ask: Ask
    ) -> PlantedCanary:
        """Plant a canary in the instructions of a deployment: from now on gateways add it to what callers send as such.

        Raises:
            Refused: HIDDEN when there is no such deployment, CONFLICT when it has one.
        """
        made = self._made(who, "instructions", name, environment)
        try:
            async with self._gate.permit(who, Action.CANARY_PLANT, _resource(tenant, made), ask) as tx:
                found = await deployment_named(tx, environment, name)
                if found is None:
                    raise Refused(hidden(f"no deployment {name} in {environment}"))
                made = msgspec.structs.replace(made, deployment=found.id)
                await self._add(tx, made)
        except Conflict:
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=_THERE, tell=_THERE)) from None
        return made

    async def plant_in_document(self, who: Principal, tenant: TenantId, label: str, ask: Ask) -> PlantedCanary:
        """Make a canary for a document; whoever asked puts it in."""
        made = self._made(who, "document", label, None)
        async with self._gate.permit(who, Action.CANARY_PLANT, _resource(tenant, made), ask) as tx:
            await self._add(tx, made)
        return made

    async def every(self, who: Principal, tenant: TenantId, ask: Ask) -> list[PlantedCanary]:
        """Return a tenant's canaries with their words, the newest first."""
        resource = Resource(kind=Kind.CANARY, id=EVERY, tenant=tenant)
        async with self._gate.permit(who, Action.CANARY_LIST, resource, ask) as tx:
            return await tables.every(tx, self._clock.now())

    async def rotate(
        self, who: Principal, tenant: TenantId, canary: UUID, ask: Ask, *, keep_days: int = KEEP_DAYS
    ) -> PlantedCanary:
        """Let a new canary take the place of one, which is recognised for `keep_days` more.

        Raises:
            Refused: HIDDEN when there is none, CONFLICT when another took its place already.
        """
        resource = Resource(kind=Kind.CANARY, id=str(canary), tenant=tenant)
        noted = replace(ask, detail={**ask.detail, "keep_days": str(keep_days)})
        async with self._gate.permit(who, Action.CANARY_ROTATE, resource, noted) as tx:
            now = self._clock.now()
            old = await tables.one(tx, canary, now)
            if old is None:
                raise Refused(hidden(f"no canary {canary}"))
            if old.retired_at is not None:
                tell = "Another canary took the place of this one already."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
            until = now + timedelta(days=keep_days)
            await tables.retire(tx, old.id, now, until)
            made = msgspec.structs.replace(
                self._made(who, old.where, old.label, old.environment), deployment=old.deployment
            )
            await self._add(tx, made)
            await _publish(tx, old, until)
        return made

    async def withdraw_all(self, who: Principal, tenant: TenantId, ask: Ask) -> None:
        """Let the gateways forget the canaries of a tenant, as its deletion does. The rows stay."""
        resource = Resource(kind=Kind.CANARY, id=EVERY, tenant=tenant)
        async with self._gate.permit(who, Action.CANARY_ROTATE, resource, ask) as tx:
            for each in await tables.every(tx, self._clock.now()):
                await feed.withdraw(tx, CANARY, str(each.id))

    def _made(self, who: Principal, where: str, label: str, environment: Environment | None) -> PlantedCanary:
        return PlantedCanary(
            id=new_uuid(),
            where="document" if where == "document" else "instructions",
            label=label,
            environment=environment,
            deployment=None,
            word=make(),
            status="planted",
            planted_at=self._clock.now(),
            planted_by=str(who),
        )

    async def _add(self, tx: TenantTx, made: PlantedCanary) -> None:
        if await tables.living(tx, made.planted_at) >= MOST:
            tell = f"A tenant has {MOST} canaries at most that are recognised at a time."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        await tables.insert(tx, made)
        for each in await tables.every(tx, made.planted_at):
            if each.status == "ended":  # its time is over: gateways may forget it
                await feed.withdraw(tx, CANARY, str(each.id))
        await _publish(tx, made, None)


def _resource(tenant: TenantId, made: PlantedCanary) -> Resource:
    return Resource(kind=Kind.CANARY, id=str(made.id), tenant=tenant)


async def _publish(tx: TenantTx, canary: PlantedCanary, until: datetime | None) -> None:
    document = CanaryDocument(
        word=canary.word,
        label=canary.label,
        deployment=canary.deployment if until is None else None,
        until=None if until is None else until.timestamp(),
    )
    await feed.publish(tx, CANARY, str(canary.id), msgspec.json.encode(document))
