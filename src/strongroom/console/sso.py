"""Signing on by the organisation's own provider: out to it, and back.

The answer to the way back is a page of ours that goes on by itself: a browser sends a `SameSite=Strict` cookie with what a
page of ours asks for, and not with what another site's redirect does.
"""

from __future__ import annotations

from strongroom.console import errors, signin
from strongroom.console.visit import Answer, Visit
from strongroom.kernel.refusal import RefusalKind, Refused


async def start(visit: Visit) -> Answer:
    """Send the browser to the provider."""
    signon = visit.parts.signon
    if signon is None:
        return errors.page(visit, errors.MISSING)
    fresh = visit.query.get("fresh") == "1"
    former = visit.desk.sessions.find(visit.cookie) if visit.cookie else None  # on the way back no cookie names it
    before = (*former.earlier, former.credential) if former is not None and former.by_provider else ()
    after = signin.own_path(visit.query.get("next", ""))
    to, browser = await signon.begin(after, peer=visit.peer, fresh=fresh, before=before)
    return Answer(status=303, headers={"location": to}, sso=browser)


async def finish(visit: Visit) -> Answer:
    """Take back who has signed on, and start a session."""
    signon = visit.parts.signon
    if signon is None:
        return errors.page(visit, errors.MISSING)
    try:
        found = await signon.finish(dict(visit.query), visit.sso, visit.ask())
        who = await visit.parts.door.readmit(found.credential, visit.peer, visit.ask())
    except Refused as no:
        if no.refusal.kind is not RefusalKind.UNAUTHENTICATED:
            raise
        await visit.parts.gate.turned_away(no.refusal.reason, visit.ask())
        return signin.failed(
            visit, "/", "You could not be signed in. Whoever runs this installation finds the reason in its log."
        )
    await signin.record(visit, who)
    visit.desk.sessions.end(visit.cookie)
    session = visit.desk.sessions.begin(
        found.credential, by_provider=True, proven_s=found.proven_s, earlier=found.before
    )
    answer = visit.render("sso-done.html", next=found.after)
    return Answer(status=200, body=answer.body, session=session, sso="")
