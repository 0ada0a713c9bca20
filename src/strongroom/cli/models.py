"""`strongroom model …` and `strongroom deployment …`."""

from __future__ import annotations

from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import Failure
from strongroom.cli.options import Environment, Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded

MODEL: Final = App(name="model", group=ONLINE, help_epilogue="", help="Look at the catalogue of model releases.")
DEPLOYMENT: Final = App(
    name="deployment", group=ONLINE, help_epilogue="", help="Say which release a tenant asks by which name."
)
_MODELS: Final = ("name", "version", "kind", "format", "bytes", "digest")
_DEPLOYMENTS: Final = ("environment", "name", "model", "version", "kind", "release", "created_at")


@MODEL.command(name="list")
def list_models(*, session: Session = HERE) -> None:
    """List the releases that may be deployed."""
    body = ask(session, "GET", place("models"))
    if session.json:
        output.raw(body)
    else:
        output.listing(decoded(body)["data"], _MODELS, empty="No release was admitted yet.")


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
    release: Annotated[str, Parameter(help="The release: sha256:…, NAME@VERSION, or NAME where there is one version.")],
    session: Session = HERE,
) -> None:
    """Let a tenant's workloads in one environment ask a release under a name.

    Args:
        name: what its callers will call it.
        tenant: whose.
        environment: where.
        release: which release; it is pinned by its digest.
        session: how to ask.
    """
    digest = release if release.startswith("sha256:") else _digest(get(session, place("models"))["data"], release)
    fields: dict[str, object] = {"name": name, "environment": environment, "release": digest}
    body = ask(session, "POST", place("tenants", tenant, "deployments"), fields)
    if session.json:
        output.raw(body)
    else:
        output.record(decoded(body))


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


def _digest(releases: list[dict[str, Any]], text: str) -> str:
    name, _, version = text.partition("@")
    found = [each for each in releases if each["name"] == name and version in {"", each["version"]}]
    if not found:
        raise Failure(f"No release is called {text}.", "`strongroom model list` shows what there is.")
    if len(found) > 1:
        raise Failure(f"{name} has several versions.", f"Say which, such as {name}@{found[-1]['version']}.")
    return str(found[0]["digest"])
