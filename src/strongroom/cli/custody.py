"""`strongroom key impact`, `strongroom key review` and `strongroom endpoint keys`."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.keys import short
from strongroom.cli.options import Environment
from strongroom.cli.rotation import KEY
from strongroom.cli.session import HERE, ONLINE, Session, decoded

ENDPOINT: Final = App(
    name="endpoint",
    group=ONLINE,
    help_epilogue="",
    help="See which keys may ask a deployed model, before one is ended.",
)
_ENDPOINTS: Final = ("name", "model", "requests", "last_used_at", "also_asked_by")
_PLACES: Final = ("address", "agent", "country", "first_hour", "last_hour")
_KEYS: Final = ("id", "environment", "workload", "role", "owner", "expires_at", "requests", "last_used_at")
_FINDINGS: Final = ("key", "environment", "workload", "concern", "detail", "proposal")
_Maybe = Annotated[str | None, Parameter(help="The tenant's name or id; all that you may see if not given.")]


@KEY.command(name="impact", help_epilogue="")
def impact(
    key_id: str,
    /,
    *,
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    session: Session = HERE,
) -> None:
    """Show what ends with a key: what it may ask and did, whether its workload stops, and who goes on.

    Args:
        key_id: its public id, 16 characters.
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("keys", key_id, "impact", tenant=tenant))
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    key = found["key"]
    output.record(short(dict(key)))
    print("\nMay ask:")
    output.listing(found["endpoints"], _ENDPOINTS, empty="  nothing: no endpoint stands in its place")
    print("\nUsed from:")
    output.listing(found["places"], _PLACES, empty=f"  nowhere since {output.text(found['since'])}")
    workload = f"{key['workload']} in {key['environment']}"
    if found["stops"]:
        output.note(f"The workload {workload} stops with this key: it has no other. Nothing else does.")
    else:
        others = ", ".join(found["other_keys"])
        output.note(f"The workload {workload} has other keys: {others}. What holds this one stops; nothing else does.")


@KEY.command(name="review", help_epilogue="")
def review(
    *,
    tenant: _Maybe = None,
    stale_days: Annotated[
        float | None, Parameter(help="A key not used for so many days is stale; else as set for its environment.")
    ] = None,
    session: Session = HERE,
) -> None:
    """List the living keys that somebody should look at, why, and what to do about each.

    Never used, stale, shared between addresses or agents, wider than what they are used for, old and still in use.

    Args:
        tenant: whose; without it, those of every tenant that you may see, each with its `tenant`.
        stale_days: when a key is stale.
        session: how to ask.
    """
    found: list[dict[str, Any]] = []
    reviews: list[dict[str, Any]] = []
    for name in _tenants(session, tenant):
        reviewed = get(session, place("tenants", name, "key-review", stale_days=stale_days))
        reviews.append({"tenant": name, **reviewed})
        found += [{"tenant": name, **each} for each in reviewed["findings"]]
    if session.json:
        output.raw(msgspec.json.encode({"data": reviews}))
        return
    columns = _FINDINGS if tenant is not None else ("tenant", *_FINDINGS)
    looked = sum(each["keys"] for each in reviews)
    output.listing(found, columns, empty=f"Nothing to look at: {looked} living keys are used as they should be.")


@ENDPOINT.command(name="keys")
def keys(
    name: str,
    /,
    *,
    tenant: _Maybe = None,
    environment: Annotated[Environment | None, Parameter(help="In this environment only.")] = None,
    session: Session = HERE,
) -> None:
    """List the living keys that may ask an endpoint, and when each last did.

    Args:
        name: what the deployment is called.
        tenant: whose; without it, those of every tenant that you may see, each with its `tenant`.
        environment: where.
        session: how to ask.
    """
    if tenant is not None:
        body = ask(session, "GET", place("tenants", tenant, "endpoints", name, "keys", environment=environment))
        found: list[dict[str, Any]] = decoded(body)["data"]
        columns: tuple[str, ...] = _KEYS
    else:
        found = [
            {"tenant": each, **key}
            for each in _tenants(session, None)
            if any(one["name"] == name for one in get(session, place("tenants", each, "deployments"))["data"])
            for key in get(session, place("tenants", each, "endpoints", name, "keys", environment=environment))["data"]
        ]
        body = msgspec.json.encode({"data": found})
        columns = ("tenant", *_KEYS)
    if session.json:
        output.raw(body)
    else:
        output.listing(found, columns, empty=f"No living key may ask {name}.")


def _tenants(session: Session, tenant: str | None) -> list[str]:
    return [tenant] if tenant is not None else [each["name"] for each in get(session, place("tenants"))["data"]]


__all__ = ["ENDPOINT", "KEY", "impact", "keys", "review"]
