"""What should be looked at about a tenant's keys, and the incidents that are open."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.kernel.refusal import Refusal, Refused, hidden
from strongroom.policy import Action, Kind, Resource

_LINE: Final = 500

WORDS: Final = {
    "never-used": "never used",
    "stale": "stale",
    "unused-scope": "unused scope",
    "shared": "shared",
    "old-in-use": "old one in use",
    "ends-soon": "ends soon",
}
"""What the page calls each concern."""


async def access(visit: Visit) -> Answer:
    """Show what a review of the keys finds, each with what is proposed."""
    where = await place.of(visit, "review")
    found = await visit.parts.custody.review(visit.who, where.tenant, None, visit.ask())
    return visit.render(
        "review.html",
        place=where,
        review=found,
        findings=[each for each in found.findings if where.shows(each.environment)],
        words=WORDS,
    )


async def incidents(visit: Visit) -> Answer:
    """List a tenant's incidents, open ones first."""
    where = await place.of(visit, "incidents")
    found = await visit.parts.incidents.list(visit.who, where.tenant, visit.ask(), closed=True)
    found.sort(key=lambda each: each.status != "open")
    return visit.render("incidents.html", place=where, incidents=found, pages=visit.parts.pages)


async def incident(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Show one incident with its report."""
    where = await place.of(visit, "incidents")
    found = await visit.parts.incidents.show(visit.who, where.tenant, _id(visit), visit.ask())
    resource = Resource(kind=Kind.INCIDENT, id=str(found.id), tenant=where.tenant)
    return visit.render(
        "incident.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        each=found,
        may_close=found.status == "open" and visit.may(Action.INCIDENT_CLOSE, resource),
        problem=problem,
        entered=visit.form.entered,
    )


async def close(visit: Visit) -> Answer:
    """Close an incident by its cause."""
    where, incident_id, form = await place.of(visit), _id(visit), visit.form
    try:
        cause, fix = form.line("cause", limit=_LINE), form.line("fix", limit=_LINE, required=False)
        await visit.parts.incidents.close(visit.who, where.tenant, incident_id, cause, fix, visit.ask())
    except Refused as no:
        return await incident(visit, mendable(no))
    did = command("incident", "close", str(incident_id), tenant=where.name, cause=cause, fix=fix)
    return visit.done(f"{where.base}/incidents/{incident_id}", "The incident is closed.", did)


def _id(visit: Visit) -> UUID:
    try:
        return UUID(visit.params["incident"])
    except ValueError:
        raise Refused(hidden("not the id of an incident")) from None
