"""What can be done about retention. Each method asks the gate first and does its work inside the answer."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import date, datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace as replaced

from strongroom.audit.tlog import Leaves, leaf_hash
from strongroom.gateway.record_seals import line
from strongroom.identity import approvals
from strongroom.identity.approvals.second import SecondPerson
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.retention import analytics, tables
from strongroom.retention.analytics import AnalyticsReader
from strongroom.retention.model import (
    ANALYTICS,
    CAPTURES,
    DEFAULT_DAYS,
    KEPT,
    RECORDS,
    TIERS,
    Due,
    Hold,
    HoldKind,
    Manifest,
    Rehearsed,
    RuleClass,
    Status,
    TenantRule,
)
from strongroom.rules.kind import Document
from strongroom.rules.retention import RETENTION, RetentionRule
from strongroom.store import StoreError, TenantTx

AHEAD: Final = 7
"""For how many days to come there are partitions."""
LATE: Final = 3
"""For how many days it is looked whether records came late: a gateway may have kept them while the database was away."""


_log: Final = logging.getLogger(__name__)


class Retention:
    """Rules, holds, what is due, and dropping it."""

    def __init__(self, gate: Gate, clock: Clock, *, second: bool = False) -> None:
        """Wire it. `second`: whether releasing a hold takes a second person, as in production."""
        self._gate: Final = gate
        self._clock: Final = clock
        self.analytics: Final = AnalyticsReader(gate)
        self.second: Final = SecondPerson(gate, clock, approvals.Kind.RETENTION, demanded=second)
        """For surfaces: `second.asked` releases a hold, or proposes it where it waits."""

    async def status(self, who: Principal, ask: Ask) -> Status:
        """Return how retention stands: rules, holds, what is due, what was dropped last."""
        async with self._gate.permit_platform(who, Action.RETENTION_READ, _resource(None), ask) as tx:
            tenants, rules = await tables.tenants(tx), await tables.rules(tx)
            holds, dropped = await tables.holds(tx), await tables.manifests(tx)
        due = [
            each
            for tenant, name in tenants
            for class_ in TIERS
            for each in await self._due(who, ask, tenant, name, class_, rules, holds)
        ]
        names: dict[UUID, str] = dict(tenants)
        return Status(
            rules=[
                replaced(each, tenant_name=None if each.tenant is None else names.get(each.tenant)) for each in rules
            ],
            holds=[replaced(each, tenant_name=names.get(each.tenant)) for each in holds],
            due=due,
            dropped=[replaced(each, tenant_name=names.get(each.tenant)) for each in dropped],
            kept=dict(KEPT),
            tiers={str(each): tier for each, tier in TIERS.items()},
        )

    async def rehearse(
        self, who: Principal, document: Document[RetentionRule] | None, ask: Ask, only: TenantId | None = None
    ) -> Rehearsed:
        """Return what a run would drop if `document` were in force, and what it would not drop any more.

        Args:
            who: the caller.
            document: in the place of the one in force; None: as if that were withdrawn.
            ask: what goes into the audit entry.
            only: of this tenant; None: of all.
        """
        async with self._gate.permit_platform(who, Action.RETENTION_READ, _resource(None), ask) as tx:
            tenants, rules, holds = await tables.tenants(tx), await tables.rules(tx), await tables.holds(tx)
        then = _rules_of(document, tenants, self._clock.now())
        drops, keeps = list[Due](), list[Due]()
        for tenant, name in tenants:
            for class_ in TIERS:
                if only in {None, tenant} and _days(class_, tenant, rules) != _days(class_, tenant, then):
                    old = await self._due(who, ask, tenant, name, class_, rules, holds)
                    new = await self._due(who, ask, tenant, name, class_, then, holds)
                    there, here = ({due.day for due in some} for some in (old, new))
                    drops += [due for due in new if due.day not in there]
                    keeps += [due for due in old if due.day not in here]
        return Rehearsed(drops=drops, keeps=keeps)

    async def hold(
        self,
        who: Principal,
        tenant: TenantId,
        kind: HoldKind,
        owner: str,
        reason: str,
        until: datetime | None,
        ask: Ask,
        class_: RuleClass = RECORDS,
    ) -> UUID:
        """Hold a tenant's rows of a class and return the hold's id.

        Raises:
            Refused: INVALID for an exception that does not end, or has ended.
        """
        if kind is HoldKind.EXCEPTION and until is None:
            raise Refused(invalid("An exception ends: say when.", param="until"))
        if until is not None and until <= self._clock.now():
            raise Refused(invalid("That is past.", param="until"))
        id_ = new_uuid()
        facts = {"class": class_, "kind": kind.value, "owner": owner, "reason": reason}
        noted = _noting(ask, **facts, tenant=str(tenant), hold=str(id_))
        async with self._gate.permit_platform(who, Action.HOLD_SET, _resource(None), noted) as tx:
            await tables.set_hold(tx, tenant, id_, class_, kind, owner, reason, until, str(who))
        return id_

    async def release(
        self, who: Principal, tenant: TenantId, id_: UUID, reason: str, ask: Ask, approved: UUID | None = None
    ) -> Hold:
        """Let go of a hold, and return it.

        Args:
            who: the caller.
            tenant: whose.
            id_: the hold.
            reason: why.
            ask: what goes into the audit entry.
            approved: the proposal of exactly this, where it takes a second person.

        Raises:
            Refused: hidden when there is none such; as `SecondPerson.use`.
            Waits: in production: what is not held any more is dropped for good.
        """
        noted = _noting(ask, tenant=str(tenant), hold=str(id_), reason=reason)
        async with self._gate.permit_platform(who, Action.HOLD_RELEASE, _resource(None), noted) as tx:
            hold = next((each for each in await tables.holds(tx) if (each.tenant, each.id) == (tenant, id_)), None)
            if hold is None:
                raise Refused(hidden("no such hold"))
            said = f"release the {hold.kind} of {hold.owner} on {hold.class_} of tenant {tenant}: {hold.reason}"
            subject = {
                "act": "hold.release", "summary": said[:200], "tenant": str(tenant), "hold": str(id_), "reason": reason,
            }  # fmt: skip
            await self.second.use(tx, who, subject, approved)
            if not await tables.release(tx, tenant, id_, str(who)):
                raise Refused(hidden("no such hold"))
        return replaced(hold, released_at=self._clock.now())

    async def run(self, who: Principal, ask: Ask) -> list[Manifest]:
        """Sum up the days that are over, drop what is due and not held, and tend the partitions; return what was dropped.

        What fails of one tenant, or of one day, keeps nothing else from being done, and is raised in the end: partitions of days to
        come are every tenant's, and without them no record could be kept.

        Raises:
            Refused: CONFLICT where rows came meanwhile.
            StoreError: for the first of what failed.
        """
        async with self._gate.permit_platform(who, Action.RETENTION_READ, _resource(None), ask) as tx:
            tenants = await tables.tenants(tx)
        failed = list[Exception]()
        for tenant, _ in tenants:
            try:
                await self._sum(who, ask, tenant)
            except (Refused, StoreError) as error:
                _log.warning("retention: tenant %s could not be summed up: %s", tenant, type(error).__name__)
                failed.append(error)
        dropped = list[Manifest]()
        for each in (await self.status(who, ask)).due:
            try:
                if not each.held_by:
                    dropped.append(await self._drop(who, ask, each))
            except (Refused, StoreError) as error:
                _log.warning(
                    "retention: %s of %s of tenant %s stays: %s",
                    each.class_,
                    each.day,
                    each.tenant,
                    type(error).__name__,
                )
                failed.append(error)
        async with self._gate.permit_platform(who, Action.RETENTION_RUN, _resource(None), ask) as tx:
            await tables.tend_days(tx, AHEAD)
        if failed:
            raise failed[0]
        return dropped

    async def _sum(self, who: Principal, ask: Ask, tenant: TenantId) -> None:
        """Bring the records of days that are over into the analytics. Late ones of days before are summed when they go."""
        async with self._gate.permit(who, Action.RETENTION_READ, _resource(tenant), ask) as tx:
            days = await tables.unsummed(tx, LATE)
        if not days:
            return
        noted = _noting(ask, **{"class": ANALYTICS, "from": days[0].isoformat(), "to": days[-1].isoformat()})
        async with self._gate.permit(who, Action.RETENTION_RUN, _resource(tenant), noted) as tx:
            for day in days:
                await tables.summarise(tx, day)

    async def _due(
        self,
        who: Principal,
        ask: Ask,
        tenant: TenantId,
        name: str,
        class_: RuleClass,
        rules: list[TenantRule],
        holds: list[Hold],
    ) -> list[Due]:
        kept = _days(class_, tenant, rules)
        if kept is None:
            return []
        async with self._gate.permit(who, Action.RETENTION_READ, _resource(tenant), ask) as tx:
            found = await tables.days(tx, class_, kept)
        now = self._clock.now()
        own = (each for each in holds if each.tenant == tenant and each.class_ == class_)
        holding = [each for each in own if each.until is None or each.until > now]
        by = "; ".join(f"{each.kind} of {each.owner}: {each.reason}" for each in holding)
        return [Due(tenant=tenant, name=name, class_=class_, day=day, rows=rows, held_by=by) for day, rows in found]

    async def _drop(self, who: Principal, ask: Ask, due: Due) -> Manifest:
        """Drop one tenant's rows of one day: the root over them first, then both in one transaction with its entry."""
        tenant, class_ = TenantId(due.tenant), RuleClass(due.class_)
        async with self._gate.permit(who, Action.RETENTION_READ, _resource(tenant), ask) as tx:
            count, root = await _root(tx, class_, due.day)
        noted = _noting(ask, **{"class": class_, "day": due.day.isoformat(), "rows": str(count), "root": root.hex()})
        async with self._gate.permit(who, Action.RETENTION_RUN, _resource(tenant), noted) as tx:
            if class_ == RECORDS:
                await tables.summarise(tx, due.day)
            if (count, root) != await _root(tx, class_, due.day) or await tables.drop(tx, class_, due.day) != count:
                raise Refused(_moved())
            await tables.put_manifest(tx, class_, due.day, count, root, ask.request_id)
        return Manifest(
            tenant=tenant,
            tenant_name=due.name,
            class_=class_,
            day=due.day,
            rows=count,
            root=root.hex(),
            dropped_at=self._clock.now(),
            request_id=ask.request_id,
        )


async def _root(tx: TenantTx, class_: RuleClass, day: date) -> tuple[int, bytes]:
    tree = Leaves()
    if class_ == CAPTURES:
        async for text in tables.captures(tx, day):
            tree.append(leaf_hash(text))
    elif class_ == ANALYTICS:
        for figures in await analytics.of_day(tx, day):
            tree.append(leaf_hash(figures))
    else:
        async for row in tables.rows(tx, day):
            tree.append(leaf_hash(line(row)))
    return len(tree), tree.root()


def _days(class_: RuleClass, tenant: TenantId, rules: list[TenantRule]) -> int | None:
    """Return for how many days a tenant's rows of a class are kept; None: for ever."""
    of = {rule.tenant: rule.days for rule in rules if rule.class_ == class_}
    return of.get(tenant, of.get(None, DEFAULT_DAYS.get(class_)))


def _rules_of(
    document: Document[RetentionRule] | None, tenants: list[tuple[TenantId, str]], now: datetime
) -> list[TenantRule]:
    """Return what a document comes to, as the database reads it."""
    lines = () if document is None else RETENTION.ceiling(document.rules).lines
    return [
        TenantRule(
            tenant=tenant, class_=line.class_, days=line.days, smallest=line.smallest, reason="", set_by="", set_at=now
        )
        for line in lines
        for tenant in ([None] if not line.tenant else [id_ for id_, name in tenants if name == line.tenant])
    ]  # fmt: skip


def _resource(tenant: TenantId | None) -> Resource:
    return Resource(kind=Kind.AUDIT_LOG, id="retention", tenant=tenant)


def _noting(ask: Ask, **facts: str) -> Ask:
    try:
        return replace(ask, detail={**ask.detail, **{name: fact for name, fact in facts.items() if fact}})
    except ValueError as error:
        raise Refused(invalid(f"Not fit for the audit log: {error}.", param="reason")) from None


def _moved() -> Refusal:
    said = "Rows came while they were dropped; nothing was. Run it again."
    return Refusal(kind=RefusalKind.CONFLICT, reason=said, tell=said)
