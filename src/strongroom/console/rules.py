"""A tenant's rules: which documents hold, what they say in plain words, and who wrote each version."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.place import Place
from strongroom.console.ruleform import may_write
from strongroom.console.visit import Answer, Visit
from strongroom.rules import KINDS, DocumentError, Level, Version
from strongroom.rules.files import written
from strongroom.rules.model import told_as
from strongroom.rules.service import kind_named

PAGE: Final = 20

_WHOSE: Final = {
    Level.DEFAULT: ("The installation's default", "An operator wrote it for every tenant without a ceiling."),
    Level.CEILING: ("The ceiling", "An operator wrote it for this tenant. It stands in the default's place."),
    Level.OWN: ("The tenant's own", "Its administrator wrote it. It narrows what the above allows."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One rule in plain words."""

    name: str
    whom: str
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One level of one kind, as the page shows it.

    Attributes:
        version: what is in force; None: nothing is.
        holds: whether its word counts: the default's does only where there is no ceiling.
        rules: what it says; None: this version of the program cannot read it, and the least holds.
        text: it, as a file.
        history: its versions, the newest first.
        writes: the command that writes the next version; empty for whom it would refuse.
    form: the address of the form that does; empty as above, and for the installation's default.
    """

    title: str
    about: str
    version: Version | None
    holds: bool
    rules: tuple[Said, ...] | None
    text: str
    history: list[Version]
    writes: str
    form: str


async def listing(visit: Visit) -> Answer:
    """List every kind with what is in force."""
    where = await place.of(visit, "rules")
    found = await visit.parts.rules.in_force(visit.who, where.tenant, visit.ask())
    held = {(each.kind, each.level): each for each in found if not each.withdrawn}
    kinds = [(kind, {level.value: held.get((kind.name, level)) for level in Level}) for kind in KINDS.values()]
    return visit.render("rules.html", place=where, kinds=kinds)


async def show(visit: Visit) -> Answer:
    """Show the documents of one kind, in words and as files, with their history."""
    where, kind = await place.of(visit, "rules"), kind_named(visit.params["kind"])
    found = {
        each.level: each
        for each in await visit.parts.rules.in_force(visit.who, where.tenant, visit.ask(), kind.name)
        if not each.withdrawn
    }
    shown = [await _shown(visit, where, kind.name, level, found) for level in Level]
    return visit.render("rules-kind.html", place=where, kind=kind, levels=shown)


async def _shown(visit: Visit, where: Place, kind: str, level: Level, found: dict[Level, Version]) -> Shown:
    version = found.get(level)
    title, about = _WHOSE[level]
    history: list[Version] = []
    if level is not Level.DEFAULT:  # whose history is the installation's
        history = await visit.parts.rules.history(visit.who, where.tenant, kind, level, visit.ask(), limit=PAGE)
    return Shown(
        title=title,
        about=about,
        version=version,
        holds=version is not None and not (level is Level.DEFAULT and Level.CEILING in found),
        rules=() if version is None else _said(kind, version),
        text="" if version is None else written(kind, version.document),
        history=history,
        writes=_writes(visit, where, kind, level),
        form=f"{where.base}/rules/{kind}/{level}"
        if level is not Level.DEFAULT and may_write(visit, where, kind, level)
        else "",
    )


def _said(kind: str, version: Version) -> tuple[Said, ...] | None:
    reads = KINDS[kind]
    try:
        document = reads.read(version.document)
    except DocumentError:
        return None
    return tuple(
        Said(name=told_as(rule, index), whom=rule.whom, says=tuple(reads.say(rule)))
        for index, rule in enumerate(document.rules)
    )


def _writes(visit: Visit, where: Place, kind: str, level: Level) -> str:
    if not may_write(visit, where, kind, level):
        return ""
    named = None if level is Level.DEFAULT else where.name
    return command("rules", "set", f"{kind}.toml", tenant=named, ceiling=level is Level.CEILING, reason="WHY")
