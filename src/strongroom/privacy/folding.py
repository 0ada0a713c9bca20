"""A text as a reader sees it, in one byte a character, with the way back to the exact characters of the original.

Full-width and other scripts' digits become ASCII digits, letters that look like Latin ones become these, letters lose their
accents, odd spaces and dashes become plain ones; what has no width (zero-width characters, direction marks, joiners, soft
hyphens, combining marks) disappears. Other letters become byte 1, everything else byte 2: so patterns over bytes need not know
Unicode, and no index has to be computed where nothing disappeared.
"""

# ruff: noqa: RUF001 - characters that look like others are what this is about

from __future__ import annotations

import unicodedata
from functools import cached_property
from typing import Final

from msgspec import Struct

LETTER: Final = "\x01"
OTHER: Final = "\x02"

# Letters of other scripts that are drawn as a Latin one is; Unicode's compatibility forms do not relate them.
_LOOKALIKES: Final = dict(
    zip(
        "АВЕЅЗІЈКМНОРСТУХѴЬаеѕіјорсухѵһԁԛԝɡΑΒΕΖΗΙΚΜΝΟΡΤΥΧαονρτυχιϲϳօոսհցղⅼ∣ꓐꓑꓒꓓꓖꓗꓚꓟꓠꓢꓣꓤꓦꓧꓪꓫꓬ",
        "ABES3IJKMHOPCTYXVbaesijopcyxvhdqwgABEZHIKMNOPTYXaovptuxicjonuhgnllBPdDGKCMNSRRVHWXY",
        strict=True,
    )
)
_ODD: Final = {
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": "'", "`": "`",
    "\u2044": "/", "\u2215": "/", "\u2024": ".", "\u3002": ".", "\uff61": ".", "\u2028": "\n", "\u2029": "\n", "\x85": "\n",
    "\u2212": "-", "\u00b7": ".", "ß": "s", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "þ": "t", "Þ": "T", "æ": "a", "Æ": "A", "œ": "o", "Œ": "O", "ı": "i", "ŋ": "n", "ħ": "h",
}  # fmt: skip
_INVISIBLE: Final = frozenset("\u00ad\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
_INVISIBLE_CATEGORIES: Final = frozenset({"Cf", "Mn", "Me"})
_PRINTABLE: Final = 0x7F


def _fold(character: str) -> str:  # noqa: PLR0911 - one answer a case
    if character in _INVISIBLE or unicodedata.category(character) in _INVISIBLE_CATEGORIES:
        return ""
    if (odd := _ODD.get(character) or _LOOKALIKES.get(character)) is not None:
        return odd
    digit = unicodedata.decimal(character, None) if character.isdecimal() else unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category == "Pd":
        return "-"
    plain = unicodedata.normalize("NFKD", character)[0]
    plain = _LOOKALIKES.get(plain, plain)
    if ord(plain) < _PRINTABLE and plain.isprintable():
        return plain
    return LETTER if category[0] == "L" else OTHER


class _Table(dict[int, str]):
    """Characters beyond ASCII, each folded when it is first met."""

    def __missing__(self, point: int) -> str:
        folded = _fold(chr(point))
        if len(self) < _MOST:
            self[point] = folded
        return folded


_MOST: Final = 65_536  # entries; who sends every character of Unicode does not make it grow for ever
_TABLE: Final = _Table({point: chr(point) for point in range(128)})


class Folded(Struct, frozen=True, dict=True):
    """A text, and its folded view.

    Attributes:
        text: the original.
        data: the view, a byte a character.
    """

    text: str
    data: bytes

    @cached_property
    def _kept(self) -> list[int] | None:
        """For each byte of the view the index of its character; nothing if they are the same."""
        if len(self.data) == len(self.text):
            return None
        return [index for index, character in enumerate(self.text) if _TABLE[ord(character)]]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the indexes in the original of bytes `start` to `end` of the view (at least one byte)."""
        kept = self._kept
        return (start, end) if kept is None else (kept[start], kept[end - 1] + 1)


def fold(text: str) -> Folded:
    """Return `text` with its folded view."""
    if text.isascii():
        return Folded(text, text.encode("ascii"))
    return Folded(text, text.translate(_TABLE).encode("latin-1"))
