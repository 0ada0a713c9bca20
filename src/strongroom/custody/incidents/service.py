"""Dealing with a leaked key, and keeping it in sight until its cause is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from strongroom.audit.reading import Wanted, search
from strongroom.custody.incidents import classes, tables
from strongroom.custody.incidents.model import LEAK, Did, Incident, LeakReport, Reached, Relative, abnormal
from strongroom.custody.service import Custody
from strongroom.flows.model import standing
from strongroom.flows.tables import edges, files
from strongroom.gateway import using
from strongroom.identity import Delivery, Identity, Key
from strongroom.identity import tables as identity_tables
from strongroom.identity.rotation import MAX_OVERLAP_S, Rotation
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, Name, TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.registry.datasets import tables as datasets
from strongroom.registry.datasets.desk import resource_of
from strongroom.registry.tables import deployments

SIGNAL: Final = "key-leak"
OVERLAP_S: Final = 3600.0
"""For how long a relative counts beside its successor at most, so that what holds it can change over."""

_DELIVER_S: Final = 24 * 3600.0
_READS: Final = 1000
"""How many of the newest readings of data sets are looked through."""
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Dealt:
    """An incident just opened, and the deliveries that hand over the relatives' successors, by the old key's id."""

    incident: Incident
    deliveries: dict[str, Delivery]


class Incidents:
    """Opens, shows and closes incidents."""

    def __init__(self, gate: Gate, custody: Custody, identity: Identity, rotation: Rotation, clock: Clock) -> None:
        self._gate: Final = gate
        self._custody: Final = custody
        self._identity: Final = identity
        self._rotation: Final = rotation
        self._clock: Final = clock

    async def key_leak(
        self, who: Principal, tenant: TenantId, key_id: KeyId, *, freeze: bool, rotate: bool, reason: str, ask: Ask
    ) -> Dealt:
        """Deal with a leaked key: end it, then its relatives, and say what it could reach and did.

        Args:
            who: the caller.
            tenant: whose key it is.
            key_id: the key.
            freeze: end everything that its workload gets in by.
            rotate: give the workload's other keys successors, where it is not frozen.
            reason: how it is known.
            ask: what goes into the audit entries.
        """
        ended = await self._identity.revoke_key(who, tenant, key_id, f"leaked: {reason}"[:200], ask)
        incident, report, relatives = await self._open(who, tenant, ended, reason, ask)
        deliveries: dict[str, Delivery] = {}
        if freeze:
            name = Name(ended.workload)
            gone = await self._identity.freeze_workload(
                who, tenant, ended.environment, name, "frozen after a leak", ask
            )
            dealt = [Relative(key=each, outcome="revoked") for each in gone]
        elif rotate:
            dealt = [await self._rotate(who, tenant, each, deliveries, ask) for each in relatives]
        else:
            dealt = []
        report = msgspec.structs.replace(report, frozen=freeze, relatives=tuple(dealt))
        resource = Resource(kind=Kind.INCIDENT, id=str(incident.id), tenant=tenant)
        async with self._gate.permit(who, Action.INCIDENT_OPEN, resource, ask) as tx:
            await tables.amend(tx, incident.id, report)
        return Dealt(msgspec.structs.replace(incident, report=report), deliveries)

    async def _open(
        self, who: Principal, tenant: TenantId, key: Key, reason: str, ask: Ask
    ) -> tuple[Incident, LeakReport, list[Key]]:
        incident_id, now = new_uuid(), self._clock.now()
        resource = Resource(kind=Kind.INCIDENT, id=str(incident_id), tenant=tenant)
        async with self._gate.permit(who, Action.INCIDENT_OPEN, resource, ask) as tx:
            deployed = await deployments(tx)
            touched = await using.touched(tx, _BEGINNING, [key.id])
            places = await using.places(tx, _BEGINNING, [key.id])
            firsts = await using.firsts(tx, [key.id])
            seen, declared = await edges(tx), standing(await files(tx))
            held = await using.found(tx, _BEGINNING, [key.id])
            granted = {
                resource_of(tenant, key.environment, each.name, each.version).id: each
                for each in await datasets.granted(tx, key.environment, key.workload)
            }
            reads = await search(tx, Wanted(action=str(Action.DATASET_READ)), _READS) if granted else []
            relatives = [
                each
                for each in await identity_tables.keys(tx, now)
                if (each.environment, each.workload) == (key.environment, key.workload)
                and each.status == "active"
                and each.id != key.id
            ]
            names = {each.id: f"{each.environment}/{each.name}" for each in deployed}
            report = LeakReport(
                key=key,
                tenants=(str(tenant),),
                frozen=False,
                relatives=(),
                could_reach=tuple(
                    Reached(
                        environment=each.environment,
                        name=each.name,
                        model=each.model or "",
                        data_classes=classes.of_endpoint(each.environment, each.name, seen, declared),
                    )
                    for each in self._custody.reach(tenant, [key], deployed)[key.id]
                ),
                did_touch=tuple(
                    Did(
                        endpoint="" if each.deployment is None else names.get(each.deployment, str(each.deployment)),
                        operation=each.operation,
                        requests=each.requests,
                        refused=each.refused,
                        first_at=each.first_at,
                        last_at=each.last_at,
                        input_tokens=each.input_tokens,
                        output_tokens=each.output_tokens,
                    )
                    for each in touched
                ),
                places=tuple(places),
                abnormal=tuple(abnormal(key, now, touched, places, firsts, names)),
                data_touched=classes.touched(held, names),
                data_sets=classes.data_sets(granted, key.id, [entry for entry, _, _ in reads]),
            )
            incident = Incident(
                id=incident_id,
                kind=LEAK,
                subject=key.id,
                status="open",
                opened_at=now,
                opened_by=str(who),
                reason=reason,
                root_cause=None,
                fix=None,
                closed_at=None,
                closed_by=None,
            )
            await tables.insert(tx, incident, report)
        return incident, report, relatives

    async def _rotate(
        self, who: Principal, tenant: TenantId, key: Key, deliveries: dict[str, Delivery], ask: Ask
    ) -> Relative:
        if key.replaced_by is not None:  # it ends by itself; after a leak it ends now
            await self._identity.revoke_key(who, tenant, KeyId(key.id), "a relative of a leaked key", ask)
            return Relative(key=key.id, outcome="revoked", successor=key.replaced_by)
        overlap = min(OVERLAP_S, MAX_OVERLAP_S[key.environment])
        try:
            made = await self._rotation.rotate(
                who, tenant, KeyId(key.id), overlap_s=overlap, deliver_s=_DELIVER_S, ask=ask
            )
        except Refused as no:
            return Relative(key=key.id, outcome="failed", detail=no.refusal.tell)
        if made.delivery is not None:
            deliveries[key.id] = made.delivery
        return Relative(key=key.id, outcome="rotated", successor=made.key.id, counts_until=made.old.retires_at)

    async def list(self, who: Principal, tenant: TenantId, ask: Ask, *, closed: bool = False) -> list[Incident]:
        """Return a tenant's open incidents, or all, newest first, without their reports."""
        async with self._gate.permit(who, Action.INCIDENT_READ, _every(tenant), ask) as tx:
            return await tables.incidents(tx, closed=closed)

    async def show(self, who: Principal, tenant: TenantId, incident_id: UUID, ask: Ask) -> Incident:
        """Return one incident with its report."""
        resource = Resource(kind=Kind.INCIDENT, id=str(incident_id), tenant=tenant)
        async with self._gate.permit(who, Action.INCIDENT_READ, resource, ask) as tx:
            found = await tables.incident(tx, incident_id)
        if found is None:
            raise Refused(hidden(f"no incident {incident_id} in this tenant"))
        return found

    async def close(
        self, who: Principal, tenant: TenantId, incident_id: UUID, cause: str, fix: str, ask: Ask
    ) -> Incident:
        """Close an incident by its cause.

        Raises:
            Refused: CONFLICT when it is closed already, hidden when there is none.
        """
        resource = Resource(kind=Kind.INCIDENT, id=str(incident_id), tenant=tenant)
        async with self._gate.permit(who, Action.INCIDENT_CLOSE, resource, ask) as tx:
            done = await tables.close(tx, incident_id, self._clock.now(), str(who), cause, fix)
            found = await tables.incident(tx, incident_id)
            if found is None:
                raise Refused(hidden(f"no incident {incident_id} in this tenant"))
            if not done:
                tell = "This incident is closed already."
                raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        return found


def _every(tenant: TenantId) -> Resource:
    return Resource(kind=Kind.INCIDENT, tenant=tenant)
