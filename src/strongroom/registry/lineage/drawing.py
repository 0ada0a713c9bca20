"""A graph of lineage as SVG: one column for each kind of thing, from where data comes from on the left to what serves on the right."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from typing import Final

from strongroom.kernel.clock import rfc3339
from strongroom.registry.lineage.model import KINDS, Edge, Graph, Node

_WIDE, _HIGH = 190, 44
_ACROSS, _DOWN, _EDGE = 80, 22, 20
_LONGEST: Final = 26
_HEADS: Final = {
    "source": "sources", "external": "elsewhere", "dataset": "data sets", "file": "training files", "run": "runs", "release": "releases",
    "deployment": "deployments",
}  # fmt: skip


def svg(graph: Graph) -> str:
    """Return a picture of a graph. What somebody only says is dashed; what has ended is pale."""
    columns: defaultdict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        columns[node.kind].append(node)
    shown = [kind for kind in KINDS if columns[kind]]
    places = dict[str, tuple[int, int]]()
    for column, kind in enumerate(shown):
        for row, node in enumerate(columns[kind]):
            places[node.id] = (_EDGE + column * (_WIDE + _ACROSS), 3 * _EDGE + row * (_HIGH + _DOWN))
    width = 2 * _EDGE + max(1, len(shown)) * (_WIDE + _ACROSS) - _ACROSS
    height = 4 * _EDGE + max((len(each) for each in columns.values()), default=1) * (_HIGH + _DOWN)
    heads = "".join(
        f'<text x="{_EDGE + at * (_WIDE + _ACROSS)}" y="{2 * _EDGE}" font-weight="bold">{_HEADS[kind]}</text>'
        for at, kind in enumerate(shown)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="What went into what" font-family="sans-serif" font-size="12" fill="#111">'
        '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>'
        f'<rect width="{width}" height="{height}" fill="#fff"/>{heads}'
        f"{''.join(_line(each, places) for each in graph.edges)}"
        f"{''.join(_box(each, places[each.id]) for each in graph.nodes if each.id in places)}</svg>\n"
    )


def _box(node: Node, place: tuple[int, int]) -> str:
    x, y = place
    ended = node.until is not None and node.kind != "run"
    told = "; ".join(
        [node.name, *([f"by {node.by}"] if node.by else []), *(f"{k}: {v}" for k, v in node.facts.items())]
    )
    under = node.facts.get("state") or node.facts.get("called") or node.by or node.kind
    return (
        f'<g opacity="{0.45 if ended else 1}"><title>{_plain(told)}</title>'
        f'<rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="6" fill="#eef3f8" stroke="#345"/>'
        f'<text x="{x + 10}" y="{y + 19}">{_plain(_short(node.name))}</text>'
        f'<text x="{x + 10}" y="{y + 35}" fill="#555" font-size="10">{_plain(_short(under))}</text></g>'
    )


def _line(edge: Edge, places: dict[str, tuple[int, int]]) -> str:
    if edge.source not in places or edge.target not in places:
        return ""
    (x1, y1), (x2, y2) = places[edge.source], places[edge.target]
    start, end = (x1 + _WIDE, y1 + _HIGH // 2), (x2, y2 + _HIGH // 2)
    middle = (start[0] + end[0]) // 2 if end[0] > start[0] else start[0] + _ACROSS // 2
    dashed = "" if edge.observed else ' stroke-dasharray="5 4"'
    pale = "" if edge.until is None else ' opacity="0.45"'
    return (
        f'<path d="M{start[0]} {start[1]} C{middle} {start[1]} {middle} {end[1]} {end[0]} {end[1]}" fill="none" '
        f'stroke="#555" marker-end="url(#to)"{dashed}{pale}><title>{_plain(known(edge))}</title></path>'
    )


def known(edge: Edge) -> str:
    """Return in words how an edge is known, by whom it was made, and until when it held."""
    if not edge.observed:
        return f"{edge.by} says so" + (f": {edge.reason}" if edge.reason else "")
    said = "observed" + (f", by {edge.by}" if edge.by else "") + (f": {edge.reason}" if edge.reason else "")
    return said if edge.until is None else f"{said}, until {rfc3339(edge.until)}"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _plain(text: str) -> str:
    return escape("".join(each if each.isprintable() else "?" for each in text))
