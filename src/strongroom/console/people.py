"""What people asked of their data, with the clock of each request, and what keeps some of it from being erased."""

from __future__ import annotations

from typing import Final

from strongroom.console import place
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.kernel.refusal import Refusal, Refused
from strongroom.subjects.model import Place

_NAME: Final = 256


async def listing(visit: Visit, problem: Refusal | None = None, found: tuple[str, list[Place]] | None = None) -> Answer:
    """List a tenant's requests, the most pressing first, and its holds."""
    where = await place.of(visit, "people")
    requests = await visit.parts.subjects.requests(visit.who, where.tenant, None, visit.ask())
    return visit.render(
        "people.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        requests=requests,
        open=sum(each.ended_at is None for each in requests),
        holds=await visit.parts.subjects.holds(visit.who, where.tenant, visit.ask()),
        found=found,
        problem=problem,
    )


async def look_up(visit: Visit) -> Answer:
    """Say how much is kept of somebody."""
    where = await place.of(visit, "people")
    try:
        name = visit.form.line("name", limit=_NAME)
        found = await visit.parts.subjects.look_up(visit.who, where.tenant, name, visit.ask())
    except Refused as no:
        return await listing(visit, mendable(no))
    return await listing(visit, found=found)
