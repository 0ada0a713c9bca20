"""`strongroom model …` and `strongroom deployment …`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import Failure, usage
from strongroom.cli.options import Environment, Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import shown

MODEL: Final = App(
    name="model", group=ONLINE, help_epilogue="", help="Bring, sign, approve and look after releases of models."
)
DEPLOYMENT: Final = App(
    name="deployment",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom deployment create assistant --tenant acme --environment dev --release smollm2-135m
  strongroom deployment list --tenant acme
""",
    help="Say which release a tenant asks by which name.",
)
_MODELS: Final = ("name", "version", "kind", "format", "bytes", "owner", "digest")
_TARGET: Final = re.compile(r"([a-z0-9.-]+)=(.+?)((?:,(?:weight|fallback)=[0-9]{1,4})*)")
_DEPLOYMENTS: Final = ("environment", "name", "model", "version", "kind", "release", "targets", "prompt", "created_at")


@MODEL.command(name="list")
def list_models(
    *,
    tenant: Annotated[str | None, Parameter(help="With that tenant's own [default: with your tenant's own].")] = None,
    session: Session = HERE,
) -> None:
    """List the releases: the installation's, and a tenant's own.

    Args:
        tenant: whose own.
        session: how to ask.
    """
    body = ask(session, "GET", place("models", tenant=tenant))
    if session.json:
        output.raw(body)
    else:
        rows = [
            {**each, "owner": "a tenant's own" if each.get("tenant") else "installation"}
            for each in decoded(body)["data"]
        ]
        output.listing(rows, _MODELS, empty="No release was admitted yet.")


@DEPLOYMENT.command(name="list")
def list_deployments(tenant: Tenant, *, session: Session = HERE) -> None:
    """List a tenant's deployments.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "deployments"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _DEPLOYMENTS, empty=f"{tenant} has no deployment.")


@DEPLOYMENT.command(name="create")
def create(
    name: str,
    /,
    *,
    tenant: Tenant,
    environment: Environment,
    release: Annotated[
        str | None, Parameter(help="The release: sha256:…, NAME@VERSION, or NAME where there is one version.")
    ] = None,
    target: Annotated[
        list[str] | None,
        Parameter(negative="", help="PROVIDER=MODEL[,weight=N][,fallback=N] instead of a release; repeat for more."),
    ] = None,
    kind: Annotated[
        Literal["chat", "embedding", "moderation", "infer"] | None, Parameter(help="What targets are asked for.")
    ] = None,
    prompt: Annotated[
        str | None, Parameter(help="The system prompt that goes before every request: NAME@VERSION.")
    ] = None,
    session: Session = HERE,
) -> None:
    """Let a tenant's workloads in one environment ask a release, or providers, under a name.

    Args:
        name: what its callers will call it.
        tenant: whose.
        environment: where.
        release: which release; it is pinned by its digest.
        target: which provider, and what it calls the model. Of those with the lowest fallback (0 if not given) one is
            drawn by weight (1 if not given); the next order is asked where none of them can be.
        kind: chat, embedding, moderation or infer; goes with targets.
        prompt: which of the tenant's system prompts; it is pinned by its digest, and callers neither see nor change it.
        session: how to ask.
    """
    if (release is None) == (not target):
        raise usage(
            "A deployment has a --release or targets.", "Say --release NAME, or --target PROVIDER=MODEL --kind chat."
        )
    fields: dict[str, object] = {"name": name, "environment": environment, "prompt": prompt}
    if release is not None:
        found = release.startswith("sha256:")
        fields["release"] = release if found else _digest(get(session, place("models", tenant=tenant))["data"], release)
    else:
        fields |= {"targets": [_target(text) for text in target or []], "kind": kind or "chat"}
    body = ask(session, "POST", place("tenants", tenant, "deployments"), fields)
    shown(session, body)


@DEPLOYMENT.command(name="delete")
def delete(name: str, /, *, tenant: Tenant, environment: Environment, session: Session = HERE) -> None:
    """Withdraw a deployment: the gateways stop routing to it at once.

    Args:
        name: what it is called.
        tenant: whose.
        environment: where.
        session: how to ask.
    """
    output.raw(ask(session, "DELETE", place("tenants", tenant, "deployments", environment, name)))
    if not session.json:
        output.note(f"The deployment {name} is withdrawn from {environment}.")


def _target(text: str) -> dict[str, object]:
    match = _TARGET.fullmatch(text)
    if match is None:
        raise usage("A target is PROVIDER=MODEL[,weight=N][,fallback=N].", "Such as --target outside=gpt-x,weight=3.")
    numbers = dict(part.split("=") for part in match[3].split(",") if part)
    return {"provider": match[1], "model": match[2], **{name: int(number) for name, number in numbers.items()}}


def _digest(releases: list[dict[str, Any]], text: str) -> str:
    name, _, version = text.partition("@")
    found = [each for each in releases if each["name"] == name and version in {"", each["version"]}]
    if not found:
        raise Failure(f"No release is called {text}.", "`strongroom model list` shows what there is.")
    if len(found) > 1:
        raise Failure(f"{name} has several versions.", f"Say which, such as {name}@{found[-1]['version']}.")
    return str(found[0]["digest"])
