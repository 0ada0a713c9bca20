"""`strongroom proposal …`: what waits for a second person in production."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import CHANGES, Digest, decided, differing, looked_at, nothing_of, shown

PROPOSAL: Final = App(
    name="proposal",
    group=ONLINE,
    help="Look at, approve, deny and withdraw what waits for a second person in production.",
    help_epilogue="""
Examples:
  strongroom proposal list --waiting
  strongroom proposal show 0198c0de-0000-7000-8000-000000000001
  strongroom proposal approve 0198c0de-0000-7000-8000-000000000001 --reason "as we agreed in OPS-12"
  strongroom proposal deny 0198c0de-0000-7000-8000-000000000001 --reason "it opens test to notebooks"
  strongroom proposal withdraw 0198c0de-0000-7000-8000-000000000001
""",
)
AGAIN: Final = "Once it is approved, say the same again with --approved and its id."
Approved: TypeAlias = Annotated[
    str | None, Parameter(help="In production: the proposal of exactly this, which somebody else has approved.")
]
_COLUMNS: Final = ("id", "state", "what", "tenant_name", "requester", "decide_by", "review_owed", "reason")
_DETAILS: Final = ("details",)
_TENANTS: Final = ("tenant", "callers", "loses", "gains", "differs", "looked_at")


@PROPOSAL.command(name="list", help_epilogue="")
def list_proposals(
    *,
    waiting: Annotated[bool, Parameter(negative="", help="Those only that somebody else must look at.")] = False,
    session: Session = HERE,
) -> None:
    """List the newest proposals, newest first; reviews that are owed are among them.

    Args:
        waiting: those only that wait.
        session: how to ask.
    """
    found: list[dict[str, Any]] = get(session, place("proposals"))["data"]
    rows = [each for each in found if not waiting or each["state"] == "open" or each["review_owed"]]
    if session.json:
        output.raw(msgspec.json.encode({"data": rows}))
    else:
        output.listing(rows, _COLUMNS, empty="Nothing waits." if waiting else "Nothing was proposed yet.")


@PROPOSAL.command(name="show", help_epilogue="")
def show(proposal: str, /, *, session: Session = HERE) -> None:
    """Show a proposal: what would be different, whom it would have concerned lately, who said what of it.

    Args:
        proposal: its id.
        session: how to ask.
    """
    body = ask(session, "GET", place("proposals", proposal))
    if session.json:
        output.raw(body)
    else:
        _shown(decoded(body))


@PROPOSAL.command(name="approve", help_epilogue="")
def approve(
    proposal: str,
    /,
    *,
    reason: str,
    digest: Digest = None,
    session: Session = HERE,
) -> None:
    """Approve somebody else's proposal. A document is in force with that; of what was in force at once, it is the review.

    Args:
        proposal: its id.
        reason: why.
        digest: of what was read.
        session: how to ask.
    """
    body = decided(session, place("proposals", proposal), "approve", reason, digest, what=_what)
    shown(session, body, without=_DETAILS)


@PROPOSAL.command(name="deny", help_epilogue="")
def deny(proposal: str, /, *, reason: str, session: Session = HERE) -> None:
    """Deny somebody else's proposal; one no is enough.

    Args:
        proposal: its id.
        reason: why.
        session: how to ask.
    """
    body = decided(session, place("proposals", proposal), "deny", reason, None, what=_what)
    shown(session, body, without=_DETAILS)


@PROPOSAL.command(name="withdraw", help_epilogue="")
def withdraw(proposal: str, /, *, session: Session = HERE) -> None:
    """Withdraw your own proposal.

    Args:
        proposal: its id.
        session: how to ask.
    """
    shown(session, ask(session, "POST", place("proposals", proposal, "withdraw")), without=_DETAILS)


def waits(proposal: dict[str, Any], then: str = "") -> None:
    """Say that something was proposed, and what is to be done next."""
    if proposal["review_owed"]:
        output.note(f"In force at once: {proposal['what']}. Somebody else reviews it, until {proposal['decide_by']}:")
    else:
        output.note(f"Proposed: {proposal['what']}. It waits for somebody else, until {proposal['decide_by']}:")
    output.note(f"  strongroom proposal show {proposal['id']}")
    output.note(f'  strongroom proposal approve {proposal["id"]} --reason "…"')
    if then:
        output.note(then)


def _what(found: dict[str, Any]) -> str:
    whose = found["tenant_name"] or found["tenant"] or "the installation"
    return f"{found['what']}, of {whose}, by {found['requester']}: {found['reason']}"


def _shown(found: dict[str, Any]) -> None:
    details: dict[str, Any] = found["details"]
    output.record({name: value for name, value in found.items() if name != "details"})
    if "document" in details:
        print("\n".join(_difference(details)) or "The two documents read alike.")
    else:
        output.record(details)
    tried = details.get("dry_run")
    if tried is not None:
        output.note(looked_at(tried["kind"], tried["looked_at"], tried["callers"]))
        if tried["data"] or not tried.get("tenants"):
            output.listing(differing(tried["data"]), CHANGES, empty=nothing_of(tried["kind"]))
        if tried.get("tenants"):
            output.listing(tried["tenants"], _TENANTS, empty="")
        if tried.get("tenants_left"):
            output.note(
                f"{tried['tenants_left']} more tenants were not looked at: `strongroom rules dry-run FILE` does."
            )


def _difference(details: dict[str, Any]) -> list[str]:
    from strongroom.rules.files import written  # noqa: PLC0415 - `--help` must not wait for every kind of rules

    before, after = (
        [] if details[name] is None else written(details["kind"], details[name]).splitlines()
        for name in ("before", "document")
    )
    names = (f"version {details['expected']}", f"version {details['expected'] + 1}")
    return list(difflib.unified_diff(before, after, *names, lineterm=""))
