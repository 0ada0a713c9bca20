"""`strongroom audit …`."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.session import HERE, ONLINE, Session, decoded

AUDIT: Final = App(
    name="audit", group=ONLINE, help_epilogue="", help="Read what was asked, by whom, and what became of it."
)
_COLUMNS: Final = ("at", "actor", "action", "resource", "outcome", "reason", "request_id")


@AUDIT.command(name="list")
def list_entries(
    *,
    tenant: Annotated[str | None, Parameter(help="Whose log; the installation's own if not given.")] = None,
    limit: Annotated[int, Parameter(help="How many entries at most, 1 to 200.")] = 50,
    before: Annotated[str | None, Parameter(help="The last id of the page before.")] = None,
    session: Session = HERE,
) -> None:
    """List the newest entries of a log, newest first.

    Args:
        tenant: whose.
        limit: how many.
        before: where the page before ended.
        session: how to ask.
    """
    where = ("audit",) if tenant is None else ("tenants", tenant, "audit")
    body = ask(session, "GET", place(*where, limit=limit, before=before))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _COLUMNS, empty="There is no entry.")
