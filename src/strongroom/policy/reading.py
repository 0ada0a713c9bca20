"""Reading the audit logs: a tenant's own, and the installation's."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from strongroom import audit
from strongroom.audit import Entry
from strongroom.audit.sidecar import Sidecars
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy.gate import Gate
from strongroom.policy.model import Action, Kind, Resource
from strongroom.policy.recorder import Ask
from strongroom.policy.taking import Surface, octets_of


class AuditReader:
    """Reads entries, newest first. Reading is itself an entry, and the first one that a reader sees."""

    def __init__(self, gate: Gate, sidecars: Sidecars | None = None) -> None:
        self._gate: Final = gate
        self._sidecars: Final = sidecars

    async def of_tenant(
        self, who: Principal, tenant: TenantId, ask: Ask, *, limit: int = 50, before: UUID | None = None
    ) -> list[Entry]:
        """Return the newest entries of a tenant's log; `before` is the last id of the page before."""
        resource = Resource(kind=Kind.AUDIT_LOG, tenant=tenant)
        async with self._gate.permit(who, Action.AUDIT_READ, resource, ask) as tx:
            entries = await audit.recent(tx, limit, before)
            told = entries if self._sidecars is None else await self._sidecars.back(tx, entries)
            await self._gate.taken(tx, who, Surface.AUDIT, rows=len(told), octets=octets_of(told))
            return told

    async def of_platform(
        self, who: Principal, ask: Ask, *, limit: int = 50, before: UUID | None = None
    ) -> list[Entry]:
        """Return the newest entries of the installation's log."""
        resource = Resource(kind=Kind.AUDIT_LOG)
        async with self._gate.permit_platform(who, Action.AUDIT_READ_PLATFORM, resource, ask) as tx:
            entries = await audit.recent(tx, limit, before)
            await self._gate.taken(tx, who, Surface.AUDIT, rows=len(entries), octets=octets_of(entries))
            return entries
