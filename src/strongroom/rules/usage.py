"""How much of its limits a tenant has used: read from the counters, as the database knows them.

Always true here:
- what a gateway holds and has not spent yet counts as used: at most processes x share of each counter, and it comes back;
- a tenant sees its own counters and nothing that others' move;
- reading changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Ask, Gate, Kind, Resource
from strongroom.rules.limits import Measure
from strongroom.store import Record, TenantTx

_MICRO: Final = 1_000_000
_SPAN_S: Final = {Measure.REQUESTS: 1, Measure.TOKENS: 60}
_COUNTERS: Final = """
    SELECT c.subject, c.measure, c.amount, c.burst, c.level, c.period, c.at,
           coalesce((SELECT sum(h.slots) FROM limits.holding h
                     WHERE h.tenant_id = c.tenant_id AND h.subject = c.subject AND h.ends_at > $2), 0)::bigint AS held
    FROM limits.counter c WHERE c.tenant_id = $1 ORDER BY c.subject, c.measure
"""
_NAMES: Final = "SELECT id::text AS id, environment, name FROM identity.workload WHERE tenant_id = $1"


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """One counter.

    Attributes:
        counts: what is counted, in words: `workload prod/search`, `tenant`, `model prod/large`.
        measure: as in a rule.
        limit: what was in force when it was last used; of rates, how much may come at once.
        used: of it.
        remaining: of it.
        resets_at: when all of it is there again, if nothing more is used; null: never by itself, or as requests end.
        subject: the counter's own name.
    """

    counts: str
    measure: Measure
    limit: int
    used: int
    remaining: int
    resets_at: datetime | None
    subject: str


class UsageReader:
    """Reads counters, for whoever may read a tenant's rules."""

    def __init__(self, gate: Gate, clock: Clock) -> None:
        self._gate: Final = gate
        self._clock: Final = clock

    async def of_tenant(self, who: Principal, tenant: TenantId, ask: Ask) -> list[Used]:
        """Return a tenant's counters, by what they count. One that was never used is not there yet."""
        resource = Resource(kind=Kind.RULES, id="limits", tenant=tenant)
        async with self._gate.permit(who, Action.RULES_READ, resource, ask) as tx:
            now = self._clock.now()
            return await _read(tx, now)


async def _read(tx: TenantTx, now: datetime) -> list[Used]:
    rows = await tx.fetch(_COUNTERS, tx.tenant, now)
    names = {row["id"]: f"{row['environment']}/{row['name']}" for row in await tx.fetch(_NAMES, tx.tenant)}
    found = [_used(row, names, now) for row in rows]
    return sorted(found, key=lambda each: (each.counts, list(Measure).index(each.measure)))


def _used(row: Record, names: Mapping[str, str], now: datetime) -> Used:
    measure = Measure(row["measure"])
    limit, used, resets = _standing(measure, row, now)
    return Used(
        counts=in_words(row["subject"], names),
        measure=measure,
        limit=limit,
        used=used,
        remaining=max(0, limit - used),
        resets_at=resets,
        subject=row["subject"],
    )


def _standing(measure: Measure, row: Record, now: datetime) -> tuple[int, int, datetime | None]:
    amount, level = row["amount"], row["level"]
    if measure in _SPAN_S:
        full, span = row["burst"], _SPAN_S[measure]
        past = max(0.0, (now - row["at"]).total_seconds())
        left = min(full, level / _MICRO + past * amount / span)
        resets = now + timedelta(seconds=(full - left) * span / amount) if amount and left < full else None
        return full, full - max(0, int(left)), resets
    if measure is Measure.CONCURRENCY:
        return amount, row["held"], None
    if measure is Measure.QUERIES:
        return amount, level, None
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    used = level if row["period"] == int(day.timestamp()) // 86_400 else 0
    return amount, used, day + timedelta(days=1) if used else None


def in_words(subject: str, names: Mapping[str, str]) -> str:
    """Return what a counter counts as people say it; `names`: of workloads, by id."""
    place, _, among = subject.partition("?")
    parts = place.split("/")
    if parts[0] == "workload":
        parts = ["workload", names.get(parts[1], parts[1]), *parts[2:]]
    said = " ".join(parts[:2])
    if "model" in parts[1:]:
        said = f"{said} on model {parts[-1]}"
    elif parts[0] == "model":
        said = f"model {'/'.join(parts[1:])}"
    return f"{said} ({among})" if among else said
