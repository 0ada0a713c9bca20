"""Keys that nobody uses, told to the log of whose they are: each once, and once more when it was used again and left again.

Always true here:
- nothing is ended by itself: what is told is a question to whoever answers for the key;
- that a key was told of is noted in the transaction of the entry, so two looks at once write one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from strongroom.custody import tables
from strongroom.custody.model import Finding, Patience, neglected
from strongroom.custody.service import Custody
from strongroom.kernel.clock import Clock, rfc3339
from strongroom.kernel.ids import KeyId, TenantId
from strongroom.kernel.principal import Principal, Role
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.store import Conflict

WATCH: Final = Principal(role=Role.OPERATOR, name="key-watch", credential=KeyId(""))


class Neglect:
    """Looks for keys that nobody uses."""

    def __init__(self, gate: Gate, custody: Custody, clock: Clock, patience: Patience) -> None:
        self._gate: Final = gate
        self._custody: Final = custody
        self._clock: Final = clock
        self._patience: Final = patience

    async def watch(self, tenant: TenantId, ask: Ask) -> int:
        """Tell of a tenant's keys that are stale or were never used, by the patience of their environment; return how many."""
        keys, uses, told = await self._custody.used(WATCH, tenant, ask)
        found = neglected(keys, uses, now=self._clock.now(), patience=self._patience)
        return sum([await self._tell(tenant, each, ask) for each in found if _is_news(each, told)])

    async def _tell(self, tenant: TenantId, found: Finding, ask: Ask) -> bool:
        last = {} if found.last_used_at is None else {"last_used_at": rfc3339(found.last_used_at)}
        facts = {"signal": f"key-{found.concern}", "workload": found.workload, "environment": str(found.environment)}
        noted = Ask(request_id=ask.request_id, detail=facts | last)
        resource = Resource(kind=Kind.KEY, id=found.key, tenant=tenant, environment=found.environment)
        try:
            async with self._gate.permit(WATCH, Action.KEY_FIND, resource, noted) as tx:
                if not await tables.tell(tx, found, self._clock.now()):
                    raise _ToldAlready("told already")
        except _ToldAlready:
            return False
        return True


class _ToldAlready(Conflict):
    """Another look has told of it in this moment."""


def _is_news(found: Finding, told: Mapping[tuple[str, str], datetime]) -> bool:
    before = told.get((found.key, found.concern))
    return before is None or (found.last_used_at is not None and before < found.last_used_at)
