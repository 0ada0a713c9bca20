"""`strongroom lineage …` and `strongroom which-serves`: what was made from what, and what a data set has reached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import Failure, usage
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import shown

LINEAGE: Final = App(
    name="lineage",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom lineage churn@3 --tenant acme
  strongroom lineage churn@3 --tenant acme --at 2026-11-27T12:00:00Z --svg churn.svg
  strongroom lineage link --dataset loans@2 --release churn@3 --tenant acme --reason "trained it on our cluster"
  strongroom lineage export --tenant acme > events.jsonl
  strongroom lineage import events.jsonl --tenant acme --env dev
""",
    help="Ask what a release or data set was made from, who touched it, and what it served when.",
)
_SERVED: Final = ("deployment", "release", "since", "until", "known", "by_way_of")
_Whose = Annotated[
    str | None, Parameter(help="The tenant's name or id [default: your own; an operator's: every tenant].")
]


@LINEAGE.default
def show(
    of: Annotated[str, Parameter(help="NAME@VERSION, a digest, or of a training file its id.")],
    /,
    *,
    tenant: _Whose = None,
    kind: Annotated[Literal["release", "dataset", "file"], Parameter(help="What it is.")] = "release",
    at: Annotated[str | None, Parameter(help="As it was known at a time, as 2026-11-27T12:00:00Z.")] = None,
    svg: Annotated[Path | None, Parameter(help="Draw it into this file; it must not exist.")] = None,
    session: Session = HERE,
) -> None:
    """Show what a release or data set was made from, who touched it, and what it served and when.

    Args:
        of: which.
        tenant: whose.
        kind: what it is.
        at: as it was known then.
        svg: draw it.
        session: how to ask.
    """
    if svg is not None and svg.exists():
        raise Failure(f"{svg} is there already.", "Choose another name: nothing is overwritten.")
    whose, body = _first(session, tenant, lambda each: place("tenants", each, "lineage", of=of, kind=kind, at=at))
    if svg is not None:
        svg.write_bytes(ask(session, "GET", place("tenants", whose, "lineage", "picture", of=of, kind=kind, at=at)))
        output.note(f"Drawn into {svg}.")
    if session.json:
        output.raw(body)
        return
    _told(decoded(body))


@LINEAGE.command(name="link", help_epilogue="")
def link(
    *,
    dataset: Annotated[str, Parameter(help="NAME@VERSION of a data set that is admitted.")],
    release: Annotated[str, Parameter(help="NAME@VERSION of the release that was trained on it.")],
    tenant: Tenant,
    reason: Annotated[str, Parameter(help="Why you say so.")],
    session: Session = HERE,
) -> None:
    """Say that a release was trained on a data set. It is kept as your claim, not as what was seen.

    Args:
        dataset: which went in.
        release: which came out.
        tenant: whose.
        reason: why.
        session: how to ask.
    """
    fields: dict[str, object] = {"dataset": dataset, "release": release, "reason": reason}
    body = ask(session, "POST", place("tenants", tenant, "lineage", "links"), fields)
    if session.json:
        output.raw(body)
    else:
        _told(decoded(body))


@LINEAGE.command(name="export", help_epilogue="")
def export(*, tenant: Tenant, session: Session = HERE) -> None:
    """Print a tenant's lineage as OpenLineage run events, one a line, the oldest first.

    Args:
        tenant: whose.
        session: how to ask.
    """
    for each in get(session, place("tenants", tenant, "lineage", "events"))["data"]:
        print(msgspec.json.encode(each).decode())


@LINEAGE.command(name="import", help_epilogue="")
def take(
    file: Path,
    /,
    *,
    tenant: Tenant,
    env: Annotated[Literal["dev", "test", "prod"], Parameter(help="The environment that they are of.")] = "dev",
    session: Session = HERE,
) -> None:
    """Take OpenLineage run events, one a line or in a list, as your claims.

    Args:
        file: the events.
        tenant: whose.
        env: of which environment.
        session: how to ask.
    """
    try:
        text = file.read_bytes().strip()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None
    try:
        events = msgspec.json.decode(text, type=list[Any]) if text.startswith(b"[") else _lines(text)
    except msgspec.MsgspecError as error:
        raise usage(f"{file} is no JSON: {error}") from None
    fields: dict[str, object] = {"environment": env, "events": events}
    body = ask(session, "POST", place("tenants", tenant, "lineage", "events"), fields)
    shown(session, body)


def which_serves(
    *,
    dataset: Annotated[str, Parameter(help="NAME@VERSION, a digest, or `file-…`, the id of a training file.")],
    tenant: _Whose = None,
    session: Session = HERE,
) -> None:
    """Find every deployment that a data set, or a training file, has reached: through derivatives, runs and releases.

    Examples:
        strongroom which-serves --dataset loans@2 --tenant acme

    Args:
        dataset: which.
        tenant: whose.
        session: how to ask.
    """
    kind = "file" if dataset.startswith("file-") else "dataset"
    _, body = _first(
        session, tenant, lambda each: place("tenants", each, "lineage", "serves", dataset=dataset, kind=kind)
    )
    if session.json:
        output.raw(body)
        return
    rows = [
        each
        | {
            "by_way_of": " > ".join(each["by_way_of"]),
            "known": "observed" if each["observed"] else "claimed",
            "until": each["until"] or "serves now",
        }
        for each in decoded(body)["data"]
    ]
    output.listing(rows, _SERVED, empty="It has reached no deployment.")


def _lines(text: bytes) -> list[Any]:
    return [msgspec.json.decode(line) for line in text.splitlines() if line.strip()]


def _first(session: Session, tenant: str | None, path: Callable[[str], str]) -> tuple[str, bytes]:
    """Return the answer of the tenant that was named, or of the first one that has such a thing, and whose it is."""
    if tenant is not None:
        return tenant, ask(session, "GET", path(tenant))
    missing: Failure | None = None
    for each in get(session, place("tenants"))["data"]:
        try:
            return each["name"], ask(session, "GET", path(each["name"]))
        except Failure as failure:
            missing = failure
    raise missing or Failure("There is no tenant.")


def _told(found: dict[str, Any]) -> None:
    graph: dict[str, list[dict[str, Any]]] = found["graph"]
    names = {each["id"]: each["name"] for each in graph["nodes"]}
    output.record({"about": found["about"]["name"], "id": found["about"]["id"]})
    for kind in ("source", "external", "dataset", "file", "run", "release", "deployment"):
        for node in (each for each in graph["nodes"] if each["id"].startswith(f"{kind}:")):
            facts = ", ".join(f"{name}: {value}" for name, value in node["facts"].items())
            when = f" since {node['at']}" if node.get("at") else ""
            until = f" until {node['until']}" if node.get("until") else ""
            by = f" by {node['by']}" if node["by"] else ""
            print(output.text(f"{kind:<10} {node['name']}{by}{when}{until}{f' ({facts})' if facts else ''}"))
    for edge in graph["edges"]:
        known = "observed" if edge["observed"] else f"{edge['by']} says so: {edge['reason']}"
        if edge["observed"] and edge.get("until"):
            known += f" until {edge['until']}"
        if edge["observed"] and edge["by"]:
            known += f" by {edge['by']}" + (f": {edge['reason']}" if edge["reason"] else "")
        print(output.text(f"  {names[edge['source']]} > {names[edge['target']]}  {known}"))
