"""What another default of the installation would have changed, tenant by tenant: counts, and no caller's name.

Each tenant is looked at in a transaction of its own, permitted and recorded as any reading of its rules is; what goes with the
proposal says how many of its callers would gain or lose, by its name where who proposes may know of tenants. It is bounded: so
many tenants, the newest records of each, for so long; what was not looked at is said.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import msgspec

from strongroom.identity import tables as identity_tables
from strongroom.identity.model import Tenant
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Ask, Gate, Resource
from strongroom.policy import Kind as Thing
from strongroom.rules import Kind, Level
from strongroom.rules import tables as rules_tables
from strongroom.rules.putting import standing_of
from strongroom.rules.resolve import Standing
from strongroom.store import OperatorTx, TenantTx

MOST_TENANTS: Final = 200
MOST_S: Final = 15.0
"""How many tenants one proposal looks at, and for how long at most."""


class OfTenant(msgspec.Struct, frozen=True, kw_only=True):
    """What would change in one tenant: how many different pairs of caller and model or act lose, gain, or get something else.

    `tenant` is its name, or empty for who may not know of it. `looked_at`: records and log entries.
    """

    tenant: str
    looked_at: int
    callers: int
    loses: int
    gains: int
    differs: int


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a comparison in one tenant came to: how much was looked at, of how many callers, and what changed how."""

    looked_at: int
    callers: int
    changed: Counter[str]


Compare: TypeAlias = Callable[[TenantTx, Kind[Any, Any], Level, Standing[Any], Standing[Any]], Awaitable[Changes]]


class Across:
    """Holds a default against what happened lately in every tenant."""

    def __init__(self, gate: Gate, compare: Compare, *, most: int = MOST_TENANTS, most_s: float = MOST_S) -> None:
        self._gate: Final = gate
        self._compare: Final = compare
        self._most: Final = most
        self._most_s: Final = most_s

    async def look(
        self, who: Principal, tx: OperatorTx, kind: Kind[Any, Any], after: Standing[Any]
    ) -> tuple[list[OfTenant], int]:
        """Return what the default of `after` would change, the most concerned tenants first, and how many were left.

        Args:
            who: the proposer.
            tx: the proposal's own transaction; it tells which tenants there are.
            kind: of document.
            after: what would be in force for the installation.
        """
        tenants, ends = await identity_tables.tenants(tx), time.monotonic() + self._most_s
        named = self._gate.may(who, Action.TENANT_LIST, Resource(kind=Thing.TENANT))
        found: list[OfTenant] = []
        for each in tenants[: self._most]:
            if time.monotonic() > ends:
                break
            changes = await self._of(who, each, kind, after)
            found.append(
                OfTenant(
                    tenant=each.name if named else "",
                    looked_at=changes.looked_at,
                    callers=changes.callers,
                    loses=changes.changed["loses"],
                    gains=changes.changed["gains"],
                    differs=changes.changed["differs"],
                )
            )
        found.sort(key=lambda one: (-one.loses, -one.gains, -one.differs, one.tenant))
        return found, len(tenants) - len(found)

    async def _of(self, who: Principal, tenant: Tenant, kind: Kind[Any, Any], after: Standing[Any]) -> Changes:
        place = TenantId(tenant.id)
        resource, noted = Resource(kind=Thing.RULES, tenant=place), Ask(detail={"for": "dry run of a default"})
        async with self._gate.permit(who, Action.RULES_READ, resource, noted) as tx:
            before = standing_of(kind, await rules_tables.in_force(tx))
            return await self._compare(tx, kind, Level.DEFAULT, before, before.with_(Level.DEFAULT, after.default))
