"""`strongroom account …` and `strongroom whoami`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.session import HERE, ONLINE, Session, decoded

ACCOUNT: Final = App(
    name="account", group=ONLINE, help_epilogue="", help="Make, look at and end the accounts of people."
)
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
    session: Session = HERE,
) -> None:
    """Create an account. Its token is shown once, here, and is kept nowhere.

    Args:
        name: 1 to 63 of a-z, 0-9, '-' and '.'.
        role: what it is for.
        tenant: whose administrator.
        session: how to ask.
    """
    _made(session, ask(session, "POST", place("accounts"), {"name": name, "role": role, "tenant": tenant}))


@ACCOUNT.command(name="list")
def list_accounts(*, session: Session = HERE) -> None:
    """List the accounts."""
    body = ask(session, "GET", place("accounts"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _COLUMNS, empty="There is no account.")


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
def token(name: str, /, *, session: Session = HERE) -> None:
    """End an account's token and make another, shown once.

    Args:
        name: the account's name.
        session: how to ask.
    """
    _made(session, ask(session, "POST", place("accounts", name, "token")))


def whoami(*, session: Session = HERE) -> None:
    """Show what your credential stands for, and until when."""
    body = ask(session, "GET", place("whoami"))
    if session.json:
        output.raw(body)
    else:
        output.record(decoded(body))


def _made(session: Session, body: bytes) -> None:
    if session.json:
        output.raw(body)
        return
    made: dict[str, Any] = decoded(body)
    output.record(made["account"] | {name: made[name] for name in ("key_id", "expires_at", "token")})
    output.note("The token is shown this once. Keep it in a file that only you can read (chmod 600).")
