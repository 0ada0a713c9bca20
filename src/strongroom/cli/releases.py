"""`strongroom model show`, `explain`, `approve` and `diff`: a release's files, and why it may serve where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from cyclopts import Parameter, validators

from strongroom.cli import output
from strongroom.cli.approvers import signed
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, OK
from strongroom.cli.models import MODEL
from strongroom.cli.options import Environment
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.shelf import Whose, named

_FILES: Final = ("path", "size", "sha256")
_APPROVE_EPILOGUE: Final = """
Example:
  strongroom model approve credit-risk@1.0.0 --env prod --reason "evaluated, ticket 4711" \\
      --token-file approver.token
  strongroom model approve credit-risk@1.0.0 --env prod --reason "evaluated, ticket 4711" \\
      --key approver.pem --token-file approver.token
"""


@MODEL.command(name="show", group=ONLINE, help_epilogue="")
def show(release: str, /, *, tenant: Whose = None, session: Session = HERE) -> None:
    """Show a release's files and where it may serve.

    Args:
        release: NAME@VERSION.
        tenant: whose own it is.
        session: how to ask.
    """
    body = ask(session, "GET", place("models", *named(release), tenant=tenant))
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    serves = [each["environment"] for each in found["standing"] if each["may_serve"]]
    output.record({"release": release, "digest": found["digest"], "may serve in": serves or "nowhere"})
    output.listing(found["files"], _FILES, empty="Its manifest is missing.")


@MODEL.command(
    name="explain",
    group=ONLINE,
    help_epilogue="""
Exit codes: 0 it may serve in every environment that was asked about, 1 it may not.
""",
)
def explain(
    release: str,
    /,
    *,
    environment: Annotated[
        Environment | None, Parameter(alias="--env", help="That environment alone [default: all three].")
    ] = None,
    tenant: Whose = None,
    session: Session = HERE,
) -> int:
    """Say in plain words why a release may or may not serve, and where.

    Args:
        release: NAME@VERSION.
        environment: that environment alone.
        tenant: whose own it is.
        session: how to ask.
    """
    found = get(session, place("models", *named(release), tenant=tenant))
    standing = [each for each in found["standing"] if environment in {None, each["environment"]}]
    serving = [each for each in found.get("serving", []) if environment in {None, each["environment"]}]
    if session.json:
        output.raw(msgspec.json.encode({"digest": found["digest"], "standing": standing, "serving": serving}))
    else:
        for each in standing:
            print(f"{each['environment']}: {release} {'may serve' if each['may_serve'] else 'may NOT serve'}.")
            for reason in each["reasons"]:
                print(f"  {'yes' if reason['met'] else 'NO ':<4} {output.text(reason['because'])}")
        for line in deployments_said(standing, serving, tenant):
            print(line)
        if any(each["demand"] == "evaluation" and not each["met"] for one in standing for each in one["reasons"]):
            output.note(
                f"Evaluate it where it is deployed: strongroom model evaluate {release} --suite NAME --tenant … --env …"
            )
    return OK if all(each["may_serve"] for each in standing) else FAILED


def deployments_said(
    standing: Sequence[Mapping[str, Any]], serving: Sequence[Mapping[str, Any]], tenant: str | None
) -> list[str]:
    """Return what is said of deployments that lack something; and that it is older, where by now nothing is lacking."""
    said = [
        f"{each['environment']}: deployment {each['deployment']} of tenant {tenant or each['tenant']}: {output.text(each['said'])}"
        for each in serving
    ]
    met = {each["environment"] for each in standing if each["may_serve"]}
    if any(each["environment"] in met for each in serving):
        said.append("What is said of deployments was so at the last look; each is looked at again within five minutes.")
    return said


@MODEL.command(name="approve", group=ONLINE, help_epilogue=_APPROVE_EPILOGUE)
def approve(
    release: str,
    /,
    *,
    environment: Environment,
    reason: Annotated[str, Parameter(help="Why, in your words; it is signed with the rest.")],
    tenant: Annotated[
        str | None,
        Parameter(help="For that tenant alone; of its own releases, where it has this one [default: for all]."),
    ] = None,
    days: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=400), help="How long it lasts.")] = 90,
    key: Annotated[
        Path | None,
        Parameter(help="File with your own private key, which signs here [default: the installation signs]."),
    ] = None,
    session: Session = HERE,
) -> None:
    """Approve a release for an environment, as an approver: never its author, and each person counts once.

    Args:
        release: NAME@VERSION.
        environment: where it may be deployed.
        reason: why.
        tenant: for that tenant alone.
        days: how long.
        key: your own private key; with it, a tenant is named by its id.
        session: how to ask; an approver's token.
    """
    name, version = named(release)
    fields: dict[str, object] = {"environment": environment, "reason": reason, "tenant": tenant, "days": days}
    if key is not None:
        digest = get(session, place("models", name, version, tenant=tenant))["digest"]
        fields["statement"] = signed(session, (digest, name, version), fields, key)
    body = ask(session, "POST", place("models", name, version, "approvals"), fields)
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    counted = next(each["because"] for each in found["reasons"] if each["demand"] == "approval")
    output.note(f"Approved, until {days} days from now. {counted}")


@MODEL.command(name="diff", group=ONLINE, help_epilogue="\nExit codes: 0 the same files, 1 not.\n")
def diff(before: str, after: str, /, *, tenant: Whose = None, session: Session = HERE) -> int:
    """Show which files differ between two releases.

    Args:
        before: NAME@VERSION.
        after: NAME@VERSION.
        tenant: whose own they are.
        session: how to ask.
    """
    old, new = (_files(session, each, tenant) for each in (before, after))
    rows = [
        {"path": path, "change": "added" if path not in old else "removed" if path not in new else "changed"}
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]
    if session.json:
        output.raw(msgspec.json.encode({"data": rows}))
    else:
        output.listing(rows, ("change", "path"), empty="The files are the same.")
    return FAILED if rows else OK


def _files(session: Session, release: str, tenant: str | None) -> dict[str, Any]:
    files: list[dict[str, Any]] = get(session, place("models", *named(release), tenant=tenant))["files"]
    return {each["path"]: each["sha256"] for each in files}
