"""`strongroom exports …`."""

from __future__ import annotations

from typing import Any, Final

from cyclopts import App

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded

EXPORTS: Final = App(
    name="exports",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom exports show --tenant acme
  strongroom rules set exports.toml --tenant acme --reason "nobody reads more than this"
""",
    help="Look at what was taken out of a tenant's stores, and how much may be yet.",
)
_COLUMNS: Final = ("surface", "taker", "measure", "limit", "used", "remaining", "resets_at")


@EXPORTS.command(name="show")
def show(*, tenant: Tenant, session: Session = HERE) -> None:
    """Show who has taken how much in this hour and on this day, what may be taken yet, and when counting begins anew.

    Everything that leaves a store counts: records, entries of the log, what is kept of a person, kept responses, files of
    models, captured requests, rows of data sets, texts of prompts. What was refused does not. What holds where nothing was
    taken yet, and who said so, `strongroom rules explain` tells; `strongroom rules set` changes it.

    Examples:
        strongroom exports show --tenant acme
        strongroom exports show --tenant acme --json

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "exports"))
    if session.json:
        output.raw(body)
        return
    rows: list[dict[str, Any]] = decoded(body)["data"]
    shown = [row | {name: f"{row[name]:,}" for name in ("limit", "used", "remaining")} for row in rows]
    output.listing(shown, _COLUMNS, empty=f"Nothing was taken out of {tenant} today.")
