"""`strongroom key …`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.durations import seconds
from strongroom.cli.failures import OK, UNDETERMINED, Failure, usage
from strongroom.cli.options import Environment, Tenant, Yes
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.signers import public_text

KEY: Final = App(
    name="key",
    group=ONLINE,
    help="Issue, look at and revoke keys.",
    help_epilogue="""
Examples:
  strongroom key create --tenant initech --env dev --workload search --days 1
  strongroom key create --tenant initech --env prod --workload search --honeytoken
  strongroom key impact 0123456789abcdef
  strongroom key rotate 0123456789abcdef --overlap 24h
  strongroom key revoke 0123456789abcdef --prove --reason "found in a public place"
  strongroom key review --tenant initech
  git diff --cached | strongroom key scan -
""",
)
Networks: TypeAlias = Annotated[
    tuple[str, ...], Parameter(name="--network", negative="", help="Bind it to a network (CIDR); may be repeated.")
]
Countries: TypeAlias = Annotated[
    tuple[str, ...],
    Parameter(name="--country", negative="", help="Bind it to a country (ISO 3166, such as DE); needs a geo source."),
]
Agents: TypeAlias = Annotated[
    tuple[str, ...], Parameter(name="--agent", negative="", help="Bind it to a client by its name, without a version.")
]
Hours: TypeAlias = Annotated[
    tuple[str, ...],
    Parameter(name="--hours", negative="", help="Bind it to hours in UTC, such as 'mon-fri 08:00-18:00'."),
]
Models: TypeAlias = Annotated[
    tuple[str, ...], Parameter(name="--model", negative="", help="Let it ask this deployment only; may be repeated.")
]
Deliver: TypeAlias = Annotated[
    str | None,
    Parameter(help="Hand it over by a delivery that opens once, within so long (60s to 24h), instead of showing it."),
]
_COLUMNS: Final = ("id", "environment", "workload", "role", "status", "expires_at", "label", "owner")


@KEY.command(name="create", help_epilogue="")
def create(
    *,
    tenant: Tenant,
    environment: Environment,
    workload: Annotated[str, Parameter(help="The workload that will hold it.")],
    days: Annotated[
        float | None, Parameter(help="How long it lives; the longest allowed in the environment if not given.")
    ] = None,
    label: Annotated[str | None, Parameter(help="A word to tell keys apart.")] = None,
    owner: Annotated[str | None, Parameter(help="Who answers for it; the workload's owner if not given.")] = None,
    purpose: Annotated[str | None, Parameter(help="What it is for; what its workload is for if not given.")] = None,
    bind: Annotated[
        Path | None,
        Parameter(
            help="File with its holder's public key (DPoP) or certificate (mTLS): without proof of it the key is worth nothing."
        ),
    ] = None,
    bind_signer: Annotated[
        str | None,
        Parameter(help="Id of a signer of the workload: each request must be signed by it (RFC 9421), body and all."),
    ] = None,
    deliver: Deliver = None,
    network: Networks = (),
    country: Countries = (),
    agent: Agents = (),
    hours: Hours = (),
    model: Models = (),
    honeytoken: Annotated[
        bool,
        Parameter(negative="", help="Make it one that opens nothing anywhere: lay it out, and hear of who uses it."),
    ] = False,
    session: Session = HERE,
) -> None:
    """Issue a key to a workload. Its secret is shown once, here, and is kept nowhere.

    With --deliver it is not shown at all: what is shown can be opened once, by who will hold the key.

    Args:
        tenant: whose workload it is.
        environment: where the workload lives.
        workload: its name.
        days: how long the key lives.
        label: a word to tell keys apart.
        owner: who answers for it.
        purpose: what it is for.
        bind: what it is bound to.
        bind_signer: which signer it is bound to instead.
        deliver: hand it over by a delivery that opens once.
        network: where it may be used.
        country: in which countries.
        agent: by which clients.
        hours: when.
        model: for which deployments.
        honeytoken: it is laid out to be found.
        session: how to ask.
    """
    fields: dict[str, object] = {
        "environment": environment,
        "workload": workload,
        "days": days,
        "label": label,
        "owner": owner,
        "purpose": purpose,
        "deliver_s": delivery(deliver),
        "bound_to": _held(bind, bind_signer),
        "bindings": bindings(network, country, agent, hours, model) or None,
        "honeytoken": honeytoken or None,
    }
    body = ask(session, "POST", place("tenants", tenant, "keys"), fields)
    if session.json:
        output.raw(body)
        return
    made = decoded(body)
    shown_once(made, short(made["key"]))


def _held(bind: Path | None, signer: str | None) -> str | None:
    if bind is not None and signer is not None:
        raise usage("A key is bound to one thing: give --bind or --bind-signer.")
    return f"signer:{signer}" if signer is not None else None if bind is None else public_text(bind)


@KEY.command(name="list", help_epilogue="")
def list_keys(
    *,
    tenant: Annotated[str | None, Parameter(help="The tenant's name or id; all that you may see if not given.")] = None,
    session: Session = HERE,
) -> None:
    """List keys without their secrets, dead ones included.

    Args:
        tenant: whose; without it, those of every tenant that you may see, each with its `tenant`.
        session: how to ask.
    """
    if tenant is not None:
        body = ask(session, "GET", place("tenants", tenant, "keys"))
        found: list[dict[str, Any]] = decoded(body)["data"]
        columns: tuple[str, ...] = _COLUMNS
    else:
        found = [
            {"tenant": each["name"], **key}
            for each in get(session, place("tenants"))["data"]
            for key in get(session, place("tenants", each["id"], "keys"))["data"]
        ]
        body = msgspec.json.encode({"data": found})
        columns = ("tenant", *_COLUMNS)
    if session.json:
        output.raw(body)
    else:
        output.listing(found, columns, empty="There is no key.")


@KEY.command(name="show", help_epilogue="")
def show(
    key_id: str,
    /,
    *,
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    session: Session = HERE,
) -> None:
    """Show what may be known of one key.

    Args:
        key_id: its public id, 16 characters.
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("keys", key_id, tenant=tenant))
    if session.json:
        output.raw(body)
    else:
        output.record(short(decoded(body)))


@KEY.command(name="revoke", help_epilogue="")
def revoke(
    key_id: str,
    /,
    *,
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    reason: Annotated[str | None, Parameter(help="Why; it stands in the audit log.")] = None,
    prove: Annotated[
        bool, Parameter(negative="", help="Ask every process before and after, and say until when one took the key.")
    ] = False,
    yes: Yes = False,
    session: Session = HERE,
) -> int:
    """End a key, or an account's token, at once, on every gateway process.

    With --prove it ends with 3 when a process did not answer or did not stop in time: then nothing is proven.

    At a terminal it asks first. In a script it does not: this is what one reaches for when a key has leaked.

    Args:
        key_id: its public id, 16 characters.
        tenant: whose.
        reason: why.
        prove: show that it bites.
        yes: do not ask.
        session: how to ask.
    """
    if (
        not yes
        and sys.stdin.isatty()
        and input(f"Revoke {key_id}? What uses it stops at once. [y/N] ") not in {"y", "Y"}
    ):
        raise Failure("Not confirmed; nothing was changed.")
    parts = ("keys", key_id, "revoke", "prove") if prove else ("keys", key_id, "revoke")
    body = ask(session, "POST", place(*parts, tenant=tenant), {"reason": reason})
    if session.json:
        output.raw(body)
    else:
        answer = decoded(body)
        output.record(short((answer["key"] or answer["token"]) if prove else answer))
    return proven(session, decoded(body)["proof"]) if prove else OK


def proven(session: Session, proof: dict[str, Any]) -> int:
    """Show what every process made of a revocation, and return the exit code that says whether it is proven."""
    if not session.json:
        output.listing(proof["processes"], ("name", "state", "accepted_ms", "asked"), empty="No process was asked.")
        output.note(last_taken(proof))
        output.note(
            "Every process refuses it." if proof["proven"] else "NOT PROVEN: not every process was seen to refuse it."
        )
    return OK if proof["proven"] else UNDETERMINED


def last_taken(proof: dict[str, Any]) -> str:
    """Say when the key was taken for the last time, before its revocation was committed or after."""
    after = proof["accepted_ms"]
    if after is None:
        return "No process would have taken it when first asked."
    when = output.text(proof["accepted_until"])
    if after <= 0:
        return f"Never taken after it was revoked; for the last time {-after:.1f} ms before, {when}."
    return f"Taken for the last time {after:.1f} ms after it was revoked, {when}."


def shown_once(made: dict[str, Any], fields: dict[str, Any]) -> None:
    """Show a new key with its secret, or with the delivery that carries it."""
    carried = made.get("delivery")
    if carried is None:
        output.record(fields | {"secret": made["secret"]})
        output.note("The secret is shown this once. Keep it where only the workload can read it.")
        return
    output.record(fields | {"delivery": carried["token"], "delivery ends at": carried["expires_at"]})
    output.note("Give the delivery to who will hold the key. It opens once: `strongroom key open --token-file -`.")


def bindings(
    networks: tuple[str, ...],
    countries: tuple[str, ...],
    agents: tuple[str, ...],
    hours: tuple[str, ...],
    models: tuple[str, ...],
) -> dict[str, list[str]]:
    """Return what a key is bound to, as the API takes it."""
    given = {"networks": networks, "countries": countries, "agents": agents, "hours": hours, "models": models}
    return {name: list(values) for name, values in given.items() if values}


def delivery(text: str | None) -> float | None:
    """Return for how long a delivery can be opened, in seconds; None: there is to be none."""
    return None if text is None else seconds(text, "--deliver")


def short(key: dict[str, Any]) -> dict[str, Any]:
    """Return a key's fields with its exception in a line."""
    held = key.pop("bindings", None)
    if held:
        parts = [f"{name} {', '.join(values)}" for name, values in held.items() if values]
        key = key | {"bound to": "; ".join(parts)}
    exception = key.pop("exception", None)
    if exception is None:
        return key
    said = f"{exception['reason']} (from {', '.join(exception['networks'])}; until {exception['expires_at']})"
    return key | {"exception": said}
