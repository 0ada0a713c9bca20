"""Whether this console may be relied on right now: a part of the overview that refreshes itself."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.console.visit import Answer, Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What the overview shows of it."""

    database: bool
    directory: bool


async def observe(visit: Visit) -> Health:
    """Look at the database and at the directory's lease."""
    return Health(database=await visit.parts.gate.reachable(), directory=visit.parts.lease.valid())


async def page(visit: Visit) -> Answer:
    """Show it alone."""
    return visit.render("health.html", health=await observe(visit))
