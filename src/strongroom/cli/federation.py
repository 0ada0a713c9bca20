"""`strongroom federation …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import usage
from strongroom.cli.options import Environment, Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed

FEDERATION: Final = App(
    name="federation",
    group=ONLINE,
    help_epilogue="",
    help="Say whose tokens (GitHub Actions, Kubernetes, SPIFFE, any OIDC issuer) are exchanged for a workload's.",
)
_COLUMNS: Final = ("id", "environment", "workload", "kind", "issuer", "subject", "status", "owner")
_LIMIT: Final = 32 * 1024


@FEDERATION.command(
    name="create",
    help_epilogue="""
Examples:
  strongroom federation create --tenant acme --env prod --workload search \\
      --kind github --audience strongroom \\
      --subject repo:acme/search:environment:production \\
      --claim repository_id=1296269 --claim repository_owner_id=583231
  strongroom federation create --tenant acme --env prod --workload search \\
      --kind kubernetes --issuer https://oidc.cluster.example --audience strongroom \\
      --subject system:serviceaccount:search:indexer \\
      --claim /kubernetes.io/serviceaccount/uid=9a8d2c1e-0000-4000-8000-000000000000
  strongroom federation create --tenant acme --env prod --workload search \\
      --kind spiffe --issuer spiffe://prod.example --audience strongroom \\
      --subject spiffe://prod.example/search --keys bundle.json
""",
)
def create(
    *,
    tenant: Tenant,
    environment: Environment,
    workload: Annotated[str, Parameter(help="The workload that a token is given out for.")],
    audience: Annotated[str, Parameter(help="What the token must say that it is for, and for nobody else.")],
    subject: Annotated[str, Parameter(help="Whom it must be about, exactly: there are no wildcards.")],
    kind: Annotated[Literal["oidc", "github", "kubernetes", "spiffe"], Parameter(help="Whose tokens.")] = "oidc",
    issuer: Annotated[str | None, Parameter(help="Who issues them; GitHub's own for --kind github.")] = None,
    claim: Annotated[
        list[str] | None,
        Parameter(negative="", help="NAME=VALUE that must stand there, such as an id that never changes; repeatable."),
    ] = None,
    keys: Annotated[Path | None, Parameter(help="File with the issuer's key set, or a SPIFFE bundle.")] = None,
    keys_url: Annotated[str | None, Parameter(help="Where it is, when it is not where discovery says.")] = None,
    issuer_ca: Annotated[Path | None, Parameter(help="PEM file of the authorities to trust for the issuer.")] = None,
    network: Annotated[
        list[str] | None, Parameter(negative="", help="Where tokens are shown and used from, in CIDR; repeatable.")
    ] = None,
    proof: Annotated[
        Literal["dpop", "mtls"] | None, Parameter(help="Give a token out only bound to a key of the caller's.")
    ] = None,
    minutes: Annotated[
        float | None, Parameter(help="How long a token lives; at most 60 in dev, 30 in test, 15 in prod.")
    ] = None,
    max_age: Annotated[
        float | None,
        Parameter(help="For how many minutes after it was issued the issuer's token is taken; 60 at most."),
    ] = None,
    label: Annotated[str | None, Parameter(help="A word to tell rules apart.")] = None,
    owner: Annotated[str | None, Parameter(help="Who answers for it; the workload's owner if not given.")] = None,
    session: Session = HERE,
) -> None:
    """Take somebody else's tokens for one workload. The rule's id is what the workload names when it exchanges one.

    Args:
        tenant: whose workload it is.
        environment: where the workload lives.
        workload: its name.
        audience: whom the token must be for.
        subject: whom it must be about.
        kind: whose tokens.
        issuer: who issues them.
        claim: what else must stand there.
        keys: the issuer's keys.
        keys_url: where they are.
        issuer_ca: whom to trust for the issuer.
        network: where from.
        proof: how the caller shows that it holds a key.
        minutes: how long a token lives.
        max_age: how old the issuer's may be.
        label: a word to tell rules apart.
        owner: who answers for it.
        session: how to ask.
    """
    if issuer is None and kind != "github":
        raise usage("Say who issues the tokens with --issuer.")
    fields: dict[str, object] = {
        "environment": environment,
        "workload": workload,
        "kind": kind,
        "issuer": issuer or "https://token.actions.githubusercontent.com",
        "audience": audience,
        "subject": subject,
        "claims": _claims(claim or []),
        "keys": None if keys is None else _read(keys),
        "keys_url": keys_url,
        "ca": None if issuer_ca is None else _read(issuer_ca),
        "networks": network or None,
        "proof": proof,
        "token_minutes": minutes,
        "max_age_minutes": max_age,
        "label": label,
        "owner": owner,
    }
    _show(ask(session, "POST", place("tenants", tenant, "federation"), fields), session)


@FEDERATION.command(name="list")
def list_rules(tenant: Tenant, *, session: Session = HERE) -> None:
    """List a tenant's federation rules, ended ones included.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "federation"))
    listed(session, body, _COLUMNS, empty="There is no federation rule.")


@FEDERATION.command(name="show")
def show(rule: str, /, *, tenant: Tenant, session: Session = HERE) -> None:
    """Show one federation rule.

    Args:
        rule: its id.
        tenant: whose.
        session: how to ask.
    """
    _show(ask(session, "GET", place("tenants", tenant, "federation", rule)), session)


@FEDERATION.command(name="delete")
def delete(rule: str, /, *, tenant: Tenant, session: Session = HERE) -> None:
    """End a federation rule at once, with every token that was given out under it.

    Args:
        rule: its id.
        tenant: whose.
        session: how to ask.
    """
    _show(ask(session, "DELETE", place("tenants", tenant, "federation", rule)), session)


def _show(body: bytes, session: Session) -> None:
    if session.json:
        output.raw(body)
    else:
        found: dict[str, Any] = decoded(body)
        output.record({name: value for name, value in found.items() if value not in ([], {})})


def _claims(pairs: list[str]) -> dict[str, str]:
    claims: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or not value or name in claims:
            raise usage(f"--claim {pair}: write NAME=VALUE, each name once.")
        claims[name] = value
    return claims


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(_LIMIT + 1).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise usage(f"The file {path} cannot be read: {why}.") from None
    if len(text) > _LIMIT:
        raise usage(f"{path} is longer than {_LIMIT // 1024} KiB.")
    if "PRIVATE KEY" in text:
        raise usage(f"{path} holds a private key; nothing was sent.")
    return text
