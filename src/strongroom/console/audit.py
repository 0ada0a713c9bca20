"""The audit logs, newest first: a tenant's own, and the installation's.

A filter by outcome looks through a bounded stretch of the log at a time; the link to older entries goes on from there,
so nothing is skipped and no request reads without end.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from strongroom.audit import PAGE_LIMIT, Entry, Outcome
from strongroom.console import place
from strongroom.console.place import Place
from strongroom.console.visit import Answer, Visit
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refused, hidden

PAGE: Final = 50

_TENANT: Final = re.compile(r"tenant/([0-9a-f-]{36})")
_DIGEST: Final = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")

Read = Callable[[int, UUID | None], Awaitable[list[Entry]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One page of a log: what was found in it, and where an older one goes on."""

    entries: list[Entry]
    older: UUID | None


async def of_tenant(visit: Visit) -> Answer:
    """Show a tenant's log."""
    where = await place.of(visit, "audit")

    async def read(limit: int, before: UUID | None) -> list[Entry]:
        return await visit.parts.audit.of_tenant(visit.who, where.tenant, visit.ask(), limit=limit, before=before)

    return await _shown(visit, read, address=where.address, where=where)


async def of_installation(visit: Visit) -> Answer:
    """Show the installation's log."""

    async def read(limit: int, before: UUID | None) -> list[Entry]:
        return await visit.parts.audit.of_platform(visit.who, visit.ask(), limit=limit, before=before)

    return await _shown(visit, read, address="/audit")


async def _shown(visit: Visit, read: Read, *, address: str, where: Place | None = None) -> Answer:
    chosen = visit.query.get("outcome", "")
    outcome = Outcome(chosen) if chosen in list(Outcome) else None
    found = await stretch(read, outcome, _before(visit))
    return visit.render(
        "audit.html",
        entries=[(entry, _named(visit, entry.resource)) for entry in found.entries],
        older=found.older,
        outcome=outcome or "",
        outcomes=list(Outcome),
        address=address,
        place=where,
    )


async def stretch(read: Read, outcome: Outcome | None, before: UUID | None) -> Stretch:
    """Return a page of entries with `outcome` (None: any), older than `before`.

    With a filter, one full read of the log is looked through; a page may be short, even empty, and still have an older
    one.
    """
    limit = PAGE if outcome is None else PAGE_LIMIT
    entries = await read(limit, before)
    wanted = [entry for entry in entries if outcome in {None, entry.outcome}][:PAGE]
    more = len(entries) == limit or len(wanted) == PAGE
    last = wanted[-1] if len(wanted) == PAGE else entries[-1] if entries else None
    return Stretch(entries=wanted, older=last.id if more and last is not None else None)


def _before(visit: Visit) -> UUID | None:
    text = visit.query.get("before", "")
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Refused(hidden("not the id of an entry")) from None


def _named(visit: Visit, resource: str) -> str:
    """Return a resource's path as people read it: a living tenant's name for its id, digests short."""

    def name(found: re.Match[str]) -> str:
        return visit.parts.directory.tenant_name(TenantId(UUID(found[1]))) or found[0]

    return _DIGEST.sub(r"\1…", _TENANT.sub(name, resource, count=1))
