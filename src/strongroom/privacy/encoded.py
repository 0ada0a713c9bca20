"""What is hidden one level deep: base64, hexadecimal, URL-encoded and JSON-escaped pieces of a text, decoded.

A run is looked at in segments of a fixed length from its start, so that a stream, which sees it in parts, comes to the same.
"""

from __future__ import annotations

import base64
import binascii
import urllib.parse
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from strongroom.privacy.matching import Pattern, Prefilter

SEGMENT: Final = 2048  # characters; a multiple of 4, so each segment of a base64 run decodes by itself
_SHORTEST: Final = 16
_READABLE: Final = 0.9  # share of characters that text has and noise has not

ANCHORS: Final = Prefilter((r"[a-z0-9+/_-]{16}", r"%[0-9a-f]{2}", r"\\u[0-9a-f]{4}|\\/"))
ESCAPED: Final = 2  # which of them is an escape
_RUN: Final = Pattern(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_PERCENT: Final = Pattern(r"[A-Za-z0-9._~+%@:/-]*%[0-9A-Fa-f]{2}[A-Za-z0-9._~+%@:/-]*")
# A backslash may be escaped itself, in JSON in a string of JSON, and so on.
_ESCAPE: Final = Pattern(r"\\+(?:u([0-9A-Fa-f]{4})|([nrtbf/\"]))")
_PLAIN: Final = {"n": "\n", "r": "\r", "t": "\t", "b": " ", "f": " ", "/": "/", '"': '"'}
_HEXADECIMAL: Final = frozenset(b"0123456789abcdefABCDEF")


class Piece(NamedTuple):
    """A decoded piece: where it stands in the folded view, and what it says."""

    start: int
    end: int
    text: str
    encoding: str


def decoded(data: bytes, met: AbstractSet[int]) -> Iterator[Piece]:
    """Yield the pieces of a folded view that decode to text; `met` says which anchors occur in it."""
    if 0 in met:
        for spans in _RUN.each(data):
            yield from _segments(data, *spans[0])
    if 1 in met:
        for spans in _PERCENT.each(data):
            start, end = spans[0]
            raw = urllib.parse.unquote_to_bytes(data[start:end].replace(b"+", b" "))
            text = raw.decode("utf-8", "replace")
            if raw != data[start:end]:
                yield Piece(start, end, text, "URL encoding")


def unescaped(data: bytes) -> tuple[str, list[int]]:
    """Return a folded view with JSON's escapes undone, and where in the view each character and the end stand.

    The whole text, not a piece: where a value begins and ends can be said to the character, and it may have blanks.
    """
    out: list[str] = []
    places: list[int] = []
    at = 0
    for spans in _ESCAPE.each(data):
        start, end = spans[0]
        out.append(data[at:start].decode("latin-1"))
        places += range(at, start)
        point, short = spans[1], spans[2]
        out.append(chr(int(data[slice(*point)], 16)) if point[0] >= 0 else _PLAIN[data[slice(*short)].decode("ascii")])
        places.append(start)
        at = end
    out.append(data[at:].decode("latin-1"))
    places += range(at, len(data) + 1)
    return "".join(out), places


def _segments(data: bytes, start: int, end: int) -> Iterator[Piece]:
    for first in range(start, end, SEGMENT):
        last = min(first + SEGMENT, end)
        for encoding, text in _readings(data[first:last]):
            yield Piece(first, last, text, encoding)


def _readings(run: bytes) -> Iterator[tuple[str, str]]:
    if len(run) < _SHORTEST:
        return
    if len(run) % 2 == 0 and all(byte in _HEXADECIMAL for byte in run):
        text = _readable(bytes.fromhex(run.decode("ascii")))
        if text:
            yield "hexadecimal", text
    bare = run.rstrip(b"=").translate(_URLSAFE)
    if len(bare) % 4 != 1:
        try:
            text = _readable(base64.b64decode(bare + b"=" * (-len(bare) % 4)))
        except (binascii.Error, ValueError):
            return
        if text:
            yield "base64", text


_URLSAFE: Final = bytes.maketrans(b"-_", b"+/")


def _readable(raw: bytes) -> str:
    """Return the text that bytes are, or nothing when they are noise."""
    text = raw.decode("utf-8", "ignore")
    plain = sum(character.isprintable() or character in "\r\n\t" for character in text)
    return text if text and len(text) >= len(raw) * _READABLE * 0.5 and plain >= len(text) * _READABLE else ""
