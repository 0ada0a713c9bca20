"""Bars as SVG, by hand: a plotting library is more than a dozen rectangles are worth."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final

_WIDTH, _BAR, _LEFT, _TOP = 760, 26, 230, 64
_INK: Final = "#1d2b24"


def bars(
    path: Path, title: str, unit: str, values: Mapping[str, float], *, marked: frozenset[str] = frozenset()
) -> None:
    """Write one bar for each of `values`, in their order; those `marked` were bound by the load generator."""
    most = max(values.values(), default=1) or 1
    height = _TOP + _BAR * len(values) + 34
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" font-family="sans-serif"',
        f' font-size="14" fill="{_INK}"><title>{escape(title)}</title>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="16" y="30" font-size="18">{escape(title)}</text>',
        f'<text x="16" y="50" font-size="12">{escape(unit)}</text>',
    ]
    for index, (name, value) in enumerate(values.items()):
        y = _TOP + index * _BAR
        width = max(1.0, value / most * (_WIDTH - _LEFT - 110))
        fill = "#1f7a4d" if name.startswith("Strongroom") else "#8a9a92"
        mark = " †" if name in marked else ""
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + 17}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LEFT}" y="{y + 4}" width="{width:.1f}" height="{_BAR - 8}" rx="2" fill="{fill}"/>'
            f'<text x="{_LEFT + width + 8:.1f}" y="{y + 17}">{value:,.4g}{mark}</text>'
        )
    if marked:
        parts.append(f'<text x="16" y="{height - 12}" font-size="12">† bound by the load generator</text>')
    path.write_text("".join(parts) + "</svg>\n")
