"""Bars, as SVG, without a plotting library."""

from __future__ import annotations

from html import escape

_COLOURS = ("#7a1f3d", "#c2543a", "#d9a441", "#4f7d73")
_ROW, _LEFT, _WIDE, _TOP = 74, 340, 420, 56


def bars(results: dict[str, dict[str, float]], titles: dict[str, str]) -> str:
    """Return a figure: for each measurement one bar a form, from 0 to 1."""
    high = _TOP + _ROW * len(results) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDE + 70}" height="{high}" font-family="sans-serif" font-size="13">',
        f'<rect width="100%" height="100%" fill="#fff"/><text x="16" y="24" font-size="15">{escape(_TITLE)}</text>',
    ]
    for place, title in enumerate(titles.values()):
        x = _LEFT + place * 125
        parts.append(f'<rect x="{x}" y="34" width="10" height="10" fill="{_COLOURS[place]}"/>')
        parts.append(f'<text x="{x + 14}" y="43" font-size="11">{escape(title)}</text>')
    for row, (name, found) in enumerate(results.items()):
        y = _TOP + row * _ROW
        parts.append(f'<text x="16" y="{y + 34}">{escape(name)}</text>')
        for place, form in enumerate(titles):
            value = found[form]
            parts.append(
                f'<rect x="{_LEFT}" y="{y + place * 15}" width="{value * _WIDE:.1f}" height="12" fill="{_COLOURS[place]}"/>'
                f'<text x="{_LEFT + value * _WIDE + 5:.1f}" y="{y + place * 15 + 10}" font-size="11">{value:.2f}</text>'
            )
    return "\n".join([*parts, "</svg>\n"])


_TITLE = "What an attacker gets from answers, by how exactly they are told (lower is safer)"
