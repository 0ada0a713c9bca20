"""`strongroom prompt …`: system prompts as releases."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated, Final

import msgspec
from cyclopts import App, Parameter, validators

from strongroom.cli import output
from strongroom.cli.approvers import OwnKey, signed
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import FAILED, OK, usage
from strongroom.cli.options import Environment, Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded

PROMPT: Final = App(
    name="prompt",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom prompt add service-desk.txt --name service-desk --version 1.0.0 \\
      --tenant acme
  strongroom prompt approve service-desk@1.0.0 --tenant acme --env dev \\
      --reason "read it, ticket 4711" --token-file approver.token
  strongroom deployment create desk --tenant acme --env dev \\
      --release smollm2-135m --prompt service-desk@1.0.0
""",
    help="Keep system prompts as releases: versioned, without secrets, approved, pinned by digest in deployments.",
)
_COLUMNS: Final = ("name", "version", "author", "size", "digest", "created_at")
_LIMIT: Final = 64 * 1024
_ADD_EPILOGUE: Final = """
Examples:
  strongroom prompt add service-desk.txt --name service-desk --version 1.0.0 --tenant acme
  strongroom prompt approve service-desk@1.0.0 --tenant acme --env dev \\
      --reason "read it, ticket 4711" --token-file approver.token
  strongroom deployment create desk --tenant acme --env dev --release smollm2 \\
      --prompt service-desk@1.0.0
"""


@PROMPT.command(name="add", help_epilogue=_ADD_EPILOGUE)
def add(
    file: Path,
    /,
    *,
    name: Annotated[str, Parameter(help="What the prompt is called.")],
    version: Annotated[str, Parameter(help="Of that name; a version never changes.")],
    tenant: Tenant,
    session: Session = HERE,
) -> None:
    """Add a version of a system prompt. One that holds a secret is refused; one that nobody approved is deployed nowhere.

    Args:
        file: its text in UTF-8; `-` reads standard input.
        name: what it is called.
        version: of that name.
        tenant: whose.
        session: how to ask.
    """
    fields: dict[str, object] = {"name": name, "version": version, "text": _text(file)}
    body = ask(session, "POST", place("tenants", tenant, "prompts"), fields)
    if session.json:
        output.raw(body)
        return
    made = decoded(body)
    output.record({"prompt": f"{name}@{version}", "digest": made["digest"]})
    then = (
        f"strongroom prompt approve {name}@{version} --tenant {tenant} --env … --reason … --token-file approver.token"
    )
    output.note(f"An approver, who is not you, says yes next: {then}")


@PROMPT.command(name="list", help_epilogue="")
def list_prompts(tenant: Tenant, *, session: Session = HERE) -> None:
    """List a tenant's system prompts, without their texts.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "prompts"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _COLUMNS, empty=f"{tenant} has no system prompt.")


@PROMPT.command(name="show", help_epilogue="")
def show(prompt: str, /, *, tenant: Tenant, session: Session = HERE) -> None:
    """Show a system prompt's text, and why it may or may not be deployed where.

    Args:
        prompt: NAME@VERSION.
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", _place(prompt, tenant))
    if session.json:
        output.raw(body)
        return
    found = decoded(body)
    output.record({"prompt": prompt, "digest": found["digest"], "author": found["author"]})
    for each in found["standing"]:
        print(f"{each['environment']}: it {'may' if each['may_serve'] else 'may NOT'} be deployed.")
        for reason in each["reasons"]:
            print(f"  {'yes' if reason['met'] else 'NO ':<4} {output.text(reason['because'])}")
    print()
    for line in found["text"].splitlines():
        print(f"  {output.text(line) if line else ''}".rstrip())


@PROMPT.command(name="diff", help_epilogue="\nExit codes: 0 the same text, 1 not.\n")
def diff(before: str, after: str, /, *, tenant: Tenant, session: Session = HERE) -> int:
    """Show what differs between two system prompts, line by line.

    Args:
        before: NAME@VERSION.
        after: NAME@VERSION.
        tenant: whose.
        session: how to ask.
    """
    old, new = (get(session, _place(each, tenant))["text"] for each in (before, after))
    lines = list(difflib.unified_diff(old.splitlines(), new.splitlines(), before, after, lineterm=""))
    if session.json:
        output.raw(msgspec.json.encode({"same": old == new, "diff": lines}))
    elif lines:
        for line in lines:
            print(output.text(line))
    else:
        output.note("The texts are the same." if old == new else "The texts differ in how lines end.")
    return OK if old == new else FAILED


@PROMPT.command(
    name="approve",
    help_epilogue="""
Example:
  strongroom prompt approve service-desk@1.0.0 --tenant acme --env prod \\
      --reason "read it, ticket 4711" --token-file approver.token
  strongroom prompt approve service-desk@1.0.0 --tenant 0197f2a0-0000-7000-8000-000000000000 --env prod \\
      --reason "read it, ticket 4711" --key approver.pem --token-file approver.token
""",
)
def approve(
    prompt: str,
    /,
    *,
    tenant: Tenant,
    environment: Environment,
    reason: Annotated[str, Parameter(help="Why, in your words; it is signed with the rest.")],
    days: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=400), help="How long it lasts.")] = 90,
    key: OwnKey = None,
    session: Session = HERE,
) -> None:
    """Approve a system prompt for an environment, as an approver: never its author, and each person counts once.

    Args:
        prompt: NAME@VERSION.
        tenant: whose.
        environment: where it may be deployed.
        reason: why.
        days: how long.
        key: your own private key; with it, the tenant is named by its id.
        session: how to ask; an approver's token.
    """
    fields: dict[str, object] = {"environment": environment, "reason": reason, "days": days}
    if key is not None:
        from strongroom.registry.prompts.model import subject_of  # noqa: PLC0415 - `--help` must not wait for it

        found = get(session, _place(prompt, tenant))
        subject = subject_of(found["digest"], found["name"], found["version"])
        fields["statement"] = signed(
            session, (subject.digest, subject.name, subject.version), {**fields, "tenant": tenant}, key
        )
    body = ask(session, "POST", f"{_place(prompt, tenant)}/approvals", fields)
    if session.json:
        output.raw(body)
        return
    counted = next(each["because"] for each in decoded(body)["reasons"] if each["demand"] == "approval")
    output.note(f"Approved, until {days} days from now. {counted}")


def _place(prompt: str, tenant: str) -> str:
    name, _, version = prompt.partition("@")
    if not name or not version:
        raise usage("A prompt is NAME@VERSION.", "`strongroom prompt list --tenant TENANT` shows what there is.")
    return place("tenants", tenant, "prompts", name, version)


def _text(path: Path) -> str:
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(_LIMIT)
        else:
            with path.open("rb") as file:
                data = file.read(_LIMIT)
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise usage(f"The file {path} cannot be read: {why}.") from None
