"""Server-sent events: an incremental parser and an encoder (WHATWG HTML §9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


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
    """Turns bytes in any chunking into complete events."""

    def __init__(self, *, max_event_bytes: int = 1024 * 1024) -> None:
        raise NotImplementedError

    def feed(self, data: bytes) -> Iterator[SseEvent]:
        """Return the events that `data` completes; raises `SseTooLarge`."""
        raise NotImplementedError


def encode_event(event: SseEvent) -> bytes:
    """Return `event` as bytes ending in a blank line."""
    raise NotImplementedError


def encode_data(data: bytes) -> bytes:
    """Return an event of one data line, the hot path for JSON; `data` must hold no CR or LF."""
    raise NotImplementedError
