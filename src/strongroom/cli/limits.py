"""`strongroom limits …`."""

from __future__ import annotations

from typing import Any, Final

from cyclopts import App

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded

LIMITS: Final = App(
    name="limits",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom limits show --tenant acme
  strongroom rules set limits.toml --tenant acme --ceiling --reason "their contract"
""",
    help="Look at what a tenant may use up and has used of it.",
)
_COLUMNS: Final = ("counts", "measure", "limit", "used", "remaining", "resets_at")


@LIMITS.command(name="show")
def show(*, tenant: Tenant, session: Session = HERE) -> None:
    """Show each limit that was used: what holds, what is used, what remains, when it is there again.

    What gateways hold and have not spent yet counts as used, and comes back. What holds where nothing was used yet, and
    who said so, `strongroom rules explain` tells; `strongroom rules set` changes it.

    Examples:
        strongroom limits show --tenant acme
        strongroom limits show --tenant acme --json

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "limits"))
    if session.json:
        output.raw(body)
        return
    rows: list[dict[str, Any]] = decoded(body)["data"]
    shown = [row | {name: f"{row[name]:,}" for name in ("limit", "used", "remaining")} for row in rows]
    output.listing(shown, _COLUMNS, empty=f"{tenant} has used nothing yet.")
