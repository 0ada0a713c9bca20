"""A stream that a model of names reads: texts go window by window, and what is no text of words waits for the end.

Always true here:
- of a text nothing is looked at, and so nothing leaves, that the model has not read (`privacy.windows`);
- a text that is JSON, a call's arguments, and what comes of a choice behind either or behind its end are held to the end of the
  stream (`guard_names.Whole`): each is read and looked at as a whole;
- a choice that begins to answer has ended its reasoning: what waits of that goes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from strongroom.gateway.exchange.answers import CallDelta, Event, Finished, ReasoningDelta, TextDelta
from strongroom.gateway.guard_looks import JSON_BEGINS
from strongroom.gateway.guard_names import MOST_HELD, Whole
from strongroom.privacy.stream import Held
from strongroom.privacy.windows import Placed, Window, Windows

Place: TypeAlias = tuple[int, type[TextDelta | ReasoningDelta]]


class Text:
    """One text: what has come of it, what was read of it, and what is held."""

    __slots__ = ("closed", "held", "place", "placed", "windows")

    def __init__(self, place: Place, make: Callable[[Placed], Held]) -> None:
        self.place: Final = place
        self.windows: Final = Windows()
        self.placed: Final = Placed(lambda: self.held.taken)
        self.held: Held = make(self.placed)
        self.closed = False
        """Whether no more comes: what waits is read at once."""


class Windowed:
    """The texts of one stream, and what waits for its end.

    Args:
        make: makes what holds a text, given what is read of it.
        note: is told of each piece of a text, with whether it is the first: scores go with it.
        json: whether texts were asked for as JSON.
    """

    def __init__(self, make: Callable[[Placed], Held], note: Callable[[TextDelta, bool], None], *, json: bool) -> None:
        self._make: Final = make
        self._note: Final = note
        self._json: Final = json
        self._texts: dict[Place, Text] = {}
        self._begun: dict[Place, list[TextDelta | ReasoningDelta]] = {}  # white space so far
        self._blank = 0  # of that: characters, and events
        self._late: set[Place] = set()  # what of these comes waits for the end
        self.whole: Final = Whole()

    def take(self, events: Iterable[Event]) -> bool:
        """Take events; say whether they may still be held."""
        for event in events:
            if isinstance(event, TextDelta | ReasoningDelta):
                self._take(event)
                continue
            if isinstance(event, CallDelta | Finished):
                for kind in (TextDelta, ReasoningDelta):
                    self._end((event.choice, kind))
            self.whole.take([event])
        return self.whole.fits and self._blank <= MOST_HELD

    def ready(self) -> list[tuple[Text, Window]]:
        """Return what is to be read now, in order; each once."""
        return [
            (text, window)
            for text in self._texts.values()
            for window in (text.windows.rest() if text.closed else text.windows.ready())
        ]

    def rest(self) -> list[tuple[Text, Window]]:
        """Return what is left to be read of texts that go by windows: the stream has ended."""
        for place in [*self._texts]:
            self._end(place)
        return self.ready()

    def over(self) -> list[Text]:
        """Return the texts that are closed, each once: when they were read, what is held of them may go."""
        over = [text for text in self._texts.values() if text.closed]
        for text in over:
            del self._texts[text.place]
        return over

    def _take(self, event: TextDelta | ReasoningDelta) -> None:
        place: Place = event.choice, type(event)
        if place in self._late:
            self.whole.take([event])
            return
        text = self._texts.get(place)
        if text is None:
            before = self._begun.setdefault(place, [])
            before.append(event)
            self._blank += 1 + len(event.text)
            begins = event.text.lstrip()[:1]
            if not begins:
                return
            del self._begun[place]
            if isinstance(event, TextDelta):
                self._end((event.choice, ReasoningDelta))
                if self._json or begins in JSON_BEGINS:
                    self._late.add(place)
                    self.whole.take(before)
                    return
            text = self._texts[place] = Text(place, self._make)
            for each in before:
                self._feed(text, each)
            return
        self._feed(text, event)

    def _feed(self, text: Text, event: TextDelta | ReasoningDelta) -> None:
        if isinstance(event, TextDelta):
            self._note(event, text.windows.taken > 0)
        text.windows.feed(event.text)

    def _end(self, place: Place) -> None:
        """Say that a text has ended: what comes of it after that is another, which waits for the end of the stream."""
        self._late.add(place)
        self.whole.take(self._begun.pop(place, ()))
        if place in self._texts:
            self._texts[place].closed = True
