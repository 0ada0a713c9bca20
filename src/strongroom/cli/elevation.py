"""`strongroom elevation …`: power over one tenant, for minutes, by the word of two others."""

from __future__ import annotations

from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import usage
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import Digest, decided, listed, shown

ELEVATION: Final = App(
    name="elevation",
    group=ONLINE,
    help="Ask for power over one tenant's matters, decide on it, end it, review it.",
    help_epilogue="""
Examples:
  strongroom elevation request --tenant acme --action audit.read \\
      --ticket SUP-1234 --reason "a customer asks who deleted a key" --minutes 30
  strongroom elevation approve 0198c0… --reason "I spoke with the customer"
  strongroom elevation begin 0198c0…
  strongroom elevation end 0198c0…
""",
)
_COLUMNS: Final = (
    "id",
    "phase",
    "requester",
    "tenant_name",
    "actions",
    "ticket",
    "approvals",
    "ends_at",
    "review_owed",
)


@ELEVATION.command(name="request", help_epilogue="")
def request(
    *,
    tenant: str,
    action: Annotated[list[str], Parameter(negative="", help="An action that it covers; repeat for more.")],
    ticket: str,
    reason: str,
    minutes: Annotated[int, Parameter(help="How long it lasts once begun, at most 60; broken glass 30.")] = 30,
    break_glass: Annotated[
        bool, Parameter(negative="", help="Begin at once, without approval: somebody is paged, and a review is owed.")
    ] = False,
    session: Session = HERE,
) -> None:
    """Ask for an elevation. Two approvers decide; `elevation begin` then gives the token.

    Args:
        tenant: whose matters; its name or id.
        action: what it covers.
        ticket: what it is for.
        reason: why.
        minutes: how long.
        break_glass: begin at once.
        session: how to ask.
    """
    most = 30 if break_glass else 60
    if not 1 <= minutes <= most:
        kind = "broken glass" if break_glass else "an elevation"
        raise usage(f"--minutes is 1 to {most} for {kind}, and not {minutes}.", "Ask again when it has ended.")
    where = place("elevations", "break-glass") if break_glass else place("elevations")
    body = ask(
        session,
        "POST",
        where,
        {"tenant": tenant, "actions": action, "ticket": ticket, "reason": reason, "minutes": minutes},
    )
    _begun(session, body) if break_glass else shown(session, body)


@ELEVATION.command(name="list", help_epilogue="")
def list_elevations(*, session: Session = HERE) -> None:
    """List the newest elevations, newest first; reviews that are owed are among them."""
    body = ask(session, "GET", place("elevations"))
    listed(session, body, _COLUMNS, empty="Nobody has asked for one yet.")


@ELEVATION.command(name="show", help_epilogue="")
def show(elevation: str, /, *, session: Session = HERE) -> None:
    """Show one elevation, with its votes and their reasons.

    Args:
        elevation: its id.
        session: how to ask.
    """
    shown(session, ask(session, "GET", place("elevations", elevation)))


@ELEVATION.command(name="approve", help_epilogue="")
def approve(
    elevation: str,
    /,
    *,
    reason: str,
    digest: Digest = None,
    session: Session = HERE,
) -> None:
    """Approve somebody else's request. What is approved is shown, and bound to its digest.

    Args:
        elevation: its id.
        reason: why.
        digest: of what was read.
        session: how to ask.
    """
    shown(session, decided(session, place("elevations", elevation), "approve", reason, digest, what=_what))


@ELEVATION.command(name="deny", help_epilogue="")
def deny(elevation: str, /, *, reason: str, session: Session = HERE) -> None:
    """Deny somebody else's request; one no is enough.

    Args:
        elevation: its id.
        reason: why.
        session: how to ask.
    """
    shown(session, decided(session, place("elevations", elevation), "deny", reason, None, what=_what))


@ELEVATION.command(name="begin", help_epilogue="")
def begin(elevation: str, /, *, session: Session = HERE) -> None:
    """Get the token of your approved elevation, once; its minutes count from now.

    Args:
        elevation: its id.
        session: how to ask.
    """
    _begun(session, ask(session, "POST", place("elevations", elevation, "begin")))


@ELEVATION.command(name="end", help_epilogue="")
def end(elevation: str, /, *, reason: str = "", session: Session = HERE) -> None:
    """End an elevation at once, or withdraw the request for one.

    Args:
        elevation: its id.
        reason: why.
        session: how to ask.
    """
    shown(session, ask(session, "POST", place("elevations", elevation, "end"), {"reason": reason}))


@ELEVATION.command(name="review", help_epilogue="")
def review(elevation: str, /, *, note: str, session: Session = HERE) -> None:
    """Write down what a look at broken glass found.

    Args:
        elevation: its id.
        note: what was found.
        session: how to ask.
    """
    shown(session, ask(session, "POST", place("elevations", elevation, "review"), {"note": note}))


def _what(found: dict[str, Any]) -> str:
    whose = found["tenant_name"] or found["tenant"]
    return f"{', '.join(found['actions'])} in tenant {whose} for {found['minutes']} minutes, {found['ticket']}: {found['reason']}"


def _begun(session: Session, body: bytes) -> None:
    if session.json:
        output.raw(body)
        return
    begun = decoded(body)
    output.record(begun["elevation"])
    output.record({"token": begun["token"], "until": begun["expires_at"]})
    output.note("The token is shown this once. It does what was approved and nothing else.")
