"""The seal on one answer, where the rules want one: what is added to its head, and what ends its stream.

Where they want none nothing is hashed and every method returns what it was given.
"""

from __future__ import annotations

from collections.abc import Sequence

from strongroom.kernel.clock import Clock
from strongroom.signatures.answers import AnswerSigner, Facts, StreamSigner
from strongroom.wire import Headers

_OK = 200


class Seal:
    """Signs one answer of status 200, whole or streamed. An answer that fails half-way is never sealed."""

    __slots__ = ("_clock", "_facts", "_signer", "_stream")

    def __init__(self, signer: AnswerSigner | None, facts: Facts | None, clock: Clock) -> None:
        self._signer = signer
        self._facts = facts
        self._clock = clock
        self._stream: StreamSigner | None = None

    def whole(self, headers: Headers, body: bytes) -> Headers:
        """Return the head of a whole answer with this body."""
        if self._signer is None or self._facts is None:
            return headers
        kind = _content_type(headers)
        return [*headers, *self._signer.whole(self._facts, _OK, kind, body, self._now())]

    def head(self, headers: Headers) -> Headers:
        """Return the head of a streamed answer, of which nothing has left yet."""
        if self._signer is None or self._facts is None:
            return headers
        self._stream = self._signer.stream(self._facts, _OK, _content_type(headers))
        return [*headers, *self._facts.fields()]

    def passing(self, piece: bytes) -> bytes:
        """Return a piece of a stream, after taking note of it."""
        if self._stream is not None:
            self._stream.feed(piece)
        return piece

    def ending(self) -> bytes:
        """Return what comes after the last piece of a stream: the signature, or nothing."""
        return b"" if self._stream is None else self._stream.end(self._now())

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _content_type(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return next(value for name, value in headers if name == b"content-type")
