"""How a tenant's models do where they serve: what evaluations they passed, what turned out right, what has moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.console import place
from strongroom.console.visit import Answer, Visit
from strongroom.kernel.principal import Environment
from strongroom.registry.evaluations.model import Quality

DAYS: Final = 30
SHOWN: Final = 24
"""Releases in an environment that are looked at, each by a question of its own; the command line shows any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A release where it serves.

    Attributes:
        deployments: what it is called there.
    """

    quality: Quality
    deployments: list[str]


async def page(visit: Visit) -> Answer:
    """Show what is deployed with what is known of its quality, and every evaluation, newest first."""
    where = await place.of(visit, "quality")
    done = await visit.parts.evaluations.recent(visit.who, where.tenant, visit.ask())
    serving: dict[tuple[Environment, str, str], list[str]] = {}
    for each in await visit.parts.registry.list_deployments(visit.who, where.tenant, visit.ask()):
        if each.model is not None and each.version is not None and where.shows(each.environment):
            serving.setdefault((each.environment, each.model, each.version), []).append(str(each.name))
    rows = [
        Row(
            quality=await visit.parts.evaluations.quality(
                visit.who, where.tenant, environment, name, version, DAYS, visit.ask()
            ),
            deployments=names,
        )
        for (environment, name, version), names in sorted(serving.items(), key=_order)[:SHOWN]
    ]
    return visit.render(
        "quality.html",
        place=where,
        days=DAYS,
        rows=rows,
        left_off=max(0, len(serving) - SHOWN),
        done=[each for each in done if where.shows(each.environment)],
    )


def _order(served: tuple[tuple[Environment, str, str], list[str]]) -> tuple[int, str, str]:
    environment, name, version = served[0]
    return list(Environment).index(environment), name, version
