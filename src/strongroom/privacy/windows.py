"""Reading a text for names while it comes: in windows, each with what stands around it.

Always true here (no I/O):
- where a window ends depends on the text alone, never on the pieces in which it comes;
- each character belongs to the block of exactly one window, and what the model tells of a block comes from its window alone: so
  what was let go after one window is not judged again by the next;
- what begins in a block belongs to it, to its own end; of what a window sees begin before its block, what is held yet belongs
  to it, too.

A block ends where a sentence does, or a line: names seldom go on there. The model is given what stands before and behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from strongroom.privacy.model import Span

LEAST: Final = 256
"""Characters of a block at least, but for the last of a text: reading costs by the window."""
MOST: Final = 512
"""And at most: a text without an end of a sentence is cut behind a space, and one without spaces anywhere."""
AHEAD: Final = 96
"""Characters behind a block that must have come before it is read."""
BEHIND: Final = 192
"""Characters before a block that are read again with it."""

_ENDS: Final = ".!?\u3002\uff01\uff1f"


class Window(NamedTuple):
    """What is to be read at once, and of which part of it something is to be told.

    Attributes:
        text: to be read.
        at: where in the whole text it begins.
        start: where its block begins.
        end: where its block ends.
    """

    text: str
    at: int
    start: int
    end: int

    @property
    def block(self) -> str:
        """The characters that are told of."""
        return self.text[self.start - self.at : self.end - self.at]

    def placed(self, told: Iterable[Span], gone: int) -> list[Span]:
        """Return what a model told of `text`, by place in the whole text: what reaches into this block, or begins there.

        Args:
            told: by the model.
            gone: how many characters of the whole text are no longer held: nothing can be done about these.
        """
        return [
            span._replace(start=max(span.start + self.at, gone), end=span.end + self.at)
            for span in told
            if span.end + self.at > self.start and span.start + self.at < self.end
        ]


class Windows:
    """One text on its way to a model of names."""

    __slots__ = ("_at", "_looked", "_start", "_text", "taken")

    def __init__(self) -> None:
        self._text = ""  # from `_at` on
        self._at = 0
        self._start = 0  # of the next block
        self._looked = 0  # before here no block ends
        self.taken = 0
        """How many characters have come."""

    def feed(self, piece: str) -> None:
        """Take more of the text."""
        self._text += piece
        self.taken += len(piece)

    def ready(self) -> list[Window]:
        """Return the windows that are complete, each once."""
        found: list[Window] = []
        while (end := self._end()) is not None:
            found.append(self._window(end, end + AHEAD))
        return found

    def rest(self) -> list[Window]:
        """Return the windows that are left of a text that has ended."""
        found = self.ready()
        while self._start < self.taken:
            # What is left is short of a block and what must stand behind it, so it may be longer than a block by that.
            found.append(self._window(self.taken, self.taken))
        return found

    def _end(self) -> int | None:
        """Return where the next block ends; None: what decides that, or must stand behind it, has not come."""
        upto = min(self._start + MOST, self.taken + 1)
        for place in range(max(self._looked, self._start + LEAST), upto):
            self._looked = place
            if self._ends(place - self._at):
                return place if self.taken >= place + AHEAD else None
        if self.taken < self._start + MOST + AHEAD:
            return None
        first, last = self._start + LEAST - self._at, self._start + MOST - self._at
        space = max(self._text.rfind(each, first, last) for each in " \t")
        return self._at + (last if space < 0 else space + 1)

    def _ends(self, place: int) -> bool:
        """Whether a sentence or a line has ended before the character at `place`."""
        before = self._text[place - 1]
        return before == "\n" or (before.isspace() and self._text[place - 2] in _ENDS)

    def _window(self, end: int, upto: int) -> Window:
        window = Window(self._text[: upto - self._at], self._at, self._start, end)
        at = max(self._at, end - BEHIND)
        self._text, self._at, self._start = self._text[at - self._at :], at, end
        return window


class Placed:
    """What was read of a text that is looked at piece by piece, as a detector: of each piece what lies in it.

    Args:
        taken: how many characters of the text have come to whoever looks; what is looked at ends there.
    """

    def __init__(self, taken: Callable[[], int]) -> None:
        self._taken: Final = taken
        self._spans: list[Span] = []

    def add(self, spans: Sequence[Span]) -> None:
        """Know more."""
        self._spans += spans

    def find(self, text: str) -> list[Span]:
        """Return what was read of the last characters that have come, which are `text`."""
        base = self._taken() - len(text)
        self._spans = [span for span in self._spans if span.end > base]
        return [
            span._replace(start=max(span.start - base, 0), end=min(span.end - base, len(text)))
            for span in self._spans
            if span.start - base < len(text)
        ]
