"""Rehearsing documents of rules on what happened lately in a tenant, before they are in force."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from strongroom.app.dryrun import Compared, DryRun, Lately, of_days
from strongroom.audit import Entry
from strongroom.gateway.reading import PAGE_LIMIT, RecordReader
from strongroom.identity import Identity
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Ask, AuditReader, Engine
from strongroom.registry import Registry
from strongroom.registry.admission import Admission
from strongroom.retention import Retention
from strongroom.rules import Level, Rules
from strongroom.rules.approval import APPROVAL
from strongroom.rules.exports import EXPORTS
from strongroom.rules.kinds import CEDAR
from strongroom.rules.retention import RETENTION
from strongroom.rules.service import candidate, kind_named
from strongroom.rules.taken import TakenReader

_PAGES: Final = 20
"""How many pages of the log are looked at, where it is asked how far back."""


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
        retention: Retention | None = None,
        taken: TakenReader | None = None,
    ) -> None:
        self._clock = clock
        self._rules = rules
        self._retention = retention
        self._taken = taken
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
        if named is APPROVAL or named is RETENTION:
            level = Level.DEFAULT  # whichever was named: it has no other
        before = await self._rules.standing(who, tenant, kind, ask)  # asks the gate, so before the document is parsed
        after = before.with_(level, candidate(named, level, document))
        if named is APPROVAL:
            return await self._registry.looked_at(
                who, tenant, ask, partial(self._compared.of_releases, level, before, after)
            )
        if named is RETENTION and self._retention is not None:
            held = after.default
            return of_days(await self._retention.rehearse(who, None if held is None else held.document, ask, tenant))
        since = None if days is None else self._clock.now() - timedelta(days=days)
        lately = Lately(
            tenant=tenant,
            asked=await self._records.asked(who, tenant, ask, since),
            workloads={each.id: each for each in await self._identity.list_workloads(who, tenant, ask)},
            models={each.id: each.name for each in await self._registry.list_deployments(who, tenant, ask)},
            entries=await self._entries(who, tenant, ask, since) if named.name in CEDAR else (),
            taken=await self._taken.counts(who, tenant, ask) if named is EXPORTS and self._taken is not None else (),
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
