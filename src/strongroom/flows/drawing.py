"""A picture of flows as SVG: places from left to right, an arrow for each pair, red where nobody declared it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

_COLUMNS: Final = ("workload", "model", "provider", "store", "account", "outside")
_WIDE, _HIGH, _GAP, _STEP = 230, 34, 150, 62
_FINE: Final = "#1f6f43"
_NOT: Final = "#b3261e"


def svg(edges: Sequence[Mapping[str, Any]]) -> str:
    """Return the picture of edges as the API tells them."""
    pairs: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for edge in edges:
        pairs.setdefault((edge["source"], edge["destination"]), []).append(edge)
    at = _placed(sorted({place for pair in pairs for place in pair}))
    width = max((x for x, _ in at.values()), default=0) + _WIDE + 40
    height = max((y for _, y in at.values()), default=0) + _HIGH + 40
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        "<title>Flows of data</title>",
        "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M0 0 8 4 0 8z" fill="{colour}"/></marker>'
            for name, colour in (("fine", _FINE), ("not", _NOT))
        ),
    ]
    drawn += [_arrow(at[pair[0]], at[pair[1]], found) for pair, found in sorted(pairs.items())]
    for place, (x, y) in at.items():
        drawn.append(
            f'<rect x="{x}" y="{y}" width="{_WIDE}" height="{_HIGH}" rx="6" fill="#fff" stroke="#444"/>'
            f'<text x="{x + 10}" y="{y + 21}">{escape(_short(place))}<title>{escape(place)}</title></text>'
        )
    return "\n".join([*drawn, "</svg>\n"])


def _placed(places: Sequence[str]) -> dict[str, tuple[int, int]]:
    used = [kind for kind in _COLUMNS if any(place.startswith(f"{kind}:") for place in places)]
    rows = dict.fromkeys(used, 0)
    at: dict[str, tuple[int, int]] = {}
    for place in places:
        kind = place.partition(":")[0]
        at[place] = 20 + used.index(kind) * (_WIDE + _GAP), 20 + rows[kind] * _STEP
        rows[kind] += 1
    return at


def _arrow(one: tuple[int, int], other: tuple[int, int], found: Sequence[Mapping[str, Any]]) -> str:
    forth = one[0] <= other[0]
    begin = one[0] + (_WIDE if forth else 0), one[1] + _HIGH // 2 + (-5 if forth else 5)
    end = other[0] + (0 if forth else _WIDE), other[1] + _HIGH // 2 + (-5 if forth else 5)
    bad = [edge["data"] for edge in found if edge["declared"] is None]
    name, colour = ("not", _NOT) if bad else ("fine", _FINE)
    says = ", ".join(edge["data"] + ("" if edge["declared"] is not None else " (undeclared)") for edge in found)
    middle = (begin[0] + end[0]) // 2, (begin[1] + end[1]) // 2 + (-4 if forth else 14)
    return (
        f'<path d="M{begin[0]} {begin[1]} L{end[0]} {end[1]}" fill="none" stroke="{colour}" marker-end="url(#{name})">'
        f"<title>{escape(says)}</title></path>"
        f'<text x="{middle[0]}" y="{middle[1]}" text-anchor="middle" font-size="10" fill="{colour}">{escape(_short(says))}</text>'
    )


_LONGEST: Final = 32


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
