"""What is left of records when they go: their sums by the day.

Always true here:
- a row is of one day, deployment, release, operation and outcome; nothing in it tells a caller, a key or a workload;
- a group of fewer callers or requests than the rule says stands in the row of all such groups of its day, `*`; where that is too
  small as well, it says how many requests there were, and nothing else;
- the database sums up, and no process can write a row.
"""

from __future__ import annotations

from datetime import date
from typing import Final, LiteralString

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Ask, Gate, Kind, Resource, Surface, octets_of
from strongroom.store import Record, TenantTx

BOUNDS_MS: Final = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000)
"""Where one bucket of a duration ends and the next begins; the last has no end."""
OTHER: Final = "*"
"""Stands for all groups of a day that are too small to stand by themselves."""
MOST_ROWS: Final = 5000

_SUMS: Final[LiteralString] = """
    select a.day, a.deployment, coalesce(d.name, '') as deployment_name, a.release, a.operation, a.outcome,
           sum(a.requests)::bigint as requests, sum(a.input_tokens)::bigint as input_tokens,
           sum(a.output_tokens)::bigint as output_tokens, sum(a.cost_micro)::bigint as cost_micro,
           array_agg(a.duration) as duration, array_agg(a.first_byte) as first_byte,
           array_agg(a.findings::text) as findings
    from retention.analytics a
    left join registry.deployment d on d.tenant_id = a.tenant_id and d.id::text = a.deployment
    where a.tenant_id = $1 and a.day >= coalesce($2::date, '-infinity'::date)
    group by a.day, a.deployment, d.name, a.release, a.operation, a.outcome
    order by a.day desc, a.deployment = '*', a.deployment, a.release, a.operation, a.outcome limit $3
"""
_OF_DAY: Final[LiteralString] = """
    select a::text as line from retention.analytics a where a.tenant_id = $1 and a.day = $2
    order by a.part, a.deployment, a.release, a.operation, a.outcome
"""


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """The requests of one day, deployment, release, operation and outcome, in sum.

    Attributes:
        deployment: its name, or its id where it is gone; empty: none was found for the request; `*`: all small groups.
        duration: how many took how long, by `BOUNDS_MS`.
        first_byte: how many had their first byte after how long; fewer than `requests` where none left.
        findings: how often personal data and secrets of which type were met, by direction.
    """

    day: date
    deployment: str
    release: str
    operation: str
    outcome: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_micro: int
    duration: list[int]
    first_byte: list[int]
    findings: dict[str, dict[str, int]]


class AnalyticsReader:
    """Reads a tenant's sums. Reading them is an entry in its log, as reading records is."""

    def __init__(self, gate: Gate) -> None:
        self._gate: Final = gate

    async def of_tenant(self, who: Principal, tenant: TenantId, ask: Ask, since: date | None = None) -> list[Sum]:
        """Return the sums of a tenant's requests, the newest day first, at most `MOST_ROWS`; of days from `since` on."""
        resource = Resource(kind=Kind.AUDIT_LOG, id="analytics", tenant=tenant)
        async with self._gate.permit(who, Action.RECORDS_READ, resource, ask) as tx:
            found = [_sum(row) for row in await tx.fetch(_SUMS, tx.tenant, since, MOST_ROWS)]
            await self._gate.taken(tx, who, Surface.RECORDS, rows=len(found), octets=octets_of(found))
            return found


async def of_day(tx: TenantTx, day: date) -> list[bytes]:
    """Return the texts of a day's rows, as a manifest's root commits to them."""
    return [row["line"].encode() for row in await tx.fetch(_OF_DAY, tx.tenant, day)]


def _sum(row: Record) -> Sum:
    met: dict[str, dict[str, int]] = {}
    for text in row["findings"]:
        for way, types in msgspec.json.decode(text, type=dict[str, dict[str, int]]).items():
            for type_, often in types.items():
                met.setdefault(way, {})[type_] = met.get(way, {}).get(type_, 0) + often
    return Sum(
        day=row["day"],
        deployment=row["deployment_name"] or row["deployment"],
        release=row["release"],
        operation=row["operation"],
        outcome=row["outcome"],
        requests=row["requests"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_micro=row["cost_micro"],
        duration=[sum(column) for column in zip(*row["duration"], strict=True)],
        first_byte=[sum(column) for column in zip(*row["first_byte"], strict=True)],
        findings=met,
    )
