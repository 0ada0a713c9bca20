"""`strongroom subject …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli import documents, output
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import FAILED, OK
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed

SUBJECT: Final = App(
    name="subject",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom subject status customer-4711 --tenant acme
  strongroom subject export customer-4711 --tenant acme --out 4711.zip
  strongroom subject erase customer-4711 --tenant acme --ticket DSR-2026-117 --out 4711.json
  strongroom subject list --tenant acme
""",
    help="Serve people what they may ask of their data: see it, or have it erased, with a certificate.",
)
_COLUMNS: Final = ("id", "kind", "subject", "state", "days_left", "ticket", "requested_by", "confirmed_by", "verdict")
_HOLDS: Final = ("id", "subject", "kind", "owner", "reason", "until", "active")
_Name = Annotated[str, Parameter(help="As requests named the person, or the pseudonym (`sub_…`).")]
_Ticket = Annotated[str, Parameter(help="A short reference of your own, such as DSR-2026-117; it names nobody.")]
_Said = Annotated[
    str, Parameter(help="What was said of it. It is sealed under the person's key, and erased with them.")
]
_Why = Annotated[str, Parameter(help="Why. It stands in the open, and names nobody.")]
_Which = Annotated[
    str | None, Parameter(name="--request", help="Go on with this request, instead of taking a new one.")
]


@SUBJECT.command(name="erase", help_epilogue="")
def erase(
    name: _Name,
    /,
    *,
    tenant: Tenant,
    ticket: _Ticket = "",
    reason: _Said = "",
    request: _Which = None,
    out: Annotated[Path | None, Parameter(help="Write the certificate there, and its proof beside it.")] = None,
    session: Session = HERE,
) -> int:
    """Erase what is kept of a person, destroy their keys, search for what is left, and certify what that came to.

    In production this takes the request, and a second person confirms it (`subject confirm`); ask again then, with --request.
    What a hold keeps is not erased. Exit code 1 too when something was found that is left: the certificate says where.

    Examples:
        strongroom subject erase customer-4711 --tenant acme --ticket DSR-2026-117 --out 4711.json
        strongroom audit verify 4711.json --trust "$(strongroom audit key)"

    Args:
        name: whom.
        tenant: whose customer.
        ticket: your reference.
        reason: what was said.
        request: which request.
        out: where the certificate goes.
        session: how to ask.
    """
    documents.refuse_existing(out)
    taken = request or _taken(session, tenant, "erase", name, ticket, reason)
    body = ask(session, "POST", _at(tenant, taken, "erase"), {"subject": name})
    found = decoded(body)
    if out is not None:
        documents.write(session, tenant, taken, found["document"], out)
    said = _document(found)
    if session.json:
        output.raw(body)
    else:
        output.record(
            {
                "verdict": said["verdict"],
                "subject": said["subject"],
                "request": said["request"],
                "keys destroyed": said["keys"]["destroyed"],
                "searched": f"{len(said['residual']['searched'])} tables for {', '.join(said['residual']['for'])}",
            }
        )
        output.listing(said["places"], ("name", "found", "erased", "left", "method"), empty="There is no place.")
        for each in said["residual"]["found"]:
            output.note(f"LEFT: {each['rows']} rows of {each['table']} still hold it.")
    return OK if said["verdict"] == "erased" else FAILED


@SUBJECT.command(name="export", help_epilogue="")
def export(
    name: _Name,
    /,
    *,
    tenant: Tenant,
    ticket: _Ticket = "",
    reason: _Said = "",
    request: _Which = None,
    out: Annotated[Path, Parameter(help="The archive to write, 0600: the document, its proof, and what checks it.")],
    session: Session = HERE,
) -> None:
    """Write out what is kept of a person, opened, as an archive that they can be handed (GDPR art. 15).

    In production a second person confirms it first (`subject confirm`); ask again then, with --request.

    Args:
        name: whom.
        tenant: whose customer.
        ticket: your reference.
        reason: what was said.
        request: which request.
        out: where to.
        session: how to ask.
    """
    documents.refuse_existing(out)
    taken = request or _taken(session, tenant, "export", name, ticket, reason)
    body = ask(session, "POST", _at(tenant, taken, "export"))
    found = decoded(body)
    documents.archive(session, tenant, taken, found["document"], out)
    if session.json:
        output.raw(body)
    else:
        document = _document(found)
        more: dict[str, int] = document.get("left_out", {})
        places = document["places"].items()
        rows = [{"place": place, "things": len(things), "left out": more.get(place, 0)} for place, things in places]
        output.listing(rows, ("place", "things", "left out"), empty="There is nothing.")
        if more:
            output.note(f"This is no whole copy: {', '.join(more)} have more than one export holds.")


@SUBJECT.command(name="list", help_epilogue="")
def list_requests(
    *,
    tenant: Tenant,
    state: Annotated[
        Literal["requested", "in-work", "done", "refused"] | None, Parameter(help="Of this state only.")
    ] = None,
    session: Session = HERE,
) -> None:
    """List people's requests, the most pressing first: `days left` counts down from thirty (GDPR art. 12).

    Args:
        tenant: whose.
        state: of which state.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "subjects", "requests", standing=state))
    listed(session, body, _COLUMNS, empty="Nobody has asked for anything.")


@SUBJECT.command(name="status", help_epilogue="")
def status(
    which: Annotated[str, Parameter(help="A request's id, or a person as requests named them.")],
    /,
    *,
    tenant: Tenant,
    session: Session = HERE,
) -> None:
    """Show a request with its clock; or of a person, their pseudonym and how much is kept of them.

    Args:
        which: the request, or whom.
        tenant: whose.
        session: how to ask.
    """
    if _is_request(which):
        body = ask(session, "GET", place("tenants", tenant, "subjects", "requests", which))
        output.raw(body) if session.json else output.record(decoded(body))
        return
    body = ask(session, "POST", place("tenants", tenant, "subjects", "look-up"), {"subject": which})
    found = decoded(body)
    if session.json:
        output.raw(body)
    else:
        output.record({"subject": found["subject"]})
        output.listing(found["places"], ("name", "found"), empty="There is no place.")


@SUBJECT.command(name="confirm", help_epilogue="")
def confirm(request: str, /, *, tenant: Tenant, session: Session = HERE) -> None:
    """Confirm somebody else's request, which production demands before anything is done.

    Args:
        request: its id.
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "POST", _at(tenant, request, "confirm"))
    output.raw(body) if session.json else output.record(decoded(body))


@SUBJECT.command(name="refuse", help_epilogue="")
def refuse(request: str, /, *, tenant: Tenant, reason: _Why, session: Session = HERE) -> None:
    """End a request with a no and its reason, which the person is owed (GDPR art. 12).

    Args:
        request: its id.
        tenant: whose.
        reason: why.
        session: how to ask.
    """
    body = ask(session, "POST", _at(tenant, request, "refuse"), {"reason": reason})
    output.raw(body) if session.json else output.record(decoded(body))


@SUBJECT.command(name="certificate", help_epilogue="")
def certificate(
    request: str,
    /,
    *,
    tenant: Tenant,
    out: Annotated[Path | None, Parameter(help="Write it there, and its proof beside it.")] = None,
    session: Session = HERE,
) -> None:
    """Print a certificate, or write it with its proof. That of a tenant that has ended is asked for by the tenant's id.

    Args:
        request: its id.
        tenant: whose.
        out: where to.
        session: how to ask.
    """
    documents.refuse_existing(out)
    body = ask(session, "GET", _at(tenant, request, "certificate"))
    if out is not None:
        documents.write(session, tenant, request, decoded(body)["document"], out)
    elif session.json:
        output.raw(body)
    else:
        print(decoded(body)["document"], end="")


@SUBJECT.command(name="hold", help_epilogue="")
def hold(
    name: Annotated[str | None, Parameter(help="Whom; everybody in the tenant if not given.")] = None,
    /,
    *,
    tenant: Tenant,
    owner: Annotated[str, Parameter(help="Who answers for it.")],
    reason: _Why,
    until: Annotated[
        str | None,
        Parameter(help="RFC 3339: an exception that ends then; without it, a legal hold until it is released."),
    ] = None,
    session: Session = HERE,
) -> None:
    """Keep a person's data, or everybody's in a tenant, from being erased: a legal hold, or an exception that expires.

    Args:
        name: whom.
        tenant: whose.
        owner: who answers for it.
        reason: why.
        until: until when.
        session: how to ask.
    """
    asked: dict[str, object] = {
        "subject": name, "kind": "hold" if until is None else "exception", "owner": owner, "reason": reason, "until": until,
    }  # fmt: skip
    body = ask(session, "POST", place("tenants", tenant, "subjects", "holds"), asked)
    output.raw(body) if session.json else output.record(decoded(body))


@SUBJECT.command(name="holds", help_epilogue="")
def holds(*, tenant: Tenant, session: Session = HERE) -> None:
    """List holds and exceptions, those that hold now first.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "subjects", "holds"))
    listed(session, body, _HOLDS, empty="Nothing is held.")


@SUBJECT.command(name="release", help_epilogue="")
def release(which: str, /, *, tenant: Tenant, reason: _Why, session: Session = HERE) -> None:
    """Release a hold: what was asked for can be erased from now on.

    Args:
        which: its id.
        tenant: whose.
        reason: why.
        session: how to ask.
    """
    path = place("tenants", tenant, "subjects", "holds", which, "release")
    output.raw(ask(session, "POST", path, {"reason": reason}))
    output.note("Released.")


def _taken(session: Session, tenant: str, kind: str, name: str, ticket: str, reason: str) -> str:
    """Take a request, and return its id."""
    asked: dict[str, object] = {"kind": kind, "subject": name, "ticket": ticket, "reason": reason}
    found = decoded(ask(session, "POST", place("tenants", tenant, "subjects", "requests"), asked))
    output.note(f"The request is {found['id']}, due {found['due_at'][:10]}.")
    return str(found["id"])


def _document(found: dict[str, Any]) -> dict[str, Any]:
    return dict(decoded(found["document"].encode()))


def _at(tenant: str, request: str, what: str) -> str:
    return place("tenants", tenant, "subjects", "requests", request, what)


def _is_request(text: str) -> bool:
    from uuid import UUID  # noqa: PLC0415 - only here

    try:
        UUID(text)
    except ValueError:
        return False
    return True
