"""What personal data and secrets a tenant's requests met: how often, where, of which type; and its canaries. Never content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from strongroom.canaries.model import PlantedCanary
from strongroom.console import place
from strongroom.console.place import Place
from strongroom.console.visit import Answer, Visit
from strongroom.custody.incidents.model import Incident
from strongroom.gateway.reading import MOST_MET, Met
from strongroom.kernel.principal import Environment
from strongroom.policy import Action, Kind, Resource

DAYS: Final = 30
BAR: Final = 160
"""How wide the longest bar is, and how high the highest column's half, in the units of their drawings."""
_LEAK: Final = "canary-leak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One type: how often it was met on the way in and on the way out, and how long its bars are."""

    kind: str
    input: int
    output: int
    input_width: int
    output_width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One day: how often anything was met, and how high its columns are."""

    day: date
    input: int
    output: int
    input_height: int
    output_height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class At:
    """One model of one environment in one direction: how often which types were met there, the most frequent first."""

    environment: str
    target: str
    direction: str
    kinds: list[tuple[str, int]]
    often: int


async def page(visit: Visit) -> Answer:
    """Show what was met lately, and the canaries."""
    where = await place.of(visit, "privacy")
    parts, tenant = visit.parts, where.tenant
    now = parts.clock.now()
    since = (now - timedelta(days=DAYS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = await parts.records.met(visit.who, tenant, visit.ask(), since)
    rows = [each for each in found if where.shows(Environment(each.environment))]
    canaries: list[PlantedCanary] = []
    leaks: list[Incident] = []
    may_canaries = visit.may(Action.CANARY_LIST, Resource(kind=Kind.CANARY, tenant=tenant))
    if may_canaries:
        canaries = await parts.canaries.every(visit.who, tenant, visit.ask())
    if visit.may(Action.INCIDENT_READ, Resource(kind=Kind.INCIDENT, tenant=tenant)):
        every = await parts.incidents.list(visit.who, tenant, visit.ask(), closed=True)
        leaks = [each for each in every if each.kind == _LEAK]
    return visit.render(
        "privacy.html",
        place=where,
        days=DAYS,
        often=sum(each.often for each in rows),
        partial=len(found) >= MOST_MET,
        bars=bars(rows),
        columns=columns(rows, since.date()),
        places=places(rows),
        may_canaries=may_canaries,
        canaries=[(each, _tripped(each, leaks)) for each in canaries if _shown(where, each)],
        leaks=len(leaks),
    )


def bars(rows: Sequence[Met]) -> list[Bar]:
    """Return the types that were met, the most frequent first."""
    ways = {way: _sums(rows, way) for way in ("input", "output")}
    total = ways["input"] + ways["output"]
    most = max([*ways["input"].values(), *ways["output"].values(), 1])
    return [
        Bar(
            kind=kind,
            input=ways["input"][kind],
            output=ways["output"][kind],
            input_width=_scaled(ways["input"][kind], most, BAR),
            output_width=_scaled(ways["output"][kind], most, BAR),
        )
        for kind, _ in sorted(total.items(), key=lambda each: (-each[1], each[0]))
    ]


def columns(rows: Sequence[Met], first: date) -> list[Column]:
    """Return every day from `first` on, those too on which nothing was met."""
    input_, output = Counter[date](), Counter[date]()
    for each in rows:
        (input_ if each.direction == "input" else output)[each.day] += each.often
    most = max([*input_.values(), *output.values(), 1])
    return [
        Column(
            day=day,
            input=input_[day],
            output=output[day],
            input_height=_scaled(input_[day], most, 60),
            output_height=_scaled(output[day], most, 60),
        )
        for day in (first + timedelta(days=n) for n in range(DAYS))
    ]


def places(rows: Sequence[Met]) -> list[At]:
    """Return where anything was met, the most frequent first."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for each in rows:
        found.setdefault((each.environment, each.target, each.direction), Counter())[each.kind] += each.often
    return sorted(
        (
            At(
                environment=environment,
                target=target,
                direction=direction,
                kinds=kinds.most_common(),
                often=kinds.total(),
            )
            for (environment, target, direction), kinds in found.items()
        ),
        key=lambda each: (-each.often, each.environment, each.target, each.direction),
    )


def _sums(rows: Sequence[Met], direction: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in rows:
        if each.direction == direction:
            found[each.kind] += each.often
    return found


def _scaled(count: int, most: int, full: int) -> int:
    """Return a length; what is there at all is never 0 long."""
    return max(1, full * count // most) if count else 0


def _tripped(canary: PlantedCanary, leaks: Sequence[Incident]) -> list[Incident]:
    return [each for each in leaks if str(canary.id) in each.reason]


def _shown(where: Place, canary: PlantedCanary) -> bool:
    return canary.environment is None or where.shows(canary.environment)
