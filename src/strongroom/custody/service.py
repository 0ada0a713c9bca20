"""What can be asked of keys together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from strongroom.custody import tables
from strongroom.custody.model import PATIENCE, Endpoint, EndpointKey, Impact, Patience, Review, Uses, review
from strongroom.gateway import using
from strongroom.gateway.using import Touched
from strongroom.identity import Key
from strongroom.identity import tables as identity_tables
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId, new_uuid
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import Refused, hidden
from strongroom.policy import Action, Ask, Engine, Gate, Kind, Resource
from strongroom.registry import Deployment
from strongroom.registry.tables import deployments
from strongroom.store import TenantTx

WINDOW: Final = timedelta(days=30)
"""What was used is looked for so far back."""

Told: TypeAlias = dict[tuple[str, str], datetime]
"""When the log was told, by key and concern."""

_DENIED: Final = "This credential does not permit reading what keys did."


class Custody:
    """Maps keys to endpoints and back, and finds keys that should not be as they are."""

    def __init__(self, gate: Gate, engine: Engine, clock: Clock, patience: Patience = PATIENCE) -> None:
        self._patience: Final = patience
        self._gate: Final = gate
        self._engine: Final = engine
        self._clock: Final = clock

    async def impact(self, who: Principal, tenant: TenantId, key_id: KeyId, ask: Ask) -> Impact:
        """Return what a key may ask, what it did, and what ends with it."""
        resource = Resource(kind=Kind.KEY, id=key_id, tenant=tenant)
        async with self._gate.permit(who, Action.KEY_READ, resource, ask) as tx:
            self._demand(who, tenant)
            now = self._clock.now()
            keys = await identity_tables.keys(tx, now)
            key = next((each for each in keys if each.id == key_id), None)
            if key is None:
                raise Refused(hidden(f"no key {key_id} in this tenant"))
            since = now - WINDOW
            deployed = await deployments(tx)
            touched = await using.touched(tx, since, [key_id])
            places = await using.places(tx, since, [key_id])
        living = [each for each in keys if each.status == "active"]
        siblings = [each.id for each in living if _same(each, key) and each.id != key_id]
        endpoints = [
            _endpoint(each, touched, _others(self.reach(tenant, living, [each]), living, key))
            for each in self.reach(tenant, [key], deployed)[key.id]
        ]
        endpoints.sort(key=lambda each: (-each.requests, each.name))
        return Impact(
            key=key,
            stops=not siblings,
            other_keys=tuple(siblings),
            endpoints=tuple(endpoints),
            places=tuple(places),
            since=since,
        )

    async def endpoint_keys(
        self, who: Principal, tenant: TenantId, name: str, environment: Environment | None, ask: Ask
    ) -> list[EndpointKey]:
        """Return the living keys that may ask the endpoint `name`, in one environment or in all."""
        resource = Resource(kind=Kind.KEY, tenant=tenant)
        async with self._gate.permit(who, Action.KEY_LIST, resource, ask) as tx:
            self._demand(who, tenant)
            now = self._clock.now()
            found = [
                each for each in await deployments(tx) if each.name == name and environment in {None, each.environment}
            ]
            if not found:
                raise Refused(hidden(f"no deployment {name}"))
            living = [each for each in await identity_tables.keys(tx, now) if each.status == "active"]
            touched = await using.touched(tx, now - WINDOW)
        reach = self.reach(tenant, living, found)
        return [_endpoint_key(key, reach[key.id], touched) for key in living if reach[key.id]]

    async def used(self, who: Principal, tenant: TenantId, ask: Ask) -> tuple[list[Key], Uses, Told]:
        """Return a tenant's living keys, what is known of their use, and when the log was told that they have none."""
        async with self._gate.permit(who, Action.KEY_LIST, Resource(kind=Kind.KEY, tenant=tenant), ask) as tx:
            self._demand(who, tenant)
            now = self._clock.now()
            living = [each for each in await identity_tables.keys(tx, now) if each.status == "active"]
            return living, await _uses(tx, now - WINDOW), await tables.told(tx)

    async def review(self, who: Principal, tenant: TenantId, stale_days: float | None, ask: Ask) -> Review:
        """Return which living keys should be looked at: unused, stale, shared, wider than what they do, old.

        `stale_days`: after how long one is stale; None: as the settings say for its environment.
        """
        resource = Resource(kind=Kind.KEY, tenant=tenant)
        async with self._gate.permit(who, Action.KEY_LIST, resource, ask) as tx:
            self._demand(who, tenant)
            now = self._clock.now()
            since = now - WINDOW
            living = [each for each in await identity_tables.keys(tx, now) if each.status == "active"]
            deployed = await deployments(tx)
            uses = await _uses(tx, since)
        patience = self._patience.staler(stale_days)
        found = review(living, self.reach(tenant, living, deployed), uses, now=now, patience=patience)
        return Review(since=since, keys=len(living), findings=tuple(found))

    def reach(
        self, tenant: TenantId, keys: Iterable[Key], deployed: Sequence[Deployment]
    ) -> dict[str, Sequence[Deployment]]:
        """Return what each key may ask, as the policies decide it for a request."""
        found: dict[str, Sequence[Deployment]] = {}
        decided: dict[tuple[str, Environment, Environment], bool] = {}
        for key in keys:
            mine: list[Deployment] = []
            for each in deployed:
                place = (key.role, key.environment, each.environment)
                if place not in decided:
                    decided[place] = self._may(tenant, key, each)
                if decided[place]:
                    mine.append(each)
            only = None if key.bindings is None else key.bindings.models
            found[key.id] = [each for each in mine if each.name in only] if only else mine
        return found

    def _may(self, tenant: TenantId, key: Key, deployment: Deployment) -> bool:
        who = Principal(
            role=key.role,
            name=key.workload,
            credential=KeyId(key.id),
            tenant=tenant,
            environment=key.environment,
            workload=WorkloadId(new_uuid()),  # no policy looks at it; a workload has one
        )
        asked = Resource(kind=Kind.DEPLOYMENT, id=str(deployment.id), tenant=tenant, environment=deployment.environment)
        return self._engine.decide(who, Action.MODEL_INVOKE, asked).allowed

    def _demand(self, who: Principal, tenant: TenantId) -> None:
        records = Resource(kind=Kind.AUDIT_LOG, id="records", tenant=tenant)
        self._gate.demand(who, Action.RECORDS_READ, records, _DENIED)
        self._gate.demand(who, Action.DEPLOYMENT_LIST, Resource(kind=Kind.DEPLOYMENT, tenant=tenant), _DENIED)


async def _uses(tx: TenantTx, since: datetime) -> Uses:
    return Uses(
        touched=await using.touched(tx, since),
        places=await using.places(tx, since),
        firsts=await using.firsts(tx),
    )


def _same(one: Key, other: Key) -> bool:
    return (one.environment, one.workload) == (other.environment, other.workload)


def _others(reach: dict[str, Sequence[Deployment]], living: Iterable[Key], key: Key) -> tuple[str, ...]:
    return tuple(sorted({each.workload for each in living if reach[each.id] and not _same(each, key)}))


def _endpoint(deployment: Deployment, touched: Iterable[Touched], others: tuple[str, ...]) -> Endpoint:
    mine = [each for each in touched if each.deployment == deployment.id]
    return Endpoint(
        environment=deployment.environment,
        name=deployment.name,
        model=deployment.model or "",
        kind=str(deployment.kind),
        requests=sum(each.requests for each in mine),
        last_used_at=max((each.last_at for each in mine), default=None),
        also_asked_by=others,
    )


def _endpoint_key(key: Key, deployed: Sequence[Deployment], touched: Iterable[Touched]) -> EndpointKey:
    ids = {each.id for each in deployed}
    mine = [each for each in touched if each.key == key.id and each.deployment in ids]
    return EndpointKey(
        id=key.id,
        environment=key.environment,
        workload=key.workload,
        role=key.role.value,
        owner=key.owner,
        expires_at=key.expires_at,
        requests=sum(each.requests for each in mine),
        last_used_at=max((each.last_at for each in mine), default=None),
    )
