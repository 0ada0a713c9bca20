"""`strongroom rules dry-run`: what a document would have changed for those who asked lately."""

from __future__ import annotations

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.rulefiles import read_file
from strongroom.cli.rules import DISCLOSURE, RULES, Ceiling, DocumentFile, level_of
from strongroom.cli.session import HERE, Session, decoded

__all__ = ["DISCLOSURE", "RULES"]


@RULES.command(name="dry-run", help_epilogue="")
def dry_run(
    file: DocumentFile,
    /,
    *,
    tenant: str,
    ceiling: Ceiling = False,
    session: Session = HERE,
) -> None:
    """Show who of those who asked lately would gain or lose by a file; nothing is put in force.

    Args:
        file: TOML, with `kind = "…"` first; `-` reads standard input.
        tenant: whose.
        ceiling: the operator's word.
        session: how to ask.
    """
    found, level = read_file(file), level_of(tenant, ceiling=ceiling)
    path = place("tenants", tenant, "rules", found.kind.name, level, "dry-run")
    body = ask(session, "POST", path, {"document": found.canonical})
    if session.json:
        output.raw(body)
        return
    said = decoded(body)
    output.note(f"Looked at {said['looked_at']} records and entries of {said['callers']} callers.")
    columns = ("who", "what", "times", "change", "before", "after")
    output.listing(said["data"], columns, empty="Nobody would gain or lose.")
