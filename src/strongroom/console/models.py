"""The catalogue: every release that was admitted to this installation."""

from __future__ import annotations

from strongroom.console.visit import Answer, Visit


async def listing(visit: Visit) -> Answer:
    """List the releases."""
    return visit.render("models.html", releases=await visit.parts.registry.list_releases(visit.who, visit.ask()))
