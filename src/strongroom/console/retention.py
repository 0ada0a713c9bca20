"""For how long rows are kept: rules, what is due on which day, what is held, what was dropped."""

from __future__ import annotations

from strongroom.console.visit import Answer, Visit


async def calendar(visit: Visit) -> Answer:
    """Show how retention stands."""
    return visit.render("retention.html", standing=await visit.parts.retention.status(visit.who, visit.ask()))
