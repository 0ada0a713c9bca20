"""Finding keys in bytes: an automaton over every anchor, then the shapes of those that it met, where it met them."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from strongroom.identity import accesstoken, secretkey
from strongroom.privacy.engine import Patterns
from strongroom.privacy.matching import BadExpression, Pattern
from strongroom.privacy.rules import PATTERNS

KINDS: Final = ("api_key", "cloud_key", "jwt", "private_key", "webhook", "url_credentials")
"""The kinds of the privacy room's rules that a secret's own shape gives away: what detects and what redacts is one list."""

CUSTOM: Final = "custom"
ALLOW: Final = b"strongroom:allow"
"""A mark in a line that lets what stands there pass."""

_OURS: Final = Pattern(r"srk_[a-z]{3}_[a-z]{3,4}_[0-9a-z]{16}_[0-9A-Za-z]{49,173}")
_ANCHOR: Final = b"srk_"
_OURS_RULE: Final = "Strongroom"
_BLOCK: Final = 65_536
_WINDOW: Final = 8_192
_BEFORE: Final = 64
_BEHIND: Final = 2_048
"""What a shape may need of what stands before and behind its window. A PEM block is longer: its end is looked for apart."""

_LONGEST: Final = 16_384


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a scan looks for and lets pass; also the shape of a configuration file.

    Attributes:
        exclude: globs of paths that are not read.
        allow: fingerprints that pass.
        patterns: patterns of one's own (RE2), by name.
    """

    exclude: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    patterns: Mapping[str, str] = {}

    def excludes(self, path: str) -> bool:
        """Whether a path is not to be read."""
        return any(fnmatch.fnmatch(path, glob) or fnmatch.fnmatch(path, f"*/{glob}") for glob in self.exclude)


class Found(NamedTuple):
    """A secret in some bytes."""

    start: int
    end: int
    kind: str
    rule: str


class Detector:
    """Finds secrets. Made once for each process: compiling the patterns takes a tenth of a second."""

    def __init__(self, patterns: Mapping[str, str] | None = None) -> None:
        """Take patterns of one's own besides.

        Raises:
            BadExpression: naming the one that RE2 does not take.
        """
        self._patterns: Final = Patterns((rule for rule in PATTERNS if rule.reason != _OURS_RULE), KINDS)
        self._own: Final = [(name, _own(name, source)) for name, source in (patterns or {}).items()]

    def find(self, data: bytes) -> list[Found]:
        """Return what is in `data`, in order; where two overlap, the one that begins first."""
        kept: list[Found] = []
        for each in sorted({*self._shapes(data), *_strongroom(data), *self._custom(data)}):
            if not kept or each.start >= kept[-1].end:
                kept.append(each)
        return kept

    def _shapes(self, data: bytes) -> Iterator[Found]:
        for block in range(0, len(data), _BLOCK):
            # Most blocks end here, at some hundred million bytes a second.
            if not self._patterns.met(data[max(0, block - _BEFORE) : block + _BLOCK + _BEHIND]):
                continue
            for at in range(block, min(block + _BLOCK, len(data)), _WINDOW):
                yield from self._window(data, at)

    def _window(self, data: bytes, at: int) -> Iterator[Found]:
        """Yield what begins in one window, seen with what stands around it."""
        begin = max(0, at - _BEFORE)
        window = data[begin : at + _WINDOW + _BEHIND]
        for rule in self._patterns.met(window):
            for hit in rule.hits(window):
                start = begin + hit.start
                if at <= start < at + _WINDOW:
                    yield Found(start, _end_of(data, start, begin + hit.end), rule.kind, rule.reason)

    def _custom(self, data: bytes) -> Iterator[Found]:
        for name, pattern in self._own:
            for spans in pattern.each(data):
                start, end = spans[0]
                if start < end:
                    yield Found(start, end, CUSTOM, name)


def _strongroom(data: bytes) -> Iterator[Found]:
    """Yield our own keys and tokens: those whose checksum is right."""
    if _ANCHOR not in data:
        return
    for spans in _OURS.each(data):
        start, end = spans[0]
        text = data[start:end].decode("ascii")
        key = text[: secretkey.LONGEST]
        if accesstoken.read(text) is not None:
            yield Found(start, end, "strongroom_token", _OURS_RULE)
        elif len(text) >= secretkey.LONGEST - 1:
            for length in (secretkey.LONGEST, secretkey.LONGEST - 1):
                if secretkey.read(key[:length]) is not None:
                    yield Found(start, start + length, "strongroom_key", _OURS_RULE)
                    break


def _end_of(data: bytes, start: int, end: int) -> int:
    """Return where a secret ends: a PEM block at the end of its last line, wherever the window ended."""
    if not data.startswith(b"-----BEGIN", start):
        return end
    closing = data.find(b"-----END", start, start + _LONGEST)
    last = data.find(b"-----", closing + len(b"-----END"), closing + 128) if closing >= 0 else -1
    return last + len(b"-----") if last >= 0 else end


def _own(name: str, source: str) -> Pattern:
    try:
        return Pattern(source)
    except (BadExpression, UnicodeEncodeError) as error:
        raise BadExpression(f"pattern `{name}`: {error}") from None
