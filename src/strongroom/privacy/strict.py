"""What a log line keeps: tier 0 in the strictness of logs, for lines that come one by one and may be cut anywhere.

A log is numbers, digests and times, so a type is masked there by a validator, a cue or a shape of its own only: what is merely
likely would mask something in every line, and a log in which everything is masked is read by nobody.

Always true here: what a source says in several lines is one text as far as a private key goes: from its BEGIN to its END nothing
is let through, in whatever lines it comes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from strongroom.privacy.actions import mask, replace
from strongroom.privacy.engine import Engine
from strongroom.privacy.kinds import DEFAULT_KINDS
from strongroom.privacy.matching import Pattern
from strongroom.privacy.rules.base import LIKELY

_BEGIN: Final = Pattern(r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = Pattern(r"-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_BODY: Final = Pattern(r"^\s*(?:[A-Za-z0-9+/=]{0,200}|(?:Proc-Type|DEK-Info|Comment|Version|Hash): [ -~]{0,120})\s*$")
_BLOCK_LINES: Final = 400  # a key of 16,384 bits has some 200; what goes on for longer was no key


class Clean(NamedTuple):
    """A line that may be kept, and how many of each type were masked in it."""

    text: str
    masked: Counter[str]


class Strict:
    """Masks lines of one source. Not for several threads at once: it remembers whether a key has begun."""

    def __init__(self, kinds: Iterable[str] = DEFAULT_KINDS) -> None:
        self._engine: Final = Engine(kinds, least=LIKELY, lexicon=False)
        self._within = 0

    def clean(self, text: str, most: int | None = None) -> Clean:
        """Return `text` with what was found masked.

        Args:
            text: a line, or several.
            most: where the raw text is cut; a span that reaches over the cut is masked as a whole.
        """
        data = text.encode("latin-1", "replace")
        if self._within:
            return self._inside(text, data, most)
        spans = self._engine.find(text)
        if most is not None and len(text) > most:
            last = next((span for span in spans if span.start < most < span.end), None)
            text = text[: most if last is None else last.end]
            spans = [span for span in spans if span.end <= len(text)]
        begun, ended = _BEGIN.search(data), _last_end(data)
        if begun is not None and ended < begun[0][0]:
            self._within = _BLOCK_LINES
        return Clean(replace(text, spans, mask), Counter(span.kind for span in spans))

    def _inside(self, text: str, data: bytes, most: int | None) -> Clean:
        """Let nothing of a key's body through; what cannot be a part of one ends it."""
        found = _END.search(data)
        if found is None and _BODY.match(data) is None:
            self._within = 0
            return self.clean(text, most)
        self._within = 0 if found is not None else self._within - 1
        behind = "" if found is None else text[found[0][1] :]
        rest = self.clean(behind, most) if behind.strip() else Clean("", Counter())
        return Clean(f"[PRIVATE_KEY]{rest.text}", rest.masked + Counter({"private_key": 1}))


def _last_end(data: bytes) -> int:
    ends = [spans[0][0] for spans in _END.each(data)]
    return ends[-1] if ends else -1
