"""Server-sent events: an incremental parser and an encoder (WHATWG HTML §9.2).

Always true here:
- the events do not depend on how the bytes were cut;
- an event is decoded only when it is complete, so no character is ever split;
- an event is bounded; time and memory are linear in what was fed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_TEXT_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One dispatched event.

    Attributes:
        data: the data lines joined by newlines.
        event: the event's type; "" means "message".
        id: the last event id as of this event.
        retry: reconnection time in milliseconds, when this event carried one.
    """

    data: str
    event: str = ""
    id: str = ""
    retry: int | None = None


class SseTooLarge(ValueError):  # noqa: N818 - named for what happened
    """An event grew beyond the parser's bound."""


class SseParser:
    """Turns bytes in any chunking into complete events. An event that the stream does not finish is never told."""

    def __init__(self, *, max_event_bytes: int = 1024 * 1024) -> None:
        self._max = max_event_bytes
        self._pieces: list[bytes] = []  # of the line that is still coming
        self._piece_bytes = 0
        self._skip_lf = False
        self._at_start = True
        self._last_id = ""
        self._clear()

    def _clear(self) -> None:
        self._data: list[str] = []
        self._event = ""
        self._retry: int | None = None
        self._size = 0

    def feed(self, data: bytes) -> Iterator[SseEvent]:
        """Yield the events that `data` completes; iterate to the end before feeding again.

        Raises:
            SseTooLarge: when an event exceeds the bound; the parser is of no use then.
        """
        if self._skip_lf and data:  # the second half of a CRLF that was cut in two
            self._skip_lf = False
            data = data[1:] if data.startswith(b"\n") else data
        if not data:
            return
        only = self.only(data)
        if only is not None:
            yield SseEvent(only, "", self._last_id)
            return
        self._skip_lf = data.endswith(b"\r")
        lines = _LINE_END.split(data)
        for line in lines[:-1]:
            if self._pieces:
                line = b"".join((*self._pieces, line))  # noqa: PLW2901 - the whole of the same line
                self._pieces.clear()
                self._piece_bytes = 0
            event = self._take_line(line)
            if event is not None:
                yield event
        if lines[-1]:
            self._pieces.append(lines[-1])
            self._piece_bytes += len(lines[-1])
            self._check(self._size + self._piece_bytes)

    def only(self, data: bytes) -> str | None:
        """Return the event's data if `data` is one whole event of one line, and nothing is pending: what nearly every piece is.

        None: it is to be fed.
        """
        if (
            data.find(b"\n") == len(data) - 2
            and data.startswith(b"data: ")
            and data.endswith(b"\n\n")
            and b"\r" not in data
            and len(data) <= self._max
            and not (
                self._size or self._pieces or self._skip_lf or self._data or self._event or self._retry is not None
            )
        ):
            self._at_start = False
            return data[6:-2].decode("utf-8", "replace")
        return None

    def _check(self, size: int) -> None:
        if size > self._max:
            raise SseTooLarge(f"an event is larger than {self._max} bytes")

    def _take_line(self, line: bytes) -> SseEvent | None:
        if self._at_start:
            self._at_start = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        self._check(self._size + len(line))
        if line.startswith(b":"):  # a comment; keep-alives must not add up to a large event
            return None
        self._size += len(line)
        name, _, value = line.partition(b":")
        self._take_field(name, value.removeprefix(b" ").decode("utf-8", "replace"))
        return None

    def _take_field(self, name: bytes, value: str) -> None:
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id":
            if "\0" not in value:
                self._last_id = value
        elif name == b"retry" and value.isascii() and value.isdigit():
            self._retry = int(value[:18])

    def _dispatch(self) -> SseEvent | None:
        event = None
        if self._data:
            event = SseEvent("\n".join(self._data), self._event, self._last_id, self._retry)
        self._clear()
        return event


def encode_event(event: SseEvent) -> bytes:
    """Return `event` as bytes ending in a blank line. Line ends within `data` come out as newlines.

    Raises:
        ValueError: when the type or id holds a line end, or the id a NUL.
    """
    if _TEXT_LINE_END.search(event.event) or _TEXT_LINE_END.search(event.id) or "\0" in event.id:
        raise ValueError("an event's type and id are single lines")
    lines = [f"event: {event.event}"] if event.event else []
    if event.id:
        lines.append(f"id: {event.id}")
    if event.retry is not None:
        lines.append(f"retry: {event.retry}")
    lines.extend(f"data: {line}" for line in _TEXT_LINE_END.split(event.data))
    return ("\n".join(lines) + "\n\n").encode()


def encode_data(data: bytes) -> bytes:
    """Return an event of one data line, the hot path for JSON.

    Raises:
        ValueError: when `data` holds a line end, which JSON on one line never does.
    """
    if b"\n" in data or b"\r" in data:
        raise ValueError("the data of this event is one line")
    return b"data: %b\n\n" % data
