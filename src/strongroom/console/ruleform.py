"""Writing a document of rules: looked at as a difference and in what it would have changed, then put in force or proposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.diffs import Line, difference
from strongroom.console.place import Place
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.identity.approvals import Request
from strongroom.kernel.refusal import Refusal, Refused, hidden, invalid
from strongroom.policy import Action, Kind, Resource
from strongroom.rules import Level
from strongroom.rules import Version as RulesVersion
from strongroom.rules.files import DocumentFile, FileError, parse, written
from strongroom.rules.service import kind_named

_REASON: Final = 200
MAX_TEXT: Final = 12_000
"""Characters of a document that the form takes; a longer one goes by the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was found about a document before it is sent."""

    lines: list[Line]
    rehearsed: Any


async def form(visit: Visit, problem: Refusal | None = None, looked: Looked | None = None) -> Answer:
    """Show the form with what is in force, or with what was typed."""
    where, kind, level = await _about(visit)
    version = await _in_force(visit, where, kind.name, level)
    text = visit.form.raw("document") or ("" if version is None else written(kind.name, version.document))
    return visit.render(
        "rules-form.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        kind=kind,
        level=level,
        text=text or f'kind = "{kind.name}"\n\n[[rules]]\n',
        expected=0 if version is None else version.version,
        looked=looked,
        most=MAX_TEXT,
        problem=problem,
        entered=visit.form.entered,
    )


async def send(visit: Visit) -> Answer:
    """Look at what was typed, or put it in force or propose it."""
    where, kind, level = await _about(visit)
    try:
        found = _document(visit, kind.name)
        if visit.form.raw("then") != "write":
            return await form(visit, looked=await _look(visit, where, kind.name, level, found))
        reason = visit.form.line("reason", limit=_REASON)
        done = await visit.parts.rules.propose(
            visit.who, where.tenant, kind.name, level, found.document,
            expected=_number(visit.form.raw("expected")), reason=reason, at_once=False, ask=visit.ask(),
        )  # fmt: skip
    except Refused as no:
        return await form(visit, mendable(no))
    if isinstance(done, Request):
        return visit.done(f"/proposals/{done.id}", "Proposed. It is in force when somebody else has approved it.")
    did = command("rules", "set", f"{kind.name}.toml", tenant=where.name, ceiling=level is Level.CEILING, reason=reason)
    return visit.done(f"{where.base}/rules/{kind.name}", f"Version {done.version} is in force.", did)


async def _about(visit: Visit) -> tuple[Place, Any, Level]:
    """Return whose document of which kind, where somebody may write it here.

    Raises:
        Refused: hidden where they may not, as for a kind that there is none of.
    """
    where, kind = await place.of(visit, "rules"), kind_named(visit.params["kind"])
    level = Level(visit.params["level"]) if visit.params["level"] in {Level.CEILING, Level.OWN} else None
    if level is None or not may_write(visit, where, kind.name, level):
        raise Refused(hidden("no document that is theirs to write"))
    return where, kind, level


def may_write(visit: Visit, where: Place, kind: str, level: Level) -> bool:
    """Whether to offer the form."""
    action = Action.RULES_WRITE if level is Level.OWN else Action.RULES_WRITE_CEILING
    tenant = None if level is Level.DEFAULT else where.tenant
    return visit.may(action, Resource(kind=Kind.RULES, id=f"{kind}.{level}", tenant=tenant))


async def _in_force(visit: Visit, where: Place, kind: str, level: Level) -> RulesVersion | None:
    found = await visit.parts.rules.in_force(visit.who, where.tenant, visit.ask(), kind)
    return next((each for each in found if each.level is level and not each.withdrawn), None)


async def _look(visit: Visit, where: Place, kind: str, level: Level, found: DocumentFile) -> Looked:
    version = await _in_force(visit, where, kind, level)
    before = "" if version is None else written(kind, version.document)
    rehearsed = await visit.parts.rehearse(visit.who, where.tenant, kind, level, found.document, visit.ask())
    return Looked(lines=difference(before, written(kind, found.canonical)), rehearsed=rehearsed)


def _document(visit: Visit, kind: str) -> DocumentFile:
    """Return what was typed, read.

    Raises:
        Refused: INVALID, naming the line.
    """
    text = visit.form.raw("document").replace("\r\n", "\n")
    if len(text) > MAX_TEXT:
        raise Refused(invalid(f"At most {MAX_TEXT} characters here; use `strongroom rules set`.", param="document"))
    try:
        found = parse(text)
    except FileError as error:
        raise Refused(invalid(str(error), param="document")) from None
    if found.kind.name != kind:
        raise Refused(invalid(f'This document is of the kind "{kind}".', param="document"))
    return found


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 9):  # noqa: PLR2004 - no version is longer
        raise Refused(invalid("Open the form again: it does not say which version you saw.", param="document"))
    return int(text)
