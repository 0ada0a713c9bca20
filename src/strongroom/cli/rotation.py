"""`strongroom key rotate` and `strongroom key open`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.durations import seconds
from strongroom.cli.failures import usage
from strongroom.cli.keys import (
    KEY,
    Agents,
    Countries,
    Deliver,
    Hours,
    Models,
    Networks,
    bindings,
    delivery,
    short,
    shown_once,
)
from strongroom.cli.session import HERE, Session, decoded


@KEY.command(name="rotate", help_epilogue="")
def rotate(
    key_id: str,
    /,
    *,
    overlap: Annotated[
        str | None,
        Parameter(
            help="For how long the old key counts on, such as 30m or 24h; none in dev, at most 24h in test and "
            "72h in prod, and that long if not given."
        ),
    ] = None,
    compromised: Annotated[
        bool, Parameter(negative="", help="The old key is in wrong hands: it ends at once, with what delivers it.")
    ] = False,
    days: Annotated[
        float | None, Parameter(help="How long the new key lives; as long as the old one was to if not given.")
    ] = None,
    deliver: Deliver = None,
    reason: Annotated[str | None, Parameter(help="Why; it stands in the audit log.")] = None,
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    session: Session = HERE,
) -> None:
    """Make a key's successor, for the same workload, and end the old one after an overlap.

    Until then both count, against the same limits, and answers to the old one say `Deprecation` and `Sunset`.

    Args:
        key_id: the old key's public id, 16 characters.
        overlap: for how long the old key counts on.
        compromised: the old key is in wrong hands.
        days: how long the new key lives.
        deliver: hand the new key over by a delivery that opens once.
        reason: why.
        tenant: whose.
        session: how to ask.
    """
    fields: dict[str, object] = {
        "overlap_s": None if overlap is None else seconds(overlap, "--overlap"),
        "compromised": compromised,
        "days": days,
        "deliver_s": delivery(deliver),
        "reason": reason,
    }
    body = ask(session, "POST", place("keys", key_id, "rotate", tenant=tenant), fields)
    if session.json:
        output.raw(body)
        return
    made = decoded(body)
    shown_once(made, short(made["key"]) | {"replaces": key_id})
    old = made["old"]
    if old["status"] == "active":
        output.note(f"The old key {key_id} counts until {output.text(old['retires_at'])}.")
    else:
        output.note(f"The old key {key_id} is {old['status']}: nothing takes it any more.")


@KEY.command(name="bind", help_epilogue="")
def bind(
    key_id: str,
    /,
    *,
    network: Networks = (),
    country: Countries = (),
    agent: Agents = (),
    hours: Hours = (),
    model: Models = (),
    nothing: Annotated[bool, Parameter(negative="", help="Take away what it is bound to.")] = False,
    reason: Annotated[str | None, Parameter(help="Why; it stands in the audit log.")] = None,
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    session: Session = HERE,
) -> None:
    """Say anew where, by what, when and for what a key may be used. It takes the place of what was said before.

    Used otherwise, the key is refused like a dead one, and the tenant's audit log has it with a signal.

    Args:
        key_id: its public id, 16 characters.
        network: where it may be used.
        country: in which countries.
        agent: by which clients.
        hours: when.
        model: for which deployments.
        nothing: bind it to nothing any more.
        reason: why.
        tenant: whose.
        session: how to ask.
    """
    bound = bindings(network, country, agent, hours, model)
    if bool(bound) == nothing:
        raise usage("Say what to bind the key to, or --nothing.")
    body = ask(session, "POST", place("keys", key_id, "bind", tenant=tenant), {"bindings": bound, "reason": reason})
    if session.json:
        output.raw(body)
    else:
        output.record(short(decoded(body)))


@KEY.command(name="open", help_epilogue="")
def open_delivery(*, session: Session = HERE) -> None:
    """Take a key out of its delivery, which is read like a token: from --token-file (`-` is standard input).

    A delivery opens once. When it says that it was opened before and that was not you, have the key revoked.

    Args:
        session: how to ask; its token is the delivery's text.
    """
    body = ask(session, "POST", place("deliveries", "open"))
    if session.json:
        output.raw(body)
    else:
        made = decoded(body)
        shown_once(made, short(made["key"]))


__all__ = ["KEY", "bind", "open_delivery", "rotate"]
