"""How much was taken out of a tenant's stores in this hour and on this day, and how much may be yet.

Always true here:
- a tenant's administrator sees who of it, and of the installation, has taken what from it; reading that takes nothing;
- what was refused was not taken and stands in no counter: it stands in the log, and in the incident that it opened.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, LiteralString

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Ask, Gate, Kind, Resource, Surface
from strongroom.rules.documents import Rulebook
from strongroom.rules.exports import EXPORTS, Exports, Measure
from strongroom.rules.taking import Count, counts_of, everything
from strongroom.store import TenantTx

_MOST: Final = 5_000
_COUNTS: Final[LiteralString] = """
    SELECT surface, json_agg(json_build_object('party', party, 'span', span, 'began', began, 'rows', row_count,
                                               'bytes', octets, 'times', times) ORDER BY party, span)::text AS counts
    FROM (SELECT * FROM limits.taken WHERE tenant_id = $1 ORDER BY began DESC, surface, party, span LIMIT $2) t
    GROUP BY surface ORDER BY surface
"""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken of one bound.

    Attributes:
        surface: from which store.
        taker: who: `account:ROLE/NAME`, `workload:ENV/NAME`; `tenant`: all together.
        measure: as in a rule.
        limit: what holds now.
        used: of it.
        remaining: of it.
        resets_at: when counting begins anew.
    """

    surface: Surface
    taker: str
    measure: Measure
    limit: int
    used: int
    remaining: int
    resets_at: datetime


class TakenReader:
    """Reads what was taken, for whoever may read a tenant's rules."""

    def __init__(self, gate: Gate, book: Rulebook, clock: Clock) -> None:
        self._gate: Final = gate
        self._book: Final = book
        self._clock: Final = clock

    async def counts(self, who: Principal, tenant: TenantId, ask: Ask) -> list[tuple[Surface, Count]]:
        """Return a tenant's counters as they are, for who rehearses a document."""
        resource = Resource(kind=Kind.RULES, id="exports", tenant=tenant)
        async with self._gate.permit(who, Action.RULES_READ, resource, ask) as tx:
            return await counted(tx)

    async def of_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Taken]:
        """Return what was taken of each bound, by store and taker. Where nothing was, nothing stands."""
        resource = Resource(kind=Kind.RULES, id="exports", tenant=tenant)
        async with self._gate.permit(who, Action.RULES_READ, resource, ask) as tx:
            now = self._clock.now()
            return standing(everything(self._book.standing(EXPORTS, tenant)), await counted(tx), now)


async def counted(tx: TenantTx) -> list[tuple[Surface, Count]]:
    """Return a tenant's newest counters by store, at most `_MOST`."""
    return [
        (Surface(row["surface"]), count)
        for row in await tx.fetch(_COUNTS, tx.tenant, _MOST)
        for count in counts_of(row["counts"])
    ]


def standing(terms: Exports, counts: list[tuple[Surface, Count]], now: datetime) -> list[Taken]:
    """Return where each counter stands within the bounds that are on it."""
    found = [
        Taken(
            surface=surface,
            taker=count.party,
            measure=bound.measure,
            limit=bound.amount,
            used=count.of(bound),
            remaining=max(0, bound.amount - count.of(bound)),
            resets_at=count.ends,
        )
        for surface, count in counts
        if count.ends > now
        for bound in terms.of(surface, count.party)
        if count.is_of(bound)
    ]
    return sorted(found, key=lambda each: (each.surface, each.taker, list(Measure).index(each.measure)))
