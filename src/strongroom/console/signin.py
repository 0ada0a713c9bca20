"""Signing in with an account's token, and out again.

Who fails learns nothing of why; the door writes it down. A workload's key is no way in: it is for programs.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from strongroom.console.visit import Answer, Visit
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Action, Kind, Resource
from strongroom.store import Unavailable

_OWN_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~?=&-][A-Za-z0-9._~?=&/-]*)?")  # no `//host`, no backslash, no percent
_TOKEN_LIMIT: Final = 200
_LEFT: Final = (
    "You are signed out here. Command lines that you signed in could not be ended now: use `strongroom logout` there."
)
_TOLD: Final = "That token does not open this console."


async def form(visit: Visit) -> Answer:
    """Ask for a token."""
    return visit.render("sign-in.html", next=own_path(visit.query.get("next", "")), failed="")


async def begin(visit: Visit) -> Answer:
    """Check a token and start a session."""
    after = own_path(visit.form.raw("next"))
    if not visit.parts.tokens:
        return failed(visit, after, "Tokens do not open this console; sign in with your organisation.")
    try:
        who = await visit.parts.door.admit(visit.form.raw("token").strip()[:_TOKEN_LIMIT], visit.peer, visit.ask())
        if who.role.is_workload:
            await visit.parts.gate.turned_away(f"key {who.credential}: a workload's", visit.ask())
            return failed(visit, after)
    except Refused as no:
        if no.refusal.kind is RefusalKind.UNAUTHENTICATED:
            return failed(visit, after)
        raise
    await record(visit, who)
    visit.desk.sessions.end(visit.cookie)  # signing in again does not leave the former session behind
    return Answer(status=303, headers={"location": after}, session=visit.desk.sessions.begin(who.credential))


async def end(visit: Visit) -> Answer:
    """End the session; of who signed on with the provider, the sign-on, and the command lines that were signed in from it."""
    signon, session = visit.parts.signon, visit.session
    visit.desk.sessions.end(visit.cookie)
    if session.by_provider and signon is not None:
        try:
            for each in (session.credential, *session.earlier):
                await signon.end(each, visit.ask(event="sign-out", by=str(visit.who)))
        except Unavailable:
            return replace(failed(visit, "/", _LEFT), status=503, session="")
    return Answer(status=303, headers={"location": "/sign-in"}, session="")


async def record(visit: Visit, who: Principal) -> None:
    """Write the sign-in down; when it cannot be written, nobody is signed in."""
    resource = Resource(kind=Kind.SELF, tenant=who.tenant)
    permit = visit.parts.gate.permit_platform if who.tenant is None else visit.parts.gate.permit
    async with permit(who, Action.WHOAMI, resource, visit.ask(event="sign-in")):
        pass


def failed(visit: Visit, after: str, said: str = _TOLD) -> Answer:
    """Return the page of signing in, which says that it did not work."""
    return visit.render("sign-in.html", status=401, next=after, failed=said)


def own_path(path: str) -> str:
    """Return `path` when it is one of ours, else the first page: no other site is reached by way of a sign-in."""
    return path if _OWN_PATH.fullmatch(path) else "/"
