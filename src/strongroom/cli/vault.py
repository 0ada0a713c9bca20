"""`strongroom vault …`: the keys of tenants, and what they hang from."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.confirming import confirm
from strongroom.cli.session import HERE, ONLINE, Session, decoded

_STEP: Final = 25
VAULT: Final = App(
    name="vault",
    group=ONLINE,
    help="Look at the keys of tenants and rotate them, and hold the keys that sign releases.",
    help_epilogue="""
Examples:
  strongroom vault status
  strongroom vault rotate
  strongroom vault rotate --resume
  strongroom vault rotate --tenant acme
  strongroom vault move-secrets
  strongroom vault dissolve-unit retail
  strongroom vault signing-key create releases
""",
)


@VAULT.command(name="status", help_epilogue="")
def status(*, session: Session = HERE) -> None:
    """Show the keystore, and what it holds of each tenant; no key is shown."""
    body = ask(session, "GET", place("vault"))
    if session.json:
        output.raw(body)
        return
    state = decoded(body)
    output.record({"kind": state["kind"], "detail": state["detail"], "still to re-wrap": str(state["pending"])})
    rows = [
        {**each, "tenant": each["tenant"] or "installation", "business_unit": each["business_unit"] or ""}
        for each in state["tenants"]
    ]
    output.listing(
        rows, ("tenant", "business_unit", "version", "uses", "pending", "destroyed"), empty="No tenant has keys yet."
    )


@VAULT.command(name="rotate", help_epilogue="")
def rotate(
    *,
    tenant: Annotated[str | None, Parameter(help="Renew one tenant's keys only: its name or id.")] = None,
    resume: Annotated[bool, Parameter(negative="", help="Add no version; go on re-wrapping what is left.")] = False,
    session: Session = HERE,
) -> None:
    """Add a version of the root key, then bring every tenant's key under it, with progress.

    What older versions hold stays readable until it is re-wrapped. A rotation that was cut short goes on with --resume.

    Args:
        tenant: one tenant only.
        resume: add no version.
        session: how to ask.
    """
    if tenant is not None:
        ask(session, "POST", place("tenants", tenant, "keys-of-data"))
        _done(session, f"The tenant {tenant} has new keys; what its older ones sealed still opens.", 0)
        return
    if not resume:
        ask(session, "POST", place("vault", "rotation"))
    total = decoded(ask(session, "GET", place("vault")))["pending"]
    left = total
    while left:
        left = decoded(ask(session, "POST", place("vault", "rewrap"), {"most": _STEP}))["left"]
        if not session.json:
            print(f"re-wrapped {total - left} of {total}", file=sys.stderr, flush=True)
    _done(session, "Every tenant's key hangs from the newest version.", total)


@VAULT.command(name="move-secrets", help_epilogue="")
def move_secrets(*, session: Session = HERE) -> None:
    """Move providers' secrets that earlier versions kept in the database into the vault, with progress.

    What was moved stays moved: after an interruption, run it again. Each start of `strongroom up` does it too.

    Args:
        session: how to ask.
    """
    moved = 0
    while True:
        step = decoded(ask(session, "POST", place("vault", "secrets"), {"most": _STEP}))
        moved += step["moved"]
        if not session.json:
            print(f"moved {moved}, {step['left']} left", file=sys.stderr, flush=True)
        if not step["left"]:
            break
    if session.json:
        output.raw(msgspec.json.encode({"moved": moved, "left": 0, "broken": step["broken"]}))
        return
    output.note("Every provider's secret is in the vault.")
    if step["broken"]:
        output.note(
            f"{step['broken']} that do not open stay as they are: give them anew with `strongroom provider update`."
        )


@VAULT.command(name="dissolve-unit", help_epilogue="")
def dissolve_unit(
    unit: str,
    /,
    *,
    yes: Annotated[bool, Parameter(negative="", help="Do not ask; needed where nobody can answer.")] = False,
    session: Session = HERE,
) -> None:
    """Destroy the keys of every tenant of a business unit, for good. Its tenants must have ended: `tenant shred` them first.

    Args:
        unit: its name.
        yes: do not ask.
        session: how to ask.
    """
    if not yes:
        confirm(unit, "Dissolving the business unit", "What its tenants sealed is unreadable then, in every copy.")
    gone = decoded(body := ask(session, "POST", place("vault", "units", unit, "dissolution")))["tenants"]
    if session.json:
        output.raw(body)
    else:
        output.note(f"The business unit {unit} is dissolved; {gone} of its tenants' keys were destroyed now.")


def _done(session: Session, said: str, rewrapped: int) -> None:
    if session.json:
        output.raw(msgspec.json.encode({"rewrapped": rewrapped, "left": 0}))
    else:
        output.note(said)
