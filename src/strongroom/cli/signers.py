"""`strongroom signer …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import usage
from strongroom.cli.options import Environment, Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed

SIGNER: Final = App(
    name="signer",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom signing new-key chatbot.pem
  strongroom signer add chatbot.pem.pub --tenant acme --environment dev --workload chatbot
  strongroom signer list --tenant acme
""",
    help="Register, look at and revoke the public keys that workloads sign their requests with.",
)
_COLUMNS: Final = ("id", "environment", "workload", "algorithm", "status", "expires_at", "label", "owner")
_LIMIT: Final = 16 * 1024


@SIGNER.command(
    name="add",
    help_epilogue="""
Example:
  strongroom signing new-key signing-key.pem
  strongroom signer add signing-key.pem.pub --tenant acme --env prod --workload search
""",
)
def add(
    public_key: Path,
    /,
    *,
    tenant: Tenant,
    environment: Environment,
    workload: Annotated[str, Parameter(help="The workload that signs with it.")],
    days: Annotated[float | None, Parameter(help="How long it counts; 90 if not given, at most 365.")] = None,
    label: Annotated[str | None, Parameter(help="A word to tell signers apart.")] = None,
    owner: Annotated[str | None, Parameter(help="Who answers for it; the workload's owner if not given.")] = None,
    session: Session = HERE,
) -> None:
    """Register a workload's public key. The private one stays with the workload.

    Args:
        public_key: file with the public key: PEM or JWK, Ed25519 or ECDSA on P-256.
        tenant: whose workload it is.
        environment: where the workload lives.
        workload: its name.
        days: how long it counts.
        label: a word to tell signers apart.
        owner: who answers for it.
        session: how to ask.
    """
    fields: dict[str, object] = {
        "environment": environment,
        "workload": workload,
        "public_key": public_text(public_key),
        "days": days,
        "label": label,
        "owner": owner,
    }
    body = ask(session, "POST", place("tenants", tenant, "signers"), fields)
    if session.json:
        output.raw(body)
    else:
        output.record(_short(decoded(body)))


@SIGNER.command(name="list")
def list_signers(tenant: Tenant, *, session: Session = HERE) -> None:
    """List the public keys that a tenant's workloads sign with, dead ones included.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "signers"))
    listed(session, body, _COLUMNS, empty="There is no signer.")


@SIGNER.command(name="revoke")
def revoke(
    signer: str,
    /,
    *,
    tenant: Tenant,
    reason: Annotated[str | None, Parameter(help="Why; it stands in the audit log.")] = None,
    session: Session = HERE,
) -> None:
    """End a signer at once, on every gateway process. The same key is never taken again.

    Args:
        signer: its id, 32 characters.
        tenant: whose.
        reason: why.
        session: how to ask.
    """
    body = ask(session, "POST", place("tenants", tenant, "signers", signer, "revoke"), {"reason": reason})
    if session.json:
        output.raw(body)
    else:
        output.record(_short(decoded(body)))


def public_text(path: Path) -> str:
    """Return the text of a file that holds a public key or a certificate.

    Raises:
        Failure: when it cannot be read, or holds a private key.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LIMIT).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise usage(f"The file {path} cannot be read: {why}.") from None
    if "PRIVATE KEY" in text:
        raise usage(
            f"{path} holds a private key; nothing was sent.", "Name the file with the public one, such as FILE.pub."
        )
    return text


def _short(signer: dict[str, Any]) -> dict[str, Any]:
    """Return a signer's fields without the key itself, which the caller has."""
    return {name: value for name, value in signer.items() if name != "public_key"}
