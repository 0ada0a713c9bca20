"""`strongroom retention …`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.options import Tenant
from strongroom.cli.proposals import AGAIN, Approved, waits
from strongroom.cli.records import instant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed, shown

RETENTION: Final = App(
    name="retention",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom rules set retention.toml --reason "operational tier"
  strongroom retention hold --tenant acme --owner legal@example.com --reason "matter 2026-117"
  strongroom retention plan
  strongroom retention run
""",
    help="See how long records are kept (`strongroom rules` says it), hold them, and drop what is due.",
)
_DUE: Final = ("name", "class", "day", "rows", "held_by")
_HOLDS: Final = ("id", "tenant_name", "tenant", "kind", "owner", "reason", "until")
_RULES: Final = ("tenant_name", "tenant", "class", "days", "reason", "set_by", "set_at")
_DROPPED: Final = ("dropped_at", "tenant_name", "tenant", "class", "day", "rows", "root")
_Class = Annotated[
    Literal["records", "analytics", "captures"],
    Parameter(
        name="--class", help="Of what: records of requests, their sums by the day, or what capture sessions captured."
    ),
]
_Why = Annotated[str, Parameter(help="Why, for the audit log.")]


@RETENTION.command(name="status", help_epilogue="")
def status(*, session: Session = HERE) -> None:
    """Show rules, holds, what is due and what was dropped last; with --json also how long each table's rows are kept.

    Args:
        session: how to ask.
    """
    body = ask(session, "GET", place("retention"))
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    output.note("Rules")
    output.listing(found["rules"], _RULES, empty="There is no rule: records are kept for ever.")
    output.note("Holds and exceptions")
    output.listing(found["holds"], _HOLDS, empty="Nothing is held.")
    output.note("Due")
    output.listing(found["due"], _DUE, empty="Nothing is due.")
    output.note("Dropped last")
    output.listing(found["dropped"], _DROPPED, empty="Nothing was dropped.")


@RETENTION.command(name="plan", help_epilogue="")
def plan(*, session: Session = HERE) -> None:
    """Show what a run would drop now, and what holds the rest; `strongroom rules dry-run` shows what other rules would change.

    Args:
        session: how to ask.
    """
    due: list[dict[str, Any]] = get(session, place("retention"))["due"]
    if session.json:
        import msgspec  # noqa: PLC0415 - only here

        output.raw(msgspec.json.encode({"data": due}))
    else:
        output.listing(due, _DUE, empty="Nothing is due.")


@RETENTION.command(name="run", help_epilogue="")
def run(*, session: Session = HERE) -> None:
    """Drop what is beyond its days and not held, now; the control process does so by itself every six hours.

    Each drop is an entry of the tenant's log: how many rows, of which day, and the root over them.

    Args:
        session: how to ask.
    """
    body = ask(session, "POST", place("retention", "run"))
    listed(session, body, _DROPPED, empty="Nothing was dropped.")


@RETENTION.command(name="hold", help_epilogue="")
def hold(
    *,
    tenant: Tenant,
    owner: Annotated[str, Parameter(help="Who answers for it.")],
    reason: _Why,
    until: Annotated[
        str | None,
        Parameter(help="RFC 3339: an exception that ends then; without it, a legal hold until it is released."),
    ] = None,
    class_: _Class = "records",
    session: Session = HERE,
) -> None:
    """Keep a tenant's records beyond their days: a legal hold, or an exception that expires.

    Args:
        tenant: whose.
        owner: who answers for it.
        reason: why.
        until: until when.
        class_: of what.
        session: how to ask.
    """
    if until is not None:
        instant(until, "--until")
    body = ask(
        session,
        "POST",
        place("tenants", tenant, "retention", "holds"),
        {
            "class": class_,
            "kind": "hold" if until is None else "exception",
            "owner": owner,
            "reason": reason,
            "until": until,
        },
    )
    shown(session, body)


@RETENTION.command(name="release", help_epilogue="")
def release(hold: str, /, *, tenant: Tenant, reason: _Why, approved: Approved = None, session: Session = HERE) -> None:
    """Release a hold: what is beyond its days is dropped at the next run. In production somebody else approves it first.

    Args:
        hold: its id.
        tenant: whose.
        reason: why.
        approved: by which proposal.
        session: how to ask.
    """
    said: dict[str, Any] = {"reason": reason, "approved": approved}
    body = ask(session, "POST", place("tenants", tenant, "retention", "holds", hold, "release"), said)
    if session.json:
        output.raw(body)
    elif "state" in (found := decoded(body)):
        waits(found, AGAIN)
    else:
        output.note("Released.")
