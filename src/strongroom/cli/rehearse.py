"""`strongroom rules dry-run`: what a document would have changed for those who asked lately."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, get, place
from strongroom.cli.failures import Failure
from strongroom.cli.rulefiles import read_file
from strongroom.cli.rules import DISCLOSURE, RULES, Ceiling, DocumentFile, level_of
from strongroom.cli.session import HERE, Session, decoded
from strongroom.cli.showing import CHANGES, differing, looked_at, nothing_of

__all__ = ["DISCLOSURE", "RULES"]


@RULES.command(name="dry-run", help_epilogue="")
def dry_run(
    file: DocumentFile,
    /,
    *,
    tenant: Annotated[
        str | None, Parameter(help="Whose callers; without it, those of every tenant, one by one.")
    ] = None,
    ceiling: Ceiling = False,
    days: Annotated[
        int | None,
        Parameter(help="How far back, 1 to 366; else the newest 1,000 records and the newest page of the log."),
    ] = None,
    session: Session = HERE,
) -> None:
    """Show who of those who asked lately would gain or lose by a file; nothing is put in force.

    Without --tenant the file is tried as the installation's default, on the callers of every tenant, with progress. What you may not
    read of one stands under its name.

    Args:
        file: TOML, with `kind = "…"` first; `-` reads standard input.
        tenant: whose.
        ceiling: the operator's word.
        days: how far back.
        session: how to ask.
    """
    found = read_file(file)
    tried: dict[str, object] = {"document": found.canonical, **({} if days is None else {"days": days})}
    if tenant is None:
        _everywhere(session, found.kind.name, tried)
        return
    body = ask(session, "POST", _path(tenant, found.kind.name, level_of(tenant, ceiling=ceiling)), tried)
    if session.json:
        output.raw(body)
        return
    said = decoded(body)
    output.note(looked_at(said["kind"], said["looked_at"], said["callers"]))
    output.listing(differing(said["data"]), CHANGES, empty=nothing_of(said["kind"]))


def _everywhere(session: Session, kind: str, tried: dict[str, object]) -> None:
    names = [each["name"] for each in get(session, place("tenants"))["data"]]
    rows: list[dict[str, Any]] = []
    looked, unread = 0, dict[str, str]()
    for number, name in enumerate(names, 1):
        try:
            said = decoded(ask(session, "POST", _path(name, kind, "default"), tried))
        except Failure as failure:
            unread[name] = str(failure)
        else:
            looked += said["looked_at"]
            rows += [{"tenant": name, **each} for each in said["data"]]
        if not session.json:
            print(f"{number} of {len(names)} tenants", file=sys.stderr, flush=True)
    if session.json:
        output.raw(msgspec.json.encode({"looked_at": looked, "data": rows, "unread": unread}))
        return
    if kind not in {"retention", "approval"}:
        output.note(f"Looked at {looked} records and entries of {len(names) - len(unread)} tenants.")
    output.listing(differing(rows), ("tenant", *CHANGES), empty=nothing_of(kind))
    for name, why in unread.items():
        output.note(f"{name}: {why}")


def _path(tenant: str, kind: str, level: str) -> str:
    return place("tenants", tenant, "rules", kind, level, "dry-run")
