"""`strongroom account …` and `strongroom whoami`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.proposals import AGAIN, Approved, waits
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed, shown
from strongroom.cli.signers import public_text

ACCOUNT: Final = App(
    name="account",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom account create alice --role approver
  strongroom account create carol --role tenant-admin --tenant acme
  strongroom account list
  strongroom account token alice
  strongroom account delete alice
""",
    help="Make, look at and end the accounts of people.",
)
Bind: TypeAlias = Annotated[
    Path | None,
    Parameter(
        help="File with the holder's public key (DPoP) or certificate (mTLS): its token is worth nothing without it."
    ),
]
Networks: TypeAlias = Annotated[
    tuple[str, ...],
    Parameter(name="--network", negative="", help="Bind its token to a network (CIDR); may be repeated."),
]
_COLUMNS: Final = ("name", "role", "tenant", "demo", "created_at")


@ACCOUNT.command(name="create")
def create(
    name: str,
    /,
    *,
    role: Annotated[
        Literal["operator", "approver", "tenant-admin"], Parameter(help="What the account is for; it has one role.")
    ],
    tenant: Annotated[str | None, Parameter(help="For a tenant administrator: the tenant's name or id.")] = None,
    bind: Bind = None,
    network: Networks = (),
    approved: Approved = None,
    session: Session = HERE,
) -> None:
    """Create an account. Its token is shown once, here, and is kept nowhere. In production one that decides takes two people.

    Args:
        name: 1 to 63 of a-z, 0-9, '-' and '.'.
        role: what it is for.
        tenant: whose administrator.
        bind: what its token is bound to; demanded in production.
        network: where its token may be used; demanded in production.
        approved: by which proposal.
        session: how to ask.
    """
    fields = {"name": name, "role": role, "tenant": tenant, "approved": approved} | _ties(bind, network)
    _made(session, ask(session, "POST", place("accounts"), fields))


@ACCOUNT.command(name="list")
def list_accounts(*, session: Session = HERE) -> None:
    """List the accounts."""
    body = ask(session, "GET", place("accounts"))
    listed(session, body, _COLUMNS, empty="There is no account.")


@ACCOUNT.command(name="delete")
def delete(name: str, /, *, session: Session = HERE) -> None:
    """End an account and its token.

    Args:
        name: its name.
        session: how to ask.
    """
    output.raw(ask(session, "DELETE", place("accounts", name)))
    if not session.json:
        output.note(f"The account {name} is gone; its token no longer counts.")


@ACCOUNT.command(name="token")
def token(
    name: str,
    /,
    *,
    bind: Bind = None,
    network: Networks = (),
    approved: Approved = None,
    session: Session = HERE,
) -> None:
    """End an account's token and make another, shown once. What it is bound to stays, unless you say otherwise.

    Args:
        name: the account's name.
        bind: what it is bound to.
        network: where it may be used.
        approved: by which proposal.
        session: how to ask.
    """
    fields = {"approved": approved} | _ties(bind, network)
    _made(session, ask(session, "POST", place("accounts", name, "token"), fields))


def whoami(*, session: Session = HERE) -> None:
    """Show what your credential stands for, and until when."""
    body = ask(session, "GET", place("whoami"))
    shown(session, body)


def _ties(bind: Path | None, networks: tuple[str, ...]) -> dict[str, object]:
    return {"bound_to": None if bind is None else public_text(bind), "networks": list(networks) or None}


def _made(session: Session, body: bytes) -> None:
    if session.json:
        output.raw(body)
        return
    made: dict[str, Any] = decoded(body)
    if "state" in made:
        waits(made, AGAIN)
        return
    output.record(
        made["account"]
        | {
            name: made[name]
            for name in ("key_id", "expires_at", "proof", "networks", "exception", "token")
            if made.get(name)
        }
    )
    output.note("The token is shown this once. Keep it in a file that only you can read (chmod 600).")
