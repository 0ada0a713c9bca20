"""`strongroom incident …`."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import Failure
from strongroom.cli.options import Yes
from strongroom.cli.session import HERE, ONLINE, Session, decoded

INCIDENT: Final = App(
    name="incident",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom incident key-leak 0123456789abcdef --reason "found on a forum"
  strongroom incident list
  strongroom incident close ID --cause "it stood in a notebook" --fix "key scan runs before each commit"
""",
    help="Deal with a leaked key, and keep it in sight until its cause is known.",
)
_COLUMNS: Final = ("id", "kind", "subject", "status", "opened_at", "opened_by", "reason", "root_cause")
_REACHED: Final = ("environment", "name", "model", "data_classes")
_HELD: Final = ("endpoint", "direction", "data", "classification", "findings", "requests", "last_at")
_SETS: Final = ("name", "version", "last_read_at")
_DID: Final = ("endpoint", "operation", "requests", "refused", "first_at", "last_at")
_PLACES: Final = ("address", "agent", "country", "first_hour", "last_hour")
_RELATIVES: Final = ("key", "outcome", "successor", "counts_until", "detail")
_Whose = Annotated[str | None, Parameter(help="The tenant's name or id; all that you may see if not given.")]


@INCIDENT.command(name="key-leak", help_epilogue="")
def key_leak(
    key_id: str,
    /,
    *,
    freeze: Annotated[
        bool, Parameter(negative="", help="End everything that the key's workload gets in by: it stops.")
    ] = False,
    rotate: Annotated[bool, Parameter(help="Give the workload's other keys successors (unless it is frozen).")] = True,
    reason: Annotated[str | None, Parameter(help="How it is known; it stands in the audit log.")] = None,
    tenant: Annotated[str | None, Parameter(help="Whose; needed where the key no longer lives.")] = None,
    yes: Yes = False,
    session: Session = HERE,
) -> None:
    """Deal with a leaked key: end it, rotate its relatives, say what it could reach and did, and open an incident.

    Relatives are the other keys of its workload; each gets a successor, handed over by a delivery that opens once, and counts
    for an hour at most beside it (in dev not at all). The incident stays open until it is closed with a cause.

    Args:
        key_id: its public id, 16 characters.
        freeze: stop its workload.
        rotate: rotate its relatives.
        reason: how it is known.
        tenant: whose.
        yes: do not ask.
        session: how to ask.
    """
    if not yes and sys.stdin.isatty() and input(f"End {key_id} and deal with its relatives? [y/N] ") not in {"y", "Y"}:
        raise Failure("Not confirmed; nothing was changed.")
    fields: dict[str, object] = {"freeze": freeze, "rotate": rotate, "reason": reason}
    body = ask(session, "POST", place("keys", key_id, "leak", tenant=tenant), fields)
    if session.json:
        output.raw(body)
        return
    dealt = decoded(body)
    _show(dealt["incident"])
    for old, delivery in dealt["deliveries"].items():
        print(f"\nsuccessor of {old}: {delivery['token']}")
    if dealt["deliveries"]:
        output.note("Give each delivery to who holds the old key; it opens once: `strongroom key open --token-file -`.")
    output.note(f"Find the cause, and close it: strongroom incident close {dealt['incident']['id']} --cause …")


@INCIDENT.command(name="list", help_epilogue="")
def list_incidents(
    *,
    tenant: _Whose = None,
    closed: Annotated[bool, Parameter(name="--all", negative="", help="Closed ones too.")] = False,
    session: Session = HERE,
) -> None:
    """List open incidents: those whose cause nobody has said yet.

    Args:
        tenant: whose.
        closed: list closed ones too.
        session: how to ask.
    """
    found = _all(session, tenant, closed=closed)
    if session.json:
        output.raw(msgspec.json.encode({"data": found}))
    else:
        output.listing(
            found, ("tenant", *_COLUMNS), empty="No incident is open." if not closed else "There is no incident."
        )


@INCIDENT.command(name="show", help_epilogue="")
def show(incident: str, /, *, tenant: _Whose = None, session: Session = HERE) -> None:
    """Show an incident: what the key could reach and did, what was abnormal, what became of its relatives.

    Args:
        incident: its id.
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", _whose(session, tenant, incident), "incidents", incident))
    if session.json:
        output.raw(body)
    else:
        _show(decoded(body))


@INCIDENT.command(name="close", help_epilogue="")
def close(
    incident: str,
    /,
    *,
    cause: Annotated[str, Parameter(help="What caused it.")],
    fix: Annotated[str | None, Parameter(help="What was done so that it does not come again.")] = None,
    tenant: _Whose = None,
    session: Session = HERE,
) -> None:
    """Close an incident by its cause.

    Args:
        incident: its id.
        cause: what caused it.
        fix: what was done about that.
        tenant: whose.
        session: how to ask.
    """
    path = place("tenants", _whose(session, tenant, incident), "incidents", incident, "close")
    body = ask(session, "POST", path, {"cause": cause, "fix": fix})
    if session.json:
        output.raw(body)
    else:
        output.record({name: value for name, value in decoded(body).items() if name != "report"})


def _all(session: Session, tenant: str | None, *, closed: bool) -> list[dict[str, Any]]:
    names = [tenant] if tenant is not None else [each["name"] for each in get(session, place("tenants"))["data"]]
    query = "true" if closed else None
    return [
        {"tenant": name, **{field: value for field, value in each.items() if field != "report"}}
        for name in names
        for each in get(session, place("tenants", name, "incidents", closed=query))["data"]
    ]


def _whose(session: Session, tenant: str | None, incident: str) -> str:
    """Return the tenant of an incident: the one that was named, or the one in whose list it stands."""
    if tenant is not None:
        return tenant
    for each in _all(session, None, closed=True):
        if each["id"] == incident:
            return str(each["tenant"])
    raise Failure("There is no such incident that you may see.", "`strongroom incident list --all` lists them.")


def _show(incident: dict[str, Any]) -> None:
    report = incident.pop("report")
    output.record(incident)
    if report is None:
        return
    output.record(
        {"workload": f"{report['key']['workload']} in {report['key']['environment']}", "frozen": report["frozen"]}
    )
    reached = [{**each, "data_classes": ", ".join(each["data_classes"])} for each in report["could_reach"]]
    for title, rows, columns in (
        ("Could reach", reached, _REACHED),
        ("Did", report["did_touch"], _DID),
        ("Data in what it asked and was answered", report["data_touched"], _HELD),
        ("Data sets that its workload may read", report["data_sets"], _SETS),
        ("Used from", report["places"], _PLACES),
        ("Relatives", report["relatives"], _RELATIVES),
    ):
        print(f"\n{title}:")
        output.listing(rows, columns, empty="  nothing")
    print("\nLook at first:")
    for each in report["abnormal"] or ["nothing abnormal was found"]:
        print(f"  {output.text(each)}")
