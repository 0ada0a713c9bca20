"""A text that comes in pieces: what may go on is let go, what could still become part of a span is held.

Always true here:
- What comes out does not depend on how the text was cut: decisions are made at fixed distances from its start, whatever the
  pieces are. One piece gives the same as a thousand.
- Nothing is let go in front of the last `HOLD` characters, nor from inside a span, a run that is still open, or a private key's
  block. A span with a space in it is shorter than `HOLD`, so its whole stands there before its first character could go.
- What is too long to be held is masked to its end if it is a secret, never let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from strongroom.privacy.actions import Find, Replacement
from strongroom.privacy.encoded import SEGMENT
from strongroom.privacy.folding import Folded, fold
from strongroom.privacy.matching import Pattern
from strongroom.privacy.model import Span

HOLD: Final = 64
"""Characters that are held back at least; entities of streams cut anywhere leaked at 16 and did not at 32."""
CONTEXT: Final = 160
"""Characters before them that are looked at again: a cue and the words between it and its value fit in."""
STEP: Final = 32
"""Characters between two looks."""
LONGEST: Final = SEGMENT
"""Characters of an open run or span that are held; beyond them it is masked, or let go up to its last ones if it is none."""
_MARGIN: Final = 6 * HOLD
"""Those last ones: a value that begins before them stands there whole, each of its characters escaped (`\\u0040`) even."""

REST: Final = "the rest of what was too long to be held"
"""The reason of a span that goes on with one that was told: nothing new was found."""

# What runs on without a space and could be, or hide, one value. Quotes, brackets, commas and semicolons end a value.
_RUN_END: Final = Pattern(r"[A-Za-z0-9+/=_.:@%~?&#!$*^|\\'-]+$")
_RUN_START: Final = Pattern(r"^[A-Za-z0-9+/=_.:@%~?&#!$*^|\\'-]+")
# Beginnings of secrets of any length: they are masked to the end of their run.
_ENDLESS: Final = Pattern(
    r"(?:^|[^A-Za-z0-9_-])(?:e[yw][A-Za-z0-9_-]{8,}\.|ops_eyJ|ZXlK[A-Za-z0-9]{16}|pypi-|fm[12][ar]?_|ya29\.|sntrys_)"
)
_PEM: Final = Pattern(r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BEGINS: Final = Pattern(r"-{1,5}(?:B(?:E(?:G(?:I(?:N[ A-Z0-9_-]{0,80})?)?)?)?)?$")
_PEM_END: Final = Pattern(r"-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----")
# Where a look may begin in the middle of a text without changing how the words after it are read.
_CLEAN: Final = Pattern(r"[a-z]{4,}[,;]? |[\r\n,;!?] ?")


class Quotes:
    """Knows whether one is inside a string of a JSON text that is passed over in pieces."""

    __slots__ = ("_escaped", "open")

    def __init__(self) -> None:
        self.open = False
        self._escaped = False

    def pass_over(self, piece: str) -> None:
        """Go on by a piece."""
        for character in piece:
            if self._escaped:
                self._escaped = False
            elif character == "\\":
                self._escaped = self.open
            elif character == '"':
                self.open = not self.open


class Held:
    """One text on its way.

    Args:
        find: finds spans in a text (`Engine.find`).
        replacement: what stands in a span's place.
        json: whether the text is JSON: what replaces something outside a string is put in quotes, and so stays JSON.
    """

    __slots__ = (
        "_context", "_find", "_pending", "_quotes", "_replacement", "_secret", "_taken", "_until", "gone", "met",
    )  # fmt: skip

    def __init__(self, find: Find, replacement: Replacement, *, json: bool = False) -> None:
        self._find = find
        self._replacement = replacement
        self._quotes = Quotes() if json else None
        self.gone = 0
        """Characters of the text that are no longer held, as they came."""
        self.met: list[Span] = []
        """What was replaced, by its place in the whole text. Whoever reads may empty it."""
        self._context = ""  # the end of what was let go, as it was
        self._pending = ""  # what is held
        self._taken = 0  # characters that have come
        self._secret = ""  # the type of what is masked until its end comes
        self._until: Pattern | None = None  # which is where this matches; nothing: where the run ends

    @property
    def taken(self) -> int:
        """How many characters of the text have come; what is looked at ends there."""
        return self._taken

    @property
    def begun(self) -> bool:
        """Whether anything of the text has come."""
        return self._taken > 0

    def feed(self, piece: str) -> str:
        """Take more of the text, and return what may go on."""
        if len(piece) < STEP - self._taken % STEP:  # nearly always: nothing is decided between two looks
            self._pending += piece
            self._taken += len(piece)
            return ""
        out: list[str] = []
        at = 0
        while at < len(piece):
            size = min(STEP - self._taken % STEP, len(piece) - at)
            self._pending += piece[at : at + size]
            self._taken += size
            at += size
            if self._taken % STEP == 0 and (self._secret or len(self._pending) > HOLD):
                out.append(self._look())
        return "".join(out)

    def finish(self) -> str:
        """Return the rest: the text has ended."""
        out: list[str] = []
        while self._secret and self._pending:
            out.append(self._swallow(last=True))
        spans, offset = self._spans()
        out.append(self._release(len(self._pending), spans, offset))
        return "".join(out)

    def hasten(self) -> str:
        """Return what may go although no more has come: what is outside any open span, up to the last plain word."""
        if self._secret or not self._pending:
            return ""
        spans, offset = self._spans()
        folded = fold(self._pending)
        place = _last_word(folded.data)
        cut = folded.original(0, place)[1] if place else 0
        for span in reversed(spans):
            if span.start - offset < cut <= span.end - offset:
                cut = span.start - offset
        return self._release(cut, spans, offset) if cut > 0 else ""

    def _look(self) -> str:
        out: list[str] = []
        while self._secret:
            before = len(self._pending)
            out.append(self._swallow(last=False))
            if self._secret or not self._pending or len(self._pending) == before:
                return "".join(out)
        if len(self._pending) <= HOLD:
            return "".join(out)
        spans, offset = self._spans()
        cut = self._cut(spans, offset)
        if cut > 0:
            out.append(self._release(cut, spans, offset))
        elif len(self._pending) > LONGEST:
            out.append(self._overlong(spans, offset))
        return "".join(out)

    def _spans(self) -> tuple[Sequence[Span], int]:
        """Return what is found in what is held with what stood before it, and where in that the held begins."""
        return self._find(self._context + self._pending), len(self._context)

    def _cut(self, spans: Sequence[Span], offset: int) -> int:
        """Return how many of the held characters may go: none from inside a span or from anything that is open."""
        cut = len(self._pending) - HOLD
        folded = fold(self._pending)
        cut = min(cut, self._opens(folded))
        for span in reversed(spans):
            if span.start - offset < cut < span.end - offset:
                cut = span.start - offset
        return cut

    def _opens(self, folded: Folded) -> int:
        """Return where the run begins that the held characters end with, or a private key that has not ended."""
        data = folded.data
        place = len(folded.text)
        run = _RUN_END.search(data)
        if run is not None:
            place = folded.original(*run[0])[0]
        if b"--" not in data:
            return place
        for match in _PEM.each(data):
            if _PEM_END.search(data, match[0][1]) is None:
                place = min(place, folded.original(*match[0])[0])
                break
        begins = _PEM_BEGINS.search(data)
        return place if begins is None else min(place, folded.original(*begins[0])[0])

    def _release(self, cut: int, spans: Sequence[Span], offset: int) -> str:
        """Let the first `cut` held characters go, with the spans among them replaced."""
        out: list[str] = []
        at = 0
        for span in spans:
            start, end = max(span.start - offset, at), min(span.end - offset, cut)
            if end <= start:
                continue
            out.append(self._pending[at:start])
            out.append(self._replaced(span.kind, self._pending[at:start], self._pending[start:end]))
            at = end
            self.met.append(span._replace(start=self.gone + start, end=self.gone + end))
        out.append(self._pending[at:cut])
        if self._quotes is not None:
            self._quotes.pass_over(self._pending[at:cut])
        self.gone += cut
        self._remember(self._pending[:cut])
        self._pending = self._pending[cut:]
        return "".join(out)

    def _replaced(self, kind: str, before: str, value: str) -> str:
        replaced = self._replacement(kind, value)
        if self._quotes is None:
            return replaced
        self._quotes.pass_over(before)
        return replaced if self._quotes.open else f'"{replaced}"'

    def _remember(self, gone: str) -> None:
        context = (self._context + gone)[-CONTEXT:]
        if len(context) == CONTEXT:
            folded = fold(context[: CONTEXT // 4])
            clean = _CLEAN.search(folded.data)
            if clean is not None:
                context = context[folded.original(*clean[0])[1] :]
        self._context = context

    def _overlong(self, spans: Sequence[Span], offset: int) -> str:
        """Do something about an open run or span of which more came than can be held."""
        folded = fold(self._pending)
        key = _PEM.search(folded.data)
        endless = _ENDLESS.search(folded.data[:HOLD])
        if key is not None and folded.original(*key[0])[0] == 0:
            return self._begin("private_key", _PEM_END)
        if endless is not None:
            return self._begin("jwt" if b"." in folded.data[:LONGEST] else "api_key", None)
        # A long run that is none: what is far from its end goes, up to a span that reaches there.
        cut = LONGEST - _MARGIN
        crossing = next((s for s in spans if s.start - offset < cut <= s.end - offset), None)
        if crossing is not None:
            if crossing.start <= offset:
                return self._begin(crossing.kind, None)
            cut = crossing.start - offset
        return self._release(cut, spans, offset)

    def _begin(self, kind: str, until: Pattern | None) -> str:
        self._secret, self._until = kind, until
        self.met.append(Span(self.gone, self.gone + len(self._pending), kind, 1.0, "too long to be held"))
        out = self._replaced(kind, "", self._pending[:1])
        return out + self._swallow(last=False)

    def _swallow(self, *, last: bool) -> str:
        """Drop what belongs to a secret that has been masked; its end lets the rest be looked at again."""
        folded = fold(self._pending)
        if self._until is not None:
            found = self._until.search(folded.data)
            end = -1 if found is None else folded.original(*found[0])[1]
            keep = 0 if last else HOLD + 32  # an end that has begun
        else:
            run = _RUN_START.match(folded.data)
            end = 0 if run is None else folded.original(*run[0])[1]
            end = -1 if end == len(self._pending) else end
            keep = 0
        if end < 0:
            end = max(0, len(self._pending) - keep)
            self._drop(end)
            return ""
        self._drop(end)
        self._secret, self._until, self._context = "", None, ""
        return ""

    def _drop(self, size: int) -> None:
        if size:
            self.met.append(Span(self.gone, self.gone + size, self._secret, 1.0, REST))
            self.gone += size
            self._pending = self._pending[size:]


def _last_word(data: bytes) -> int:
    """Return where the last word ends, with the space behind it; words are of letters alone, and written as words are."""
    end = len(data)
    while end > 0:
        last = len(data[:end].rstrip(b" \r\n"))
        start = max(data.rfind(b" ", 0, last), data.rfind(b"\n", 0, last)) + 1
        token = data[start:last]
        word = token.lstrip(b"\"'(").rstrip(b".,;:!?)\"'")
        if not token or (_is_word(word) and (last < len(data) or word == token)):
            return end
        end = start
    return 0


def _is_word(word: bytes) -> bool:
    return word.isalpha() and (len(word) == 1 or word[1:].islower()) and len(word) <= _LONGEST_WORD


_LONGEST_WORD: Final = 20
