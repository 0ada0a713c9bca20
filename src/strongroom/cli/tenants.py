"""`strongroom tenant …` and `strongroom environment …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

from cyclopts import App, Parameter

from strongroom.cli import documents, output
from strongroom.cli.calls import ask, place
from strongroom.cli.confirming import confirm
from strongroom.cli.session import HERE, ONLINE, Session
from strongroom.cli.showing import listed, shown

TENANT: Final = App(
    name="tenant",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom tenant create initech
  strongroom tenant create shop --business-unit retail
  strongroom tenant list
  strongroom tenant delete initech
""",
    help="Make, look at and end tenants.",
)
ENVIRONMENT: Final = App(name="environment", group=ONLINE, help_epilogue="", help="Look at a tenant's environments.")
_COLUMNS: Final = ("name", "id", "created_at")


@TENANT.command(name="create")
def create(
    name: str,
    /,
    *,
    business_unit: Annotated[
        str | None,
        Parameter(help="Put its keys into this business unit's namespace of OpenBao; they do not move later."),
    ] = None,
    session: Session = HERE,
) -> None:
    """Create a tenant with its environments dev, test and prod.

    Args:
        name: 1 to 63 of a-z, 0-9, '-' and '.'.
        business_unit: whose it is.
        session: how to ask.
    """
    of = {} if business_unit is None else {"business_unit": business_unit}
    _show(session, ask(session, "POST", place("tenants"), {"name": name, **of}))


@TENANT.command(name="list")
def list_tenants(*, session: Session = HERE) -> None:
    """List the tenants you may know of."""
    body = ask(session, "GET", place("tenants"))
    listed(session, body, _COLUMNS, empty="There is no tenant yet.")


@TENANT.command(name="show")
def show(name: str, /, *, session: Session = HERE) -> None:
    """Show one tenant.

    Args:
        name: its name or id.
        session: how to ask.
    """
    _show(session, ask(session, "GET", place("tenants", name)))


@TENANT.command(name="delete")
def delete(
    name: str,
    /,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask; needed where nobody can answer.")] = False,
    session: Session = HERE,
) -> None:
    """End a tenant: its workloads, keys, administrators and deployments stop counting at once.

    Args:
        name: its name or id.
        yes: do not ask.
        session: how to ask.
    """
    if not yes:
        confirm(
            name, "Deleting the tenant", f"This ends the tenant {name} with all its workloads, keys and deployments."
        )
    output.raw(ask(session, "DELETE", place("tenants", name)))
    if not session.json:
        output.note(f"The tenant {name} is gone; none of its keys counts any more.")


@TENANT.command(name="shred")
def shred(
    name: str,
    /,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask; needed where nobody can answer.")] = False,
    out: Annotated[
        Path | None,
        Parameter(help="Write the certificate there, and its proof beside it; `subject certificate` does so too."),
    ] = None,
    session: Session = HERE,
) -> None:
    """End a tenant and destroy its keys: what they sealed is unreadable in every copy and backup, for good.

    Args:
        name: its name or id; the id of one that has ended, too.
        yes: do not ask.
        out: where its certificate goes.
        session: how to ask.
    """
    if not yes:
        confirm(
            name,
            "Shredding the tenant",
            f"This ends the tenant {name} and destroys its keys. No backup brings them back.",
        )
    named = documents.id_of(session, name) if out is not None else name
    output.raw(ask(session, "POST", place("tenants", name, "shred")))
    if out is not None:
        documents.of_tenant(session, named, out)
    if not session.json:
        output.note(f"The keys of {name} are destroyed; processes forget those they hold within a minute.")


@ENVIRONMENT.command(name="list")
def list_environments(tenant: str, *, session: Session = HERE) -> None:
    """List a tenant's environments and the longest life of a key in each.

    Args:
        tenant: its name or id.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "environments"))
    listed(session, body, ("name", "max_key_days"), empty="There is none.")


def _show(session: Session, body: bytes) -> None:
    shown(session, body)
