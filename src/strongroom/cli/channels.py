"""`strongroom channel …`, and `strongroom model promote`, `rollback`, `freeze`, `unfreeze` and `revoke`: what may serve where."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, OK, usage
from strongroom.cli.keys import proven
from strongroom.cli.models import MODEL
from strongroom.cli.proposals import AGAIN, Approved, waits
from strongroom.cli.session import HERE, ONLINE, Session, decoded

CHANNEL: Final = App(
    name="channel",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom channel status
  strongroom channel show prod
  strongroom model promote credit-risk@1.0.0 --to prod \\
      --reason "passed its evaluation"
""",
    help="See which releases may serve in an environment, and which nowhere.",
)
Environment: TypeAlias = Annotated[Literal["dev", "test", "prod"], Parameter(help="The environment.")]
Reason: TypeAlias = Annotated[str, Parameter(help="Why, in your words; it is signed and logged.")]
_Named: TypeAlias = Literal["dev", "test", "prod", "revocations"]
_STATUS: Final = ("channel", "usable", "version", "fresh_until", "promoted", "frozen", "revoked", "trouble")
_PROMOTED: Final = ("name", "version", "current", "by", "at", "reason", "digest")
_HOLDS: Final = ("kind", "of", "by", "at", "reason")
_MOVED: Final = ("tenant", "environment", "name", "moved", "because")
_SIGNER_ALONE: Final = (
    "The key is revoked, and no release rests on it alone. What counts its approval or signature as a publisher's is judged anew: "
    "`strongroom model explain NAME@VERSION` says what is stopped, or told of."
)


@CHANNEL.command(
    name="status",
    help_epilogue="""
Example:
  strongroom channel status

Exit codes: 0 every channel can be used, 1 one cannot.
""",
)
def status(*, session: Session = HERE) -> int:
    """Show how every channel is: whether anything is admitted by it now, and until when it is fresh.

    Args:
        session: how to ask.
    """
    body = ask(session, "GET", place("channels"))
    found: list[dict[str, Any]] = decoded(body)["data"]
    if session.json:
        output.raw(body)
    else:
        output.listing(found, _STATUS, empty="There are no channels.")
    return OK if all(each["usable"] for each in found) else FAILED


@CHANNEL.command(
    name="show",
    help_epilogue="""
Examples:
  strongroom channel show prod
  strongroom channel show revocations

Exit codes: 0 it can be used, 1 it cannot.
""",
)
def show(channel: Annotated[_Named, Parameter(help="Which.")], /, *, session: Session = HERE) -> int:
    """Show what a channel promotes, freezes and revokes, with who said so, when and why.

    Args:
        channel: which.
        session: how to ask.
    """
    body = ask(session, "GET", place("channels", channel))
    found = decoded(body)
    if session.json:
        output.raw(body)
        return OK if found["status"]["usable"] else FAILED
    output.record(found["status"])
    if channel == "revocations":
        output.listing(found["revoked"], _HOLDS, empty="Nothing is revoked.")
    else:
        output.listing(found["promoted"], _PROMOTED, empty="Nothing is promoted.")
        output.listing(found["frozen"], _HOLDS, empty="Nothing is frozen.")
    return OK if found["status"]["usable"] else FAILED


@CHANNEL.command(
    name="recover",
    help_epilogue="""
Example:
  strongroom channel recover prod --reason "the database was brought back from a backup"
""",
)
def recover(
    channel: Annotated[_Named, Parameter(help="Which.")], /, *, reason: Reason, session: Session = HERE
) -> None:
    """Begin a channel anew from what can be believed of it, above every version that was seen.

    What was revoked stays revoked. What was promoted since the database's state is not promoted any more.

    Args:
        channel: which.
        reason: why.
        session: how to ask.
    """
    body = ask(session, "POST", place("channels", channel, "recoveries"), {"reason": reason})
    if session.json:
        output.raw(body)
    else:
        output.record(decoded(body))


@MODEL.command(
    name="promote",
    group=ONLINE,
    help_epilogue="""
Example:
  strongroom model promote credit-risk@1.1.0 --to prod --reason "evaluated and approved, ticket 4711"
""",
)
def promote(
    release: Annotated[str, Parameter(help="NAME@VERSION.")],
    /,
    *,
    to: Environment,
    reason: Reason,
    approved: Approved = None,
    session: Session = HERE,
) -> None:
    """Make a release the one of its name that may be deployed in an environment.

    What is deployed of an older one goes on serving. It must be scanned, signed and approved there. In production prod takes two people.

    Args:
        release: NAME@VERSION.
        to: the environment.
        reason: why.
        approved: by which proposal.
        session: how to ask.
    """
    name, _, version = release.partition("@")
    if not name or not version:
        raise usage("A release is NAME@VERSION.", "`strongroom model list` shows what there is.")
    fields: dict[str, object] = {"name": name, "version": version, "reason": reason, "approved": approved}
    body = ask(session, "POST", place("channels", to, "promotions"), fields)
    if session.json:
        output.raw(body)
    elif "state" in (found := decoded(body)):
        waits(found, AGAIN)
    else:
        output.note(f"{release} may be deployed in {to} now.")


@MODEL.command(
    name="rollback",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom model rollback prod credit-risk --drill --reason "drill of the quarter"
  strongroom model rollback prod credit-risk --to 1.0.0 --reason "scores drift, ticket 4720"

Exit codes: 0 every deployment serves the older release (or would), 1 one does not.
""",
)
def rollback(
    environment: Environment,
    name: Annotated[str, Parameter(help="The release's name.")],
    /,
    *,
    reason: Reason,
    to: Annotated[str | None, Parameter(help="The version [default: what was promoted before].")] = None,
    drill: Annotated[bool, Parameter(negative="", help="Do and measure all of it, and change nothing.")] = False,
    approved: Approved = None,
    session: Session = HERE,
) -> int:
    """Go back to an older release: it is promoted, and every deployment of the newer one serves it.

    It must pass all that is asked of a release today. In production it takes two people, and a drill one.

    Args:
        environment: where.
        name: the release's name.
        reason: why.
        to: the version.
        drill: change nothing.
        approved: by which proposal.
        session: how to ask.
    """
    fields: dict[str, object] = {"name": name, "version": to, "reason": reason, "drill": drill, "approved": approved}
    body = ask(session, "POST", place("channels", environment, "rollbacks"), fields)
    found = decoded(body)
    if session.json:
        output.raw(body)
        return OK if "state" in found or all(each["moved"] for each in found["deployments"]) else FAILED
    if "state" in found:
        waits(found, AGAIN)
        return OK
    output.listing(found["deployments"], _MOVED, empty="Nothing was deployed of it.")
    did = "would go back" if drill else "went back"
    output.note(f"{environment} {did} from {found['left']} to {found['now']}, in {found['milliseconds']} ms.")
    return OK if all(each["moved"] for each in found["deployments"]) else FAILED


_FREEZE_HELP: Final = """
Examples:
  strongroom model freeze prod --reason "end of year"
  strongroom model freeze prod --name credit-risk --reason "under review"
  strongroom model freeze prod --tenant acme --reason "their audit"
"""


@MODEL.command(name="freeze", group=ONLINE, help_epilogue=_FREEZE_HELP)
def freeze(
    environment: Environment,
    /,
    *,
    reason: Reason,
    name: Annotated[str | None, Parameter(help="That release's name alone.")] = None,
    tenant: Annotated[str | None, Parameter(help="That tenant alone, by name or id.")] = None,
    session: Session = HERE,
) -> None:
    """Keep an environment as it is: nothing is promoted, rolled back or deployed there. What serves goes on.

    Args:
        environment: where.
        reason: why.
        name: that name alone.
        tenant: that tenant alone.
        session: how to ask.
    """
    _hold(session, environment, "freezes", {"name": name, "tenant": tenant, "reason": reason}, "Frozen.")


@MODEL.command(
    name="unfreeze",
    group=ONLINE,
    help_epilogue="""
Example:
  strongroom model unfreeze prod --name credit-risk --reason "reviewed"
""",
)
def unfreeze(
    environment: Environment,
    /,
    *,
    reason: Reason,
    name: Annotated[str | None, Parameter(help="That release's name alone.")] = None,
    tenant: Annotated[str | None, Parameter(help="That tenant alone, by name or id.")] = None,
    approved: Approved = None,
    session: Session = HERE,
) -> None:
    """End a freeze. In production, of prod, it takes two people.

    Args:
        environment: where.
        reason: why.
        name: of that name alone.
        tenant: of that tenant alone.
        approved: by which proposal.
        session: how to ask.
    """
    fields: dict[str, object] = {"name": name, "tenant": tenant, "reason": reason, "approved": approved}
    _hold(session, environment, "unfreezes", fields, "Not frozen any more.")


@MODEL.command(
    name="revoke",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom model revoke credit-risk@1.1.0 --reason "its data was poisoned, incident 12"
  strongroom model revoke sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --reason "leaked"
  strongroom model revoke credit-risk@1.1.0 --prove --reason "its data was poisoned"
  strongroom model revoke --signer 5d41402abc4b2a76b9719d911017c592 --reason "the key was stolen"

Exit codes of --prove: 0 nothing serves it any more, 3 that was not seen of every gateway and worker.
""",
)
def revoke(
    release: Annotated[str | None, Parameter(help="NAME@VERSION, or a digest.")] = None,
    /,
    *,
    reason: Reason,
    signer: Annotated[str | None, Parameter(help="The id of a key, in its place: whatever that has signed.")] = None,
    prove: Annotated[
        bool, Parameter(negative="", help="Ask every gateway and worker until the last of them has stopped serving it.")
    ] = False,
    session: Session = HERE,
) -> int:
    """Let a release serve nowhere any more, for good: requests are refused and its workers end within seconds.

    With --prove it ends with 3 when a gateway did not answer, or anything served on: then nothing is proven.

    Args:
        release: NAME@VERSION, or a digest.
        reason: why.
        signer: a key's id, in its place.
        prove: show that it bites, and when it did.
        session: how to ask.
    """
    if (release is None) == (signer is None):
        raise usage("Name a release or a --signer, one of the two.", "`strongroom model list` shows what there is.")
    digest = release
    if release is not None and "@" in release:
        name, _, version = release.partition("@")
        digest = get(session, place("models", name, version))["digest"]
    if prove and signer is not None:
        raise usage("It is one release that is watched.", "Name the release, or leave out --prove.")
    where = place("revocations", "prove") if prove else place("revocations")
    body = ask(session, "POST", where, {"digest": digest, "signer": signer, "reason": reason})
    if session.json:
        output.raw(body)
        return proven(session, decoded(body)["proof"]) if prove else OK
    found = decoded(body)["stopped"] if prove else decoded(body)
    if signer and not found["releases"]:
        output.note(_SIGNER_ALONE)
    else:
        output.listing(found["deployments"], _MOVED[:3], empty="Nothing was deployed of it.")
        output.note(f"Revoked: {output.text(found['releases'])}. What is listed is refused from now on.")
    return proven(session, decoded(body)["proof"]) if prove else OK


def _hold(session: Session, environment: str, what: str, fields: dict[str, object], said: str) -> None:
    body = ask(session, "POST", place("channels", environment, what), fields)
    if session.json:
        output.raw(body)
    elif "state" in (found := decoded(body)):
        waits(found, AGAIN)
    else:
        output.note(said)
