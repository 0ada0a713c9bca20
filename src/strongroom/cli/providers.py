"""`strongroom provider …`: upstreams outside this machine."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import Failure, usage
from strongroom.cli.options import Yes
from strongroom.cli.proposals import AGAIN, Approved, waits
from strongroom.cli.session import HERE, ONLINE, Session, decoded

_EXAMPLES: Final = """
Examples:
  strongroom provider add outside --kind openai --url https://api.example.com/v1 \\
      --owner team-procurement --secret-file ./key --region eu-central \\
      --agreement DPA-2026-014 --assessed-on 2026-11-01 --assessed-until 2027-10-31
  strongroom provider update outside --secret-file - < ./new-key
  strongroom provider list --tenant acme
"""
PROVIDER: Final = App(
    name="provider",
    group=ONLINE,
    help_epilogue=_EXAMPLES,
    help="Register upstreams outside this machine, and say who may be asked.",
)
_COLUMNS: Final = ("name", "kind", "base_url", "region", "assessed_until", "status")
_OFFERED: Final = ("name", "kind", "region", "owner", "assessed_until", "routed")
_LIMIT: Final = 64 * 1024

Kind: TypeAlias = Annotated[Literal["openai", "anthropic", "oip"], Parameter(help="The protocol it speaks.")]
Engine: TypeAlias = Annotated[
    Literal["openai", "vllm", "other"] | None,
    Parameter(help="Of kind openai: OpenAI itself, vLLM (its prompt cache gets salted), or any other."),
]
Url: TypeAlias = Annotated[str | None, Parameter(name="--url", help="https://HOST[:PORT][/PATH].")]
CaFile: TypeAlias = Annotated[
    Path | None, Parameter(help="PEM file of the authorities to trust instead of the system's.")
]
SecretFile: TypeAlias = Annotated[
    Path | None, Parameter(help="File with its secret, on one line; - reads standard input. Never on the command line.")
]
OpenTo: TypeAlias = Annotated[
    list[str] | None, Parameter(name="--open-to", negative="", help="A tenant that may name it; repeat for more.")
]
OpenToAll: TypeAlias = Annotated[bool, Parameter(negative="", help="Every tenant may name it.")]
Region: TypeAlias = Annotated[str | None, Parameter(help="Where it handles what it is sent, such as eu-central.")]
Agreement: TypeAlias = Annotated[str | None, Parameter(help="The agreement's id, in whatever system keeps it.")]
Day: TypeAlias = Annotated[str | None, Parameter(help="A day, as 2026-11-30.")]
Answers: TypeAlias = Annotated[str | None, Parameter(help="The person or team that answers for this subprocessor.")]


@PROVIDER.command(name="add")
def add(
    name: str,
    /,
    *,
    kind: Kind,
    url: Annotated[str, Parameter(help="https://HOST[:PORT][/PATH].")],
    owner: Annotated[str, Parameter(help="The person or team that answers for this subprocessor.")],
    engine: Engine = None,
    secret_file: SecretFile = None,
    ca_file: CaFile = None,
    open_to: OpenTo = None,
    region: Region = None,
    agreement: Agreement = None,
    assessed_on: Day = None,
    assessed_until: Day = None,
    approved: Approved = None,
    session: Session = HERE,
) -> None:
    """Register a provider. Nothing is routed to it before it has an assessment, an agreement and a region.

    Args:
        name: what deployments will call it.
        kind: the protocol it speaks.
        url: where it is.
        owner: who answers for it.
        engine: what stands behind the protocol.
        secret_file: where its secret is.
        ca_file: whom to trust that it is who it says.
        open_to: who may name it; everybody if not given.
        region: where it handles what it is sent.
        agreement: which agreement covers it.
        assessed_on: when it was assessed.
        assessed_until: the last day on which that counts.
        approved: by which proposal.
        session: how to ask.
    """
    fields = _fields(
        name=name, kind=kind, base_url=url, owner=owner, engine=engine, secret=_secret(secret_file), ca=_text(ca_file),
        open_to=open_to, region=region, agreement=agreement, assessed_on=assessed_on, assessed_until=assessed_until,
        approved=approved,
    )  # fmt: skip
    _show(session, ask(session, "POST", place("providers"), fields))


@PROVIDER.command(name="list")
def list_providers(
    *,
    tenant: Annotated[str | None, Parameter(help="Only what is open to this tenant, as the tenant sees it.")] = None,
    session: Session = HERE,
) -> None:
    """List providers, each with why nothing is routed to it, if so.

    Args:
        tenant: whose view.
        session: how to ask.
    """
    body = ask(session, "GET", place("providers") if tenant is None else place("tenants", tenant, "providers"))
    if session.json:
        output.raw(body)
        return
    rows = decoded(body)["data"]
    if tenant is None:
        rows = [{**each, "status": each["obstacle"] or "may be routed to"} for each in rows]
    output.listing(rows, _COLUMNS if tenant is None else _OFFERED, empty="There is none.")


@PROVIDER.command(name="show")
def show(name: str, /, *, session: Session = HERE) -> None:
    """Show a provider, without its secret.

    Args:
        name: what it is called.
        session: how to ask.
    """
    _show(session, ask(session, "GET", place("providers", name)))


@PROVIDER.command(name="update")
def update(
    name: str,
    /,
    *,
    url: Url = None,
    owner: Answers = None,
    engine: Engine = None,
    secret_file: SecretFile = None,
    ca_file: CaFile = None,
    open_to: OpenTo = None,
    open_to_all: OpenToAll = False,
    region: Region = None,
    agreement: Agreement = None,
    assessed_on: Day = None,
    assessed_until: Day = None,
    approved: Approved = None,
    session: Session = HERE,
) -> None:
    """Change what is given of a provider; the rest stays. Another address takes the secret anew.

    Args:
        name: what it is called.
        url: where it is.
        owner: who answers for it.
        engine: what stands behind the protocol.
        secret_file: where its new secret is.
        ca_file: whom to trust that it is who it says.
        open_to: who alone may name it.
        open_to_all: everybody may.
        region: where it handles what it is sent.
        agreement: which agreement covers it.
        assessed_on: when it was assessed.
        assessed_until: the last day on which that counts.
        approved: by which proposal.
        session: how to ask.
    """
    fields = _fields(
        base_url=url, owner=owner, engine=engine, secret=_secret(secret_file), ca=_text(ca_file), open_to=open_to,
        open_to_all=open_to_all or None, region=region, agreement=agreement, assessed_on=assessed_on,
        assessed_until=assessed_until,
    )  # fmt: skip
    if not fields:
        raise usage("Nothing to change was named.", "Say what changes, such as --assessed-until.")
    if approved is not None:
        fields["approved"] = approved
    _show(session, ask(session, "PATCH", place("providers", name), fields))


@PROVIDER.command(name="delete")
def delete(name: str, /, *, yes: Yes = False, session: Session = HERE) -> None:
    """End a provider: nothing is routed to it any more, and its secret is forgotten.

    Args:
        name: what it is called.
        yes: do not ask.
        session: how to ask.
    """
    if not yes:
        if not sys.stdin.isatty():
            raise usage(f"Deployments that name {name} lose it at once.", "Say --yes if it is meant.")
        get(session, place("providers", name))
        if input(f"Deployments that name {name} lose it at once. Type its name to go on: ") != name:
            raise Failure("Not confirmed; nothing was changed.")
    output.raw(ask(session, "DELETE", place("providers", name)))
    if not session.json:
        output.note(f"The provider {name} is gone.")


def _fields(**given: object) -> dict[str, object]:
    """Return what was given, with days checked here: the API names them by their place only."""
    for name in ("assessed_on", "assessed_until"):
        day = given.get(name)
        if isinstance(day, str) and not _is_day(day):
            raise usage(f"--{name.replace('_', '-')} is a day, such as {datetime.now(UTC).date()}.")
    return {name: value for name, value in given.items() if value is not None}


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return sys.stdin.read(_LIMIT) if str(path) == "-" else path.read_text(encoding="utf-8")[:_LIMIT]
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise usage(f"{path} cannot be read: {why}.") from None


def _secret(path: Path | None) -> str | None:
    text = _text(path)
    if text is None:
        return None
    secret = text.strip()
    if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise usage(f"{path} does not hold one secret.", "It has a single line, the secret.")
    return secret


def _show(session: Session, body: bytes) -> None:
    if session.json:
        output.raw(body)
        return
    provider = decoded(body)
    if "state" in provider:
        waits(provider, AGAIN)
        return
    shown = {**provider, "ca": "its own" if provider["ca"] else None, "obstacle": None}
    output.record(shown | {"status": provider["obstacle"] or "may be routed to"})
