"""`strongroom records …`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli.calls import ask, place
from strongroom.cli.failures import usage
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session
from strongroom.cli.showing import listed

RECORDS: Final = App(
    name="records",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom records list --tenant acme
  strongroom records list --tenant acme --since 24h --outcome refused
""",
    help="Read what became of requests: who asked what, how much, how long. No content.",
)
_COLUMNS: Final = (
    "at", "environment", "key", "operation", "outcome", "status", "refusal", "input_tokens", "output_tokens",
    "duration_ms", "request_id",
)  # fmt: skip
_SUMS: Final = (
    "day", "deployment", "release", "operation", "outcome", "requests", "input_tokens", "output_tokens", "cost_micro",
)  # fmt: skip
_AGO: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@RECORDS.command(name="list")
def list_records(
    *,
    tenant: Tenant,
    since: Annotated[
        str | None, Parameter(help="Received then or later: RFC 3339, or an age such as 90s, 15m, 24h, 7d.")
    ] = None,
    status: Annotated[int | None, Parameter(help="With this HTTP status only, such as 429.")] = None,
    outcome: Annotated[
        Literal["completed", "refused", "failed", "cancelled", "interrupted"] | None,
        Parameter(help="With this outcome only."),
    ] = None,
    limit: Annotated[int, Parameter(help="How many records at most, 1 to 200.")] = 50,
    before: Annotated[str | None, Parameter(help="The last id of the page before.")] = None,
    session: Session = HERE,
) -> None:
    """List the newest records of a tenant's requests, newest first.

    Examples:
        strongroom records list --tenant acme --since 24h --outcome refused
        strongroom records list --tenant acme --status 429 --json

    Args:
        tenant: whose.
        since: from when on.
        status: which.
        outcome: which.
        limit: how many.
        before: where the page before ended.
        session: how to ask.
    """
    wanted = place(
        "tenants", tenant, "records",
        limit=limit, before=before, since=moment(since), status=status, outcome=outcome,
    )  # fmt: skip
    body = ask(session, "GET", wanted)
    listed(session, body, _COLUMNS, empty="There is no record.")


@RECORDS.command(name="analytics")
def analytics(
    *,
    tenant: Tenant,
    since: Annotated[str | None, Parameter(help="Of that day or later: RFC 3339, or an age such as 24h, 90d.")] = None,
    session: Session = HERE,
) -> None:
    """Show what a tenant's requests came to, day by day, also of days whose records are gone; the newest first.

    Nothing here tells a caller. Groups of few callers or requests stand in one, `*`. How long requests took is in --json.

    Examples:
        strongroom records analytics --tenant acme --since 90d
        strongroom records analytics --tenant acme --json

    Args:
        tenant: whose.
        since: from which day on.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "records", "analytics", since=moment(since)))
    listed(session, body, _SUMS, empty="No day is summed up yet: that is done when it is over.")


def instant(said: str, option: str, others: str = "") -> str:
    """Return a moment as it was written; raise `Failure`, which says how one is, when it is none with a zone."""
    try:
        good = datetime.fromisoformat(said).tzinfo is not None
    except ValueError:
        good = False
    if not good:
        now = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
        raise usage(f"{option} does not say when: `{said}`.", f"Give {others}a moment with its zone, such as {now}.")
    return said


def moment(said: str | None) -> str | None:
    """Return the moment that `said` means, as the API takes it; an age counts from now."""
    ago = None if said is None else _AGO.fullmatch(said)
    if said is None:
        return None
    if ago is None:
        return instant(said, "--since", "an age such as 90s, 15m, 24h or 7d, or ")
    try:
        moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    except OverflowError:
        raise usage("That is before there were any records; give a shorter age.") from None
    return moment.isoformat().replace("+00:00", "Z")
