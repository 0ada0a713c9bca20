"""`strongroom workload …`."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.options import Environment, Owner, Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import shown

WORKLOAD: Final = App(
    name="workload",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom workload create chatbot --tenant acme --environment dev --role inference --owner team-chat
  strongroom workload list --tenant acme
""",
    help="Make, look at and end workloads: the programs that ask models.",
)
_COLUMNS: Final = ("environment", "name", "role", "owner", "created_at")


@WORKLOAD.command(name="create")
def create(
    name: str,
    /,
    *,
    tenant: Tenant,
    environment: Environment,
    role: Annotated[
        Literal["inference", "evaluation", "ingestion", "training", "support", "notebook"],
        Parameter(
            help="What it is for: `inference` asks models, `evaluation` measures them, `ingestion` brings data in, "
            "`training` reads it, `support` serves tickets, `notebook` is a person trying models (never in prod)."
        ),
    ],
    owner: Owner,
    team: Annotated[str | None, Parameter(help="The team it belongs to; the owner if not given.")] = None,
    pager: Annotated[str | None, Parameter(help="Whom to wake; the owner if not given.")] = None,
    purpose: Annotated[
        str | None, Parameter(help="What it is for, in words; what its role is for if not given.")
    ] = None,
    session: Session = HERE,
) -> None:
    """Create a workload in one environment and one role.

    Args:
        name: 1 to 63 of a-z, 0-9, '-' and '.'; one of its kind in its environment.
        tenant: whose.
        environment: where.
        role: what for.
        owner: who answers for it.
        team: the team it belongs to.
        pager: whom to wake.
        purpose: what it is for.
        session: how to ask.
    """
    fields: dict[str, object] = {
        "name": name,
        "environment": environment,
        "role": role,
        "owner": owner,
        "team": team,
        "pager": pager,
        "purpose": purpose,
    }
    body = ask(session, "POST", place("tenants", tenant, "workloads"), fields)
    shown(session, body)


@WORKLOAD.command(name="list")
def list_workloads(tenant: Tenant, *, session: Session = HERE) -> None:
    """List a tenant's workloads.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "workloads"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _COLUMNS, empty=f"{tenant} has no workload.")


@WORKLOAD.command(name="delete")
def delete(name: str, /, *, tenant: Tenant, environment: Environment, session: Session = HERE) -> None:
    """End a workload and its keys.

    Args:
        name: its name.
        tenant: whose.
        environment: where it lives.
        session: how to ask.
    """
    output.raw(ask(session, "DELETE", place("tenants", tenant, "workloads", environment, name)))
    if not session.json:
        output.note(f"The workload {name} is gone; none of its keys counts any more.")
