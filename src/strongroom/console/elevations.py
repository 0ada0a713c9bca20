"""Elevations: asking for one, deciding on somebody else's, beginning and ending one, and reviewing broken glass.

An approval names the digest of what the page showed: what was changed meanwhile is not approved by it. The token of an
elevation is in the answer to the form that began it and nowhere else, as a key's is.
"""

from __future__ import annotations

import shlex
from typing import Final
from uuid import UUID

from strongroom.console.commands import command
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.identity.elevation.model import MAX_MINUTES, Asked, Elevated, Phase
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden, invalid
from strongroom.policy import Action, Kind, Resource

_TICKET: Final = 100
_REASON: Final = 250
_NOTE: Final = 2000
_ABOUT: Final = Resource(kind=Kind.ELEVATION)
_SENT: Final = Refusal(
    kind=RefusalKind.CONFLICT,
    reason="a form that was sent already",
    tell="This form was sent already. The token that it gave was shown once; end the elevation if you did not keep it.",
)


async def listing(visit: Visit, problem: Refusal | None = None) -> Answer:
    """List the newest elevations, those that wait for somebody first, and offer to ask for one."""
    found = await visit.parts.elevations.every(visit.who, visit.ask())
    waiting = [each for each in found if each.phase in {Phase.OPEN, Phase.ACTIVE} or each.review_owed]
    return visit.render(
        "elevations.html",
        status=200 if problem is None else STATUS[problem.kind],
        waiting=waiting,
        others=[each for each in found if each not in waiting],
        names=_names(visit, found),
        may_ask=visit.may(Action.ELEVATION_REQUEST, _ABOUT),
        actions=_coverable(visit),
        most=MAX_MINUTES,
        problem=problem,
        entered=visit.form.entered,
    )


async def request(visit: Visit) -> Answer:
    """Ask for an elevation; two others decide."""
    form = visit.form
    try:
        tenant = form.name("tenant")
        found = await visit.parts.finder.tenant(visit.who, tenant, visit.ask())
        minutes = _minutes(form.raw("minutes"))
        asked = Asked(
            tenant=found,
            actions=tuple(form.line("actions", limit=1000).replace(",", " ").split()),
            minutes=minutes,
            ticket=form.line("ticket", limit=_TICKET),
            reason=form.line("reason", limit=_REASON),
            requester=str(visit.who),
        )
        made = await visit.parts.elevations.request(visit.who, asked, visit.ask())
    except Refused as no:
        return await listing(visit, mendable(no))
    actions = [word for each in asked.actions for word in ("--action", each)]
    did = command("elevation", "request", tenant=tenant, ticket=asked.ticket, reason=asked.reason, minutes=minutes)
    did = " ".join([did, shlex.join(actions)])
    return visit.done(f"/elevations/{made.id}", "Asked for. Two approvers decide; then you can begin it here.", did)


async def show(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Show one, with what can be done about it."""
    found = await visit.parts.elevations.show(visit.who, _id(visit), visit.ask())
    who = str(visit.who)
    return visit.render(
        "elevation.html",
        status=200 if problem is None else STATUS[problem.kind],
        each=found,
        names=_names(visit, [found]),
        may_decide=found.phase is Phase.OPEN
        and found.requester != who
        and visit.may(Action.ELEVATION_DECIDE, _ABOUT)
        and who not in {vote.voter for vote in found.votes},
        may_begin=found.phase is Phase.APPROVED
        and found.requester == who
        and visit.may(Action.ELEVATION_BEGIN, _ABOUT),
        may_end=found.phase in {Phase.OPEN, Phase.APPROVED, Phase.ACTIVE} and visit.may(Action.ELEVATION_END, _ABOUT),
        may_review=found.review_owed and found.requester != who and visit.may(Action.ELEVATION_REVIEW, _ABOUT),
        once=visit.session.open_form(),
        problem=problem,
        entered=visit.form.entered,
    )


async def decide(visit: Visit) -> Answer:
    """Approve or deny what the page showed."""
    request_id, form = _id(visit), visit.form
    try:
        verdict = form.raw("verdict")
        if verdict not in {"approve", "deny"}:
            raise Refused(invalid("Approve it or deny it.", param="verdict"))
        reason = form.line("reason", limit=_REASON)
        found = await visit.parts.elevations.decide(
            visit.who,
            request_id,
            "approve" if verdict == "approve" else "deny",
            form.raw("digest"),
            reason,
            visit.ask(),
        )
    except Refused as no:
        return await show(visit, mendable(no))
    said = "Denied." if verdict == "deny" else f"Approved: {found.approvals} of {found.needed} that it needs."
    did = command("elevation", verdict, str(request_id), digest=form.raw("digest"), reason=reason)
    return visit.done(f"/elevations/{request_id}", said, did)


async def begin(visit: Visit) -> Answer:
    """Begin one's own approved elevation and show its token, this once."""
    if not visit.session.spend(visit.form.raw("once")):
        return await show(visit, _SENT)
    try:
        begun = await visit.parts.elevations.begin(visit.who, _id(visit), visit.ask())
    except Refused as no:
        return await show(visit, mendable(no))
    return visit.render(
        "elevation-begun.html", each=begun.elevation, names=_names(visit, [begun.elevation]), token=begun.token
    )


async def end(visit: Visit) -> Answer:
    """End one at once, or withdraw the request for it."""
    request_id = _id(visit)
    try:
        reason = visit.form.line("reason", limit=_REASON, required=False)
        await visit.parts.elevations.end(visit.who, request_id, reason, visit.ask())
    except Refused as no:
        return await show(visit, mendable(no))
    did = command("elevation", "end", str(request_id), reason=reason)
    return visit.done(f"/elevations/{request_id}", "It has ended: its token counts no more.", did)


async def review(visit: Visit) -> Answer:
    """Write down what a look at broken glass found."""
    request_id = _id(visit)
    try:
        note = visit.form.line("note", limit=_NOTE)
        await visit.parts.elevations.review(visit.who, request_id, note, visit.ask())
    except Refused as no:
        return await show(visit, mendable(no))
    did = command("elevation", "review", str(request_id), note=note)
    return visit.done(f"/elevations/{request_id}", "The review stands with it.", did)


def _names(visit: Visit, found: list[Elevated]) -> dict[UUID, str]:
    """Return what the tenants are called; of one that is gone the id is left."""
    directory = visit.parts.directory
    return {each.tenant: directory.tenant_name(TenantId(each.tenant)) or str(each.tenant) for each in found}


def _coverable(visit: Visit) -> list[Action]:
    """Return the actions in a tenant, for the form's list; which of them an elevation may cover the service says."""
    return [] if visit.who.tenant is not None else [each for each in Action if each.kind is not Kind.SELF]


def _minutes(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MAX_MINUTES):
        raise Refused(invalid(f"Give whole minutes, 1 to {MAX_MINUTES}.", param="minutes"))
    return int(text)


def _id(visit: Visit) -> UUID:
    try:
        return UUID(visit.params["elevation"])
    except ValueError:
        raise Refused(hidden("not the id of an elevation")) from None
