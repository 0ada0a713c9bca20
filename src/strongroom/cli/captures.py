"""`strongroom capture …`: raw requests of one model of one tenant, for minutes, by the word of two others."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.durations import seconds
from strongroom.cli.failures import Failure, usage
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import Digest, shown

CAPTURE: Final = App(
    name="capture",
    group=ONLINE,
    help="Capture raw requests of one model of one tenant, for minutes, by the word of two others; read them under an elevation.",
    help_epilogue="""
Examples:
  strongroom capture request --tenant acme --env prod --model search-chat \\
      --sample 5% --for 30m --ticket SUP-1234 --reason "answers break off"
  strongroom capture approve 0198c0… --reason "the customer asked for it"
  strongroom capture list --tenant acme
  strongroom elevation request --tenant acme --action capture.read \\
      --ticket SUP-1234 --reason "read what was captured"
  strongroom capture read 0198c0… --tenant acme
""",
)
_ASKED: Final = (
    "id",
    "phase",
    "tenant",
    "environment",
    "model",
    "share",
    "minutes",
    "ticket",
    "requester",
    "approvals",
)
_SESSIONS: Final = (
    "id",
    "phase",
    "environment",
    "model",
    "began_at",
    "ends_at",
    "ticket",
    "requester",
    "entries",
    "octets",
)
_VOTES: Final = ("votes",)
_SIZE: Final = re.compile(r"([0-9]{1,9})([KM]?)(?:iB)?")
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20}


@CAPTURE.command(name="request", help_epilogue="")
def request(
    *,
    tenant: Tenant,
    env: Annotated[Literal["dev", "test", "prod"], Parameter(help="In which environment.")],
    model: Annotated[str, Parameter(help="The deployment whose requests are captured.")],
    ticket: Annotated[str, Parameter(help="What it is for.")],
    reason: Annotated[str, Parameter(help="Why; the tenant's administrators read it.")],
    workload: Annotated[str, Parameter(help="Only requests of this workload.")] = "",
    sample: Annotated[str, Parameter(help="How many of the requests: 0.01% to 100%.")] = "1%",
    lasts: Annotated[str, Parameter(name="--for", help="How long it lasts once approved: at most 60m.")] = "30m",
    max_bytes: Annotated[str, Parameter(help="How much it keeps, sealed: at most 64M.")] = "8M",
    session: Session = HERE,
) -> None:
    """Ask for a capture session. Two approvers decide; with the second approval it begins, and it ends by itself.

    Args:
        tenant: whose requests.
        env: where.
        model: of which deployment.
        ticket: what it is for.
        reason: why.
        workload: whose requests.
        sample: how many.
        lasts: how long.
        max_bytes: how much.
        session: how to ask.
    """
    shown(
        session,
        ask(
            session,
            "POST",
            place("captures"),
            {
                "tenant": tenant, "environment": env, "model": model, "workload": workload, "share": _share(sample),
                "minutes": max(1, round(seconds(lasts, "--for") / 60)), "octets": _octets(max_bytes), "ticket": ticket,
                "reason": reason,
            },
        ),
        without=_VOTES,
    )  # fmt: skip


@CAPTURE.command(name="approve", help_epilogue="")
def approve(
    capture: str,
    /,
    *,
    reason: Annotated[str, Parameter(help="Why.")],
    deny: Annotated[bool, Parameter(negative="", help="Say no; one no is enough.")] = False,
    digest: Digest = None,
    session: Session = HERE,
) -> None:
    """Approve somebody else's request, or deny it. What is approved is shown, and bound to its digest.

    Args:
        capture: its id.
        reason: why.
        deny: say no.
        digest: of what was read.
        session: how to ask.
    """
    if digest is None:
        found = next((each for each in get(session, place("captures"))["data"] if each["id"] == capture), None)
        if found is None:
            raise Failure("There is no such request.", "See `strongroom capture list`.")
        digest = str(found["digest"])
        if not session.json:
            output.note(
                f"{found['share'] / 100:g}% of {found['model']} ({found['environment']}) of tenant {found['tenant']} for "
                f"{found['minutes']} minutes, {found['ticket']}: {found['reason']} ({digest})"
            )
    verdict = "deny" if deny else "approve"
    shown(
        session,
        ask(session, "POST", place("captures", capture, verdict), {"digest": digest, "reason": reason}),
        without=_VOTES,
    )


@CAPTURE.command(name="list", help_epilogue="")
def list_captures(
    *,
    tenant: Annotated[
        str | None, Parameter(help="The sessions of this tenant [default: requests for sessions, of all].")
    ] = None,
    session: Session = HERE,
) -> None:
    """List a tenant's capture sessions, or the requests for sessions that wait for approval or had it.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("captures") if tenant is None else place("tenants", tenant, "captures"))
    if session.json:
        output.raw(body)
    else:
        columns = _ASKED if tenant is None else _SESSIONS
        output.listing(decoded(body)["data"], columns, empty="There is none.")


@CAPTURE.command(name="stop", help_epilogue="")
def stop(
    capture: str, /, *, tenant: Tenant, reason: Annotated[str, Parameter(help="Why.")], session: Session = HERE
) -> None:
    """Stop a session at once. What was captured stays for its days.

    Args:
        capture: its id.
        tenant: whose.
        reason: why.
        session: how to ask.
    """
    output.raw(ask(session, "POST", place("tenants", tenant, "captures", capture, "stop"), {"reason": reason}))
    output.note("Stopped.")


@CAPTURE.command(name="read", help_epilogue="")
def read(
    capture: str,
    /,
    *,
    tenant: Tenant,
    entry: Annotated[str | None, Parameter(help="This captured request only.")] = None,
    listed: Annotated[
        bool, Parameter(name="--list", negative="", help="Only what there is, not what it says.")
    ] = False,
    session: Session = HERE,
) -> None:
    """Read what was captured, with the token of an elevation that covers `capture.read`. Each entry read is logged.

    Args:
        capture: the session's id.
        tenant: whose.
        entry: which.
        listed: list only.
        session: how to ask.
    """
    where = ("tenants", tenant, "captures", capture, "entries")
    there: list[dict[str, Any]] = get(session, place(*where))["data"] if entry is None else [{"id": entry}]
    if listed:
        if session.json:
            output.raw(msgspec.json.encode({"data": there}))
        else:
            output.listing(there, ("id", "at", "request_id", "octets"), empty="Nothing was captured.")
        return
    for each in there:
        body = ask(session, "GET", place(*where, str(each["id"])))
        if session.json:
            output.raw(body)
        else:
            output.record(decoded(body))


def _share(text: str) -> int:
    """Return a share of 10,000."""
    try:
        share = round(float(text.removesuffix("%")) * 100)
    except ValueError:
        share = 0
    if not text.endswith("%") or not 1 <= share <= 10_000:  # noqa: PLR2004 - the whole, in hundredths of a per cent
        raise usage("--sample takes a share of requests, 0.01% to 100%.", "Write it like 5%.")
    return share


def _octets(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise usage("--max-bytes takes a size.", "Write it like 512K or 8M.")
    return int(match[1]) * _UNITS[match[2]]
