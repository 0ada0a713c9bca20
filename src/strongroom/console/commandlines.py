"""Signing a command line in: who has signed on in this browser reads what is asked, and says yes or no.

The answer to a yes is a page of ours that goes on by itself to where the command line listens, on the browser's own machine;
or says to go back to it, where a person typed its word.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from strongroom.console import errors
from strongroom.console.visit import Answer, Visit
from strongroom.identity.oauth import REQUEST
from strongroom.identity.people.commandline import CLIENT, PAGE, WORD_PAGE
from strongroom.identity.people.wishes import Wish
from strongroom.kernel.refusal import Refused, invalid

_WRONG: Final = "No command line shows this code, or it did so too long ago. Look at it again."


async def start(visit: Visit) -> Answer:
    """Take a browser that a command line has opened to the page about its wish."""
    query = visit.query
    wish = query.get("request_uri", "").removeprefix(REQUEST)
    if query.get("client_id") != CLIENT or not (wish.isascii() and wish.isalnum()):
        return errors.page(visit, errors.MISSING)
    page = f"{PAGE}/{wish}"
    return visit.go(f"/sign-in/sso?fresh=1&next={page}" if query.get("prompt") == "login" else page)


async def show(visit: Visit) -> Answer:
    """Show what a command line asks for."""
    wish = visit.parts.command_lines.find(visit.params["wish"])
    return _by_token(visit, wish) or _asked(visit, wish)


async def decide(visit: Visit) -> Answer:
    """Say yes or no, once."""
    lines, verdict = visit.parts.command_lines, visit.form.raw("verdict")
    wish = lines.find(visit.params["wish"])
    if verdict not in {"allow", "deny"}:
        raise Refused(invalid("Allow it or deny it.", param="verdict"))
    noted = visit.ask(event=f"command line: {verdict}")
    code = await lines.decide(visit.who, wish, yes=verdict == "allow", ask=noted)
    return visit.render("cli-done.html", allowed=verdict == "allow", to=_back(visit, wish, code))


async def word(visit: Visit, wrong: str = "") -> Answer:
    """Ask for the word that a command line shows."""
    return visit.render("cli-word.html", status=400 if wrong else 200, wrong=wrong, address=WORD_PAGE)


async def typed(visit: Visit) -> Answer:
    """Take the word, and go to the page about its wish."""
    wish = visit.parts.command_lines.by_word(visit.who, visit.form.raw("word"))
    return await word(visit, _WRONG) if wish is None else visit.go(f"{PAGE}/{wish.id}")


def _asked(visit: Visit, wish: Wish) -> Answer:
    ends = visit.parts.directory.expires_at(visit.who.credential)
    return visit.render("cli-sign-in.html", wish=wish, minutes=_minutes(visit, ends), address=f"{PAGE}/{wish.id}")


def _by_token(visit: Visit, wish: Wish) -> Answer | None:
    """Return the way to sign on, for who came in with a token: on that hangs no command line."""
    return None if visit.session.by_provider else visit.go(f"/sign-in/sso?next={PAGE}/{wish.id}")


def _minutes(visit: Visit, ends: float | None) -> int:
    return 0 if ends is None else max(0, int((ends - visit.parts.clock.now().timestamp()) / 60))


def _back(visit: Visit, wish: Wish, code: str) -> str:
    """Return where the browser goes on to (RFC 6749 §4.1.2, RFC 9207); nowhere, where a word was typed."""
    if wish.loopback is None:
        return ""
    said = {"code": code} if code else {"error": "access_denied"}
    said |= {"state": wish.loopback.state, "iss": visit.parts.command_lines.url or ""}
    return f"{wish.loopback.redirect_uri}?{urlencode(said)}"
