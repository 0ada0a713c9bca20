"""What a release, a data set or a training file was made from and what it went into: a picture, and the same in tables.

The picture is for the eye alone. Everything in it stands in the tables under it, for keyboards, screen readers and searching.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.place import Place
from strongroom.console.visit import STATUS, Answer, Visit
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, invalid
from strongroom.registry.lineage.drawing import known, svg
from strongroom.registry.lineage.model import KINDS, Edge, Graph, Node
from strongroom.registry.lineage.service import Found

WORDS: Final = {
    "source": "source", "external": "elsewhere", "dataset": "data set", "file": "training file", "run": "run",
    "release": "release", "deployment": "deployment",
}  # fmt: skip
ASKED: Final = ("release", "dataset", "file")
DRAWN: Final = 150
"""Things in a picture at the most; one of more tells nothing. The tables hold all of them."""
_LONGEST: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that went into another, as the page tells it."""

    before: Node
    after: Node
    edge: Edge
    known: str


async def show(visit: Visit) -> Answer:
    """Show the lineage that is asked for, as it stands or as it stood at a time; or what can be asked for."""
    where = await place.of(visit, "lineage")
    entered = {name: visit.query.get(name, "").strip()[:_LONGEST] for name in ("of", "kind", "at")}
    if entered["kind"] not in ASKED:
        entered["kind"] = "release"
    offered, found, problem = list[Node](), None, None
    try:
        if entered["of"]:
            found = await visit.parts.lineage.of(
                visit.who, where.tenant, entered["kind"], entered["of"], visit.ask(), at=_moment(entered["at"])
            )
    except Refused as no:
        problem = _told(no, entered["of"])
    if found is None:
        offered = await visit.parts.lineage.offered(visit.who, where.tenant, ASKED, visit.ask())
    graph = Graph(nodes=[], edges=[]) if found is None else found.graph
    kind, at = entered["kind"], entered["at"]
    did = command("lineage", entered["of"] or "NAME@VERSION", tenant=where.name, kind=kind, at=at)
    return visit.render(
        "lineage.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        found=found,
        entered=entered,
        problem=problem,
        kinds=[(each, WORDS[each]) for each in ASKED],
        words=WORDS,
        nodes=sorted(graph.nodes, key=lambda each: (KINDS.index(each.kind), each.name)),
        steps=_steps(graph),
        picture=_picture(found),
        links={each.id: _link(where, each, at) for each in (*graph.nodes, *offered) if each.kind in ASKED},
        offered=offered,
        did=did,
    )


def _picture(found: Found | None) -> Markup:
    """Return the picture, whose own texts are escaped where it is drawn; empty where there is too much for one."""
    if found is None or len(found.graph.nodes) > DRAWN:
        return Markup("")
    return Markup(svg(found.graph))  # noqa: S704 - drawn by us, and every text in it is escaped


def _steps(graph: Graph) -> list[Step]:
    nodes = {each.id: each for each in graph.nodes}
    ordered = sorted(graph.edges, key=lambda each: (each.at, each.source, each.target))
    return [
        Step(
            before=nodes[each.source],
            after=nodes[each.target],
            edge=each,
            known=known(each).removeprefix("observed").lstrip(",: "),
        )
        for each in ordered
    ]


def _link(where: Place, node: Node, at: str) -> str:
    asked = {"of": node.name, "kind": node.kind}
    return f"{where.address}?{urlencode(asked | ({'at': at} if at else {}))}"


def _moment(text: str) -> datetime | None:
    """Return a time as a browser's field writes it, without a zone: UTC, as everything here; or as RFC 3339."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(invalid("A time is as 2026-11-27T12:00, in UTC.", param="at")) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _told(no: Refused, called: str) -> Refusal:
    """Return what can be mended in the form; of what there is not, no more is told than that."""
    if no.refusal.kind is RefusalKind.HIDDEN:
        return Refusal(
            kind=RefusalKind.HIDDEN, reason=no.refusal.reason, tell=f"There is no {called} here, or was none then.", param="of"
        )  # fmt: skip
    if no.refusal.kind is RefusalKind.INVALID:
        return no.refusal
    raise no
