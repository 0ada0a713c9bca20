"""RE2 and nothing else on a user's text: its time is linear in the text, whatever the text is.

Python's `re` backtracks; one pattern of it has hung for minutes on a line that somebody chose well. All patterns here are over
bytes of the folded view (`folding.py`), in which one character is one byte.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from importlib import import_module
from typing import Any, Final, cast

# The extension itself: the package around it is untyped, and costs more than a match of a short text.
_NATIVE: Final[Any] = import_module("re2._re2")
_UNANCHORED: Final[Any] = _NATIVE.RE2.Anchor.UNANCHORED
_START: Final[Any] = _NATIVE.RE2.Anchor.ANCHOR_START

Spans = tuple[tuple[int, int], ...]

_CHUNK: Final = 65_536
# A set on a very long input gives up and reports every pattern; in chunks it stays exact. What an anchor matches is shorter.
_OVERLAP: Final = 256
_MEMORY: Final = 64 << 20  # bytes for one automaton's cache; beyond it RE2 starts the cache anew


class BadExpression(ValueError):  # noqa: N818 - said to a person
    """RE2 does not take a pattern; the message says why."""


def _options(*, ignore_case: bool) -> Any:
    options: Any = _NATIVE.RE2.Options()
    options.encoding = _NATIVE.RE2.Options.Encoding.LATIN1
    options.log_errors = False
    options.case_sensitive = not ignore_case
    options.max_mem = _MEMORY
    return options


class Pattern:
    """A compiled pattern; `^` and `$` are the text's ends, and `.` does not match a line's end."""

    __slots__ = ("_match", "source")

    def __init__(self, source: str, *, ignore_case: bool = False) -> None:
        self.source = source
        compiled: Any = _NATIVE.RE2(source.encode("latin-1"), _options(ignore_case=ignore_case))
        if not compiled.ok():
            raise BadExpression(compiled.error().decode("latin-1"))
        self._match = compiled.Match

    def search(self, data: bytes, start: int = 0, end: int | None = None) -> Spans | None:
        """Return the leftmost match's spans, whole match first, or nothing. An unmatched group is (-1, -1)."""
        found = self._match(_UNANCHORED, data, start, len(data) if end is None else end)
        return None if found[0][0] < 0 else cast("Spans", tuple(found))

    def match(self, data: bytes, start: int = 0) -> Spans | None:
        """Return the spans of a match that begins at `start`, or nothing."""
        found = self._match(_START, data, start, len(data))
        return None if found[0][0] < 0 else cast("Spans", tuple(found))

    def each(self, data: bytes) -> Generator[Spans, int | None, None]:
        """Yield matches from left to right. Whoever reads may `send` the index from which to look on."""
        at, end = 0, len(data)
        while at <= end:
            found = self._match(_UNANCHORED, data, at, end)
            start, stop = found[0]
            if start < 0:
                return
            onward = yield cast("Spans", tuple(found))
            at = max(stop, start + 1) if onward is None else max(onward, start + 1)


class Prefilter:
    """Many small patterns at once: which of them occur at all.

    One pass of one automaton, 500 million characters a second where nothing matches; so a text without anything of interest
    costs a few microseconds.
    """

    __slots__ = ("_match", "_size")

    def __init__(self, sources: Sequence[str]) -> None:
        self._size = len(sources)
        made: Any = _NATIVE.Set(_UNANCHORED, _options(ignore_case=True))
        for source in sources:
            if made.Add(source.encode("latin-1")) < 0:
                raise BadExpression(f"not an anchor: {source}")
        if sources and not made.Compile():
            raise BadExpression("the anchors are too large together")
        self._match = made.Match

    def hits(self, data: bytes) -> set[int]:
        """Return the indexes of the patterns that occur in `data`, letter case aside."""
        if not self._size:
            return set()
        if len(data) <= _CHUNK:
            return set(self._match(data))
        found: set[int] = set()
        for at in range(0, len(data), _CHUNK - _OVERLAP):
            found.update(self._match(data[at : at + _CHUNK]))
        return found
