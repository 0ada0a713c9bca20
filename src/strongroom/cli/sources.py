"""`strongroom source …`: where training data comes from."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded

SOURCE: Final = App(
    name="source",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom source add crm --tenant acme --owner first-approver \\
      --contact data@acme.example --risk high \\
      --licence "our customers' consent of 2026"
  strongroom source list --tenant acme
""",
    help="Say where data comes from, who answers for it, and how far it is trusted.",
)
_SOURCES: Final = ("name", "risk", "owner", "contact", "licence", "by", "at")


@SOURCE.command(name="add", help_epilogue="")
def add_source(
    name: str,
    /,
    *,
    tenant: Tenant,
    owner: Annotated[str, Parameter(help="The approver's account that answers for the data.")],
    contact: Annotated[str, Parameter(help="How the owner is reached.")],
    licence: Annotated[str, Parameter(help="By what the data may be used.")],
    risk: Annotated[
        Literal["low", "standard", "high"],
        Parameter(help="low: no approval; standard: one; high: two, the owner's too."),
    ] = "standard",
    session: Session = HERE,
) -> None:
    """Register a source. It never changes: another owner or risk is another source.

    Args:
        name: what it is called.
        tenant: whose.
        owner: who answers for it.
        contact: how the owner is reached.
        licence: by what the data may be used.
        risk: how far it is trusted.
        session: how to ask.
    """
    fields: dict[str, object] = {"name": name, "owner": owner, "contact": contact, "licence": licence, "risk": risk}
    body = ask(session, "POST", place("tenants", tenant, "sources"), fields)
    if session.json:
        output.raw(body)
    else:
        output.record({each: decoded(body)[each] for each in _SOURCES})


@SOURCE.command(name="list", help_epilogue="")
def list_sources(*, tenant: Tenant, session: Session = HERE) -> None:
    """List where a tenant's data comes from.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "sources"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _SOURCES, empty=f"{tenant} has no source of data.")
