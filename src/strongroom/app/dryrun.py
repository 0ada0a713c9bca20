"""What a document of rules would have changed for those who asked lately: who would gain, who would lose.

Nothing is written, and nothing is asked again: the callers and deployments of the tenant's newest records, and for the
kind `access` what its people did lately, are held against the documents in force, and against those with the candidate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from strongroom import audit
from strongroom.app.approvaldry import judged
from strongroom.app.dryacross import Across, Changes, OfTenant
from strongroom.audit import Entry
from strongroom.gateway.reading import PAGE_LIMIT, Asking, asked
from strongroom.identity import tables as identity_tables
from strongroom.identity.model import Workload
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Ask, Engine, Gate, Resource, Surface
from strongroom.policy import Kind as Thing
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission import Admission
from strongroom.retention import Retention
from strongroom.retention.model import Rehearsed
from strongroom.rules import Kind, Level, Subject
from strongroom.rules.access import Narrowings, everything
from strongroom.rules.approval import APPROVAL
from strongroom.rules.exports import EXPORTS
from strongroom.rules.kinds import CEDAR
from strongroom.rules.policy import POLICY
from strongroom.rules.resolve import Standing, settle
from strongroom.rules.retention import RETENTION
from strongroom.rules.service import candidate
from strongroom.rules.taken import counted
from strongroom.rules.taking import Count, broken
from strongroom.rules.taking import everything as everything_of_exports
from strongroom.store import TenantTx
from strongroom.store.tx import Tx

_MOST_BYTES: Final = 64 * 1024
"""What goes with a proposal at most."""
_WAYS: Final[tuple[tuple[Literal["loses", "gains"], str], ...]] = (("loses", "drops"), ("gains", "keeps"))
"""A day that would be dropped is lost; one that would not be any more is gained."""


class Changed(msgspec.Struct, frozen=True, kw_only=True):
    """What would change for one caller.

    Attributes:
        who: the caller: role and name, with the environment of a workload.
        what: the model that it asked, or the action that it did.
        times: how often, in what was looked at.
        change: `loses`, `gains`, or `differs` where it is neither alone.
        before: what holds now, by field; for `access`, the answer.
        after: what would hold.
    """

    who: str
    what: str
    times: int
    change: Literal["loses", "gains", "differs"]
    before: dict[str, Any]
    after: dict[str, Any]


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a candidate would have changed.

    `looked_at`: records and log entries; `callers`: how many different ones; `left_off`:
    changes that had no room here. Of the installation's default, `tenants` says what would change in each, and `tenants_left`
    how many were not looked at.
    """

    kind: str
    level: Level
    looked_at: int
    callers: int
    data: list[Changed]
    left_off: int = 0
    tenants: list[OfTenant] = []
    tenants_left: int = 0


@dataclass(frozen=True, slots=True)
class Lately:
    """What happened lately in a tenant, and who and what is there: all that a rehearsal looks at."""

    tenant: TenantId
    asked: Sequence[Asking]
    workloads: Mapping[UUID, Workload]
    models: Mapping[UUID, str]
    entries: Sequence[Entry] = ()
    taken: Sequence[tuple[Surface, Count]] = ()


class Compared:
    """Holds what happened lately against two sets of documents."""

    def __init__(self, engine: Engine, admission: Admission | None = None, gate: Gate | None = None) -> None:
        self._across = None if gate is None else Across(gate, self._changes)
        self._engine = engine
        self._admission = admission
        self._narrowings = {
            kind: Narrowings(production=engine.production, installation=kind == POLICY.name) for kind in CEDAR
        }

    async def attached(
        self,
        tx: Tx,
        who: Principal,
        kind: Kind[Any, Any],
        level: Level,
        before: Standing[Any],
        after: Standing[Any],
    ) -> bytes:
        """Return as JSON what goes with a proposal, looked at in its own transaction.

        Whoever may propose learns who would gain or lose and how often they asked: names and counts, and no record. Of the
        installation's own documents every tenant is concerned: of each, it is told how many callers would gain or lose.
        What is demanded of releases is held against all that is promoted.
        """
        if kind is APPROVAL:
            return _fitted(await self.of_releases(level, before, after, tx))
        if isinstance(tx, TenantTx):
            return _fitted(self.run(kind, level, before, after, await _lately(tx, kind)))
        if self._across is None:
            return b""
        tenants, left = await self._across.look(who, tx, kind, after)
        looked, callers = sum(each.looked_at for each in tenants), sum(each.callers for each in tenants)
        return _fitted(
            DryRun(
                kind=kind.name, level=level, looked_at=looked, callers=callers, data=[], tenants=tenants, tenants_left=left
            )
        )  # fmt: skip

    async def _changes(
        self, tx: TenantTx, kind: Kind[Any, Any], level: Level, before: Standing[Any], after: Standing[Any]
    ) -> Changes:
        found = self.run(kind, level, before, after, await _lately(tx, kind))
        changed = Counter[str](each.change for each in found.data)
        return Changes(looked_at=found.looked_at, callers=found.callers, changed=changed)

    async def of_releases(self, level: Level, before: Standing[Any], after: Standing[Any], tx: Tx) -> DryRun:
        """Return which promoted releases, or deployments of a tenant, would be refused, and which would not be any more."""
        looked, found = (0, []) if self._admission is None else await judged(self._admission, tx, before, after)
        data = [
            Changed(
                who=each.release, what=each.what, times=1, change=each.change, before=each.before, after=each.after,
            )
            for each in found
        ]  # fmt: skip
        return DryRun(kind=APPROVAL.name, level=level, looked_at=looked, callers=looked, data=data)

    def run(
        self, named: Kind[Any, Any], level: Level, before: Standing[Any], after: Standing[Any], lately: Lately
    ) -> DryRun:
        """Return what would have changed."""
        if named is EXPORTS:
            return stopped(level, before, after, lately.taken)
        tenant, callers = lately.tenant, 0
        found: list[Changed] = []
        for each in lately.asked:
            deployment, key, times = each.deployment, each.key, each.times
            if deployment is None:
                continue
            callers += 1
            caller, model = lately.workloads.get(each.workload), lately.models.get(deployment)
            if caller is None or model is None or not caller.role.is_workload:
                continue
            if named.name in CEDAR:
                invoked = _model(tenant, caller, deployment)
                found += self._decided(
                    named.name, before, after, _caller(tenant, caller, key), Action.MODEL_INVOKE, invoked, times, model
                )
                continue
            subject = Subject(
                environment=caller.environment, role=caller.role, workload=caller.name, key=KeyId(key), model=model
            )
            old, new = settle(named, before, subject), settle(named, after, subject)
            if old != new:
                both = named.meet(old, new)
                change: Literal["loses", "gains", "differs"] = (
                    "loses" if both == new else "gains" if both == old else "differs"
                )
                found.append(
                    Changed(
                        who=f"{caller.role}/{caller.name} in {caller.environment}", what=model, times=times, change=change,
                        before=_fields(old), after=_fields(new),
                    )
                )  # fmt: skip
        found += self._of_people(named.name, before, after, tenant, lately.entries)
        looked = sum(each.times for each in lately.asked) + len(lately.entries)
        return DryRun(kind=named.name, level=level, looked_at=looked, callers=callers, data=found)

    def _of_people(
        self, kind: str, before: Standing[Any], after: Standing[Any], tenant: TenantId, entries: Sequence[Entry]
    ) -> list[Changed]:
        """Hold what the tenant's administrators did lately against both."""
        done = Counter(
            (entry.actor, entry.action, entry.resource)
            for entry in entries
            if entry.actor.startswith(f"{Role.TENANT_ADMIN}/")
        )
        found: list[Changed] = []
        for (actor, action, path), times in done.items():
            resource = _resource(tenant, path)
            if resource is not None and action in set(Action):
                who = Principal(
                    role=Role.TENANT_ADMIN, name=actor.partition("/")[2], credential=KeyId(""), tenant=tenant
                )
                found += self._decided(kind, before, after, who, Action(action), resource, times, action)
        return found

    def _decided(
        self, kind: str, before: Standing[Any], after: Standing[Any], who: Principal, action: Action, resource: Resource, times: int,
        what: str,
    ) -> list[Changed]:  # fmt: skip
        said = self._engine.decide(who, action, resource)
        parsed = self._narrowings[kind]
        old, new = (parsed.held(everything(each), said, who, action, resource) for each in (before, after))
        if old.allowed is new.allowed:
            return []
        place = f" in {who.environment}" if who.environment else ""
        return [
            Changed(
                who=f"{who}{place}", what=what, times=times, change="gains" if new.allowed else "loses",
                before={"allowed": old.allowed, "reason": old.reason}, after={"allowed": new.allowed, "reason": new.reason},
            )
        ]  # fmt: skip


async def dropped(retention: Retention, who: Principal, document: object, ask: Ask) -> bytes:
    """Return as JSON what a run would drop by a document about retention, of all tenants: what goes with its proposal."""
    held = candidate(RETENTION, Level.DEFAULT, document)
    return _fitted(of_days(await retention.rehearse(who, None if held is None else held.document, ask)))


def of_days(found: Rehearsed) -> DryRun:
    """Return which days of rows would be dropped besides, and which would not be any more."""
    data = [
        Changed(
            who=each.name, what=f"{each.class_} of {each.day}", times=each.rows, change=change,
            before={"dropped": change == "gains"}, after={"dropped": change == "loses", "held_by": each.held_by},
        )
        for change, some in _WAYS
        for each in getattr(found, some)
    ]  # fmt: skip
    looked = sum(each.times for each in data)
    return DryRun(
        kind=RETENTION.name, level=Level.DEFAULT, looked_at=looked, callers=len({each.who for each in data}), data=data
    )


def stopped(
    level: Level, before: Standing[Any], after: Standing[Any], taken: Sequence[tuple[Surface, Count]]
) -> DryRun:
    """Return who of those that have taken something of late would have been stopped by one of two sets of limits alone."""
    old, new = everything_of_exports(before), everything_of_exports(after)
    found: list[Changed] = []
    for surface, count in taken:
        was, would = broken(old, surface, count), broken(new, surface, count)
        for measure in was.keys() ^ would.keys():
            amount = {"taken": getattr(count, measure.partition("_")[0])}
            found.append(
                Changed(
                    who=count.party, what=f"{surface} {measure}", times=count.times,
                    change="loses" if measure in would else "gains",
                    before=amount | {"above": was.get(measure)}, after=amount | {"above": would.get(measure)},
                )
            )  # fmt: skip
    callers = len({count.party for _, count in taken})
    return DryRun(kind=EXPORTS.name, level=level, looked_at=len(taken), callers=callers, data=found)


async def _lately(tx: TenantTx, kind: Kind[Any, Any]) -> Lately:
    return Lately(
        tenant=tx.tenant,
        asked=await asked(tx),
        workloads={each.id: each for each in await identity_tables.workloads(tx)},
        models={each.id: each.name for each in await registry_tables.deployments(tx)},
        entries=await audit.recent(tx, PAGE_LIMIT, None) if kind.name in CEDAR else (),
        taken=await counted(tx) if kind is EXPORTS else (),
    )


def _fitted(found: DryRun) -> bytes:
    """Return it as JSON, within what goes with a proposal."""
    data = found.data
    while len(body := msgspec.json.encode(msgspec.structs.replace(found, data=data))) > _MOST_BYTES:
        data = data[: len(data) // 2]
        found = msgspec.structs.replace(found, left_off=len(found.data) - len(data))
    return body


def _fields(terms: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(terms)
    return found


def _caller(tenant: TenantId, workload: Workload, key: str) -> Principal:
    return Principal(
        role=workload.role,
        name=workload.name,
        credential=KeyId(key),
        tenant=tenant,
        environment=workload.environment,
        workload=WorkloadId(workload.id),
    )


def _model(tenant: TenantId, workload: Workload, deployment: UUID) -> Resource:
    return Resource(kind=Thing.DEPLOYMENT, id=str(deployment), tenant=tenant, environment=workload.environment)


def _resource(tenant: TenantId, path: str) -> Resource | None:
    """Return what an entry was about, from its path; None for what is not the tenant's."""
    parts = path.split("/")
    if parts[:2] != ["tenant", str(tenant)]:
        return None
    environment = Environment(parts[2]) if parts[2] in set(Environment) else None
    rest = parts[3:] if environment else parts[2:]
    try:
        return Resource(kind=Thing(rest[0]), id=rest[1], tenant=tenant, environment=environment)
    except (ValueError, IndexError):
        return None
