"""What a document of rules would have changed for those who asked lately: who would gain, who would lose.

Nothing is written, and nothing is asked again: the callers and deployments of the tenant's newest records, and for the
kind `access` what its people did lately, are held against the documents in force, and against those with the candidate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from strongroom import audit
from strongroom.app.approvaldry import judged
from strongroom.app.dryacross import Across, Changes, OfTenant
from strongroom.audit import Entry
from strongroom.gateway.reading import PAGE_LIMIT, Asking, RecordReader, asked
from strongroom.identity import Identity
from strongroom.identity import tables as identity_tables
from strongroom.identity.model import Workload
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Ask, AuditReader, Engine, Gate, Resource
from strongroom.policy import Kind as Thing
from strongroom.registry import Registry
from strongroom.registry import tables as registry_tables
from strongroom.registry.admission import Admission
from strongroom.rules import Kind, Level, Rules, Subject
from strongroom.rules.access import Narrowings, everything
from strongroom.rules.approval import APPROVAL
from strongroom.rules.kinds import CEDAR
from strongroom.rules.policy import POLICY
from strongroom.rules.resolve import Standing, settle
from strongroom.rules.service import candidate, kind_named
from strongroom.store import TenantTx
from strongroom.store.tx import Tx

_PAGES: Final = 20
"""How many pages of the log are looked at, where it is asked how far back."""
_MOST_BYTES: Final = 64 * 1024
"""What goes with a proposal at most."""


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


class Rehearsal:
    """Rehearses documents on what happened lately."""

    def __init__(
        self,
        rules: Rules,
        records: RecordReader,
        audit: AuditReader,
        identity: Identity,
        registry: Registry,
        engine: Engine,
        clock: Clock,
        admission: Admission | None = None,
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._records = records
        self._audit = audit
        self._identity = identity
        self._registry = registry
        self._compared = Compared(engine, admission)

    async def run(
        self,
        who: Principal,
        tenant: TenantId,
        kind: str,
        level: Level,
        document: object,
        ask: Ask,
        days: int | None = None,
    ) -> DryRun:
        """Return what `document` in the place of the one in force would have changed.

        Args:
            who: the verified caller.
            tenant: in whose records.
            kind: of the document.
            level: whose word it is.
            document: as it is written.
            ask: the request's facts.
            days: how far back; None: the newest records, and the newest page of the log.

        Raises:
            Refused: as writing it would be: INVALID naming the field, hidden for a kind that there is none of.
        """
        named = kind_named(kind)
        if named is APPROVAL:
            level = Level.DEFAULT  # whichever was named: it has no other
        before = await self._rules.standing(who, tenant, kind, ask)  # asks the gate, so before the document is parsed
        after = before.with_(level, candidate(named, level, document))
        if named is APPROVAL:
            return await self._registry.looked_at(
                who, tenant, ask, partial(self._compared.of_releases, level, before, after)
            )
        since = None if days is None else self._clock.now() - timedelta(days=days)
        lately = Lately(
            tenant=tenant,
            asked=await self._records.asked(who, tenant, ask, since),
            workloads={each.id: each for each in await self._identity.list_workloads(who, tenant, ask)},
            models={each.id: each.name for each in await self._registry.list_deployments(who, tenant, ask)},
            entries=await self._entries(who, tenant, ask, since) if named.name in CEDAR else (),
        )
        return self._compared.run(named, level, before, after, lately)

    async def _entries(self, who: Principal, tenant: TenantId, ask: Ask, since: datetime | None) -> list[Entry]:
        found: list[Entry] = []
        for _ in range(1 if since is None else _PAGES):
            last = found[-1].id if found else None
            page = await self._audit.of_tenant(who, tenant, ask, limit=PAGE_LIMIT, before=last)
            found += [each for each in page if since is None or each.at >= since]
            if len(page) < PAGE_LIMIT or (since is not None and page[-1].at < since):
                break
        return found


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
                who=each.release, what=each.what, times=1, change="loses" if each.after else "gains",
                before={"lacks": each.before}, after={"lacks": each.after},
            )
            for each in found
        ]  # fmt: skip
        return DryRun(kind=APPROVAL.name, level=level, looked_at=looked, callers=looked, data=data)

    def run(
        self, named: Kind[Any, Any], level: Level, before: Standing[Any], after: Standing[Any], lately: Lately
    ) -> DryRun:
        """Return what would have changed."""
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


async def _lately(tx: TenantTx, kind: Kind[Any, Any]) -> Lately:
    return Lately(
        tenant=tx.tenant,
        asked=await asked(tx),
        workloads={each.id: each for each in await identity_tables.workloads(tx)},
        models={each.id: each.name for each in await registry_tables.deployments(tx)},
        entries=await audit.recent(tx, PAGE_LIMIT, None) if kind.name in CEDAR else (),
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
