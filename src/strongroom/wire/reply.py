"""The answer to one request.

Always true here:
- framing is written by this module alone, and a body is held to the length that was announced;
- whatever goes wrong after the head has left ends in a cut connection: a client never takes half an answer for a whole.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, Protocol

from strongroom.wire.errors import ClientGone
from strongroom.wire.fields import encode_fields, parse_length
from strongroom.wire.request import Headers, Request

_STATUS_LINES: Final = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus}
_BODILESS: Final = frozenset({204, 304})
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Line(Protocol):
    """What a reply needs of its connection."""

    keep_alive: bool

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport; raises `ClientGone` after the connection ended."""
        ...

    @property
    def writable(self) -> bool:
        """Whether the client keeps up."""
        ...

    async def drained(self) -> None:
        """Wait until it does."""
        ...

    def date(self) -> bytes:
        """Return the Date line of this second."""
        ...

    def cut(self, *, reset: bool) -> None:
        """End the connection without a clean end; `reset` when the connection's end is the answer's end."""
        ...


class Reply:
    """Writes one answer; exactly one of `send` or `start`…`end` per request.

    Framing fields (`content-length`, `transfer-encoding`, `connection`, `date`) belong to the wire: leave them out,
    except that `start` may be given a `content-length`, which is then held to.
    """

    __slots__ = ("_announced", "_chunked", "_left", "_line", "_mute", "_version_1_0", "finished", "started")

    def __init__(self, line: Line, request: Request) -> None:
        self._line = line
        self._mute = request.method == "HEAD"
        self._version_1_0 = request.version == "1.0"
        self._chunked = False
        self._left: int | None = None
        self._announced = b""
        self.started = False
        """Whether a status has been written: from then on only `abort` can say that something went wrong."""
        self.finished = False
        """Whether the answer is complete."""

    def announce(self, headers: Headers) -> None:
        """Say more in the head of whatever answer comes: what is known before the answer is.

        Raises:
            ValueError: when a field is malformed.
        """
        self._announced += encode_fields(headers)

    async def send(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Write a whole answer and wait while the client is slow.

        Raises:
            ValueError: when a field is malformed; nothing has been written then.
            RuntimeError: when an answer was started before.
            ClientGone: when there is nobody to answer.
        """
        framing = b"" if status in _BODILESS else b"content-length: %d\r\n" % len(body)
        head = self._head(status, headers, framing)
        self.started = self.finished = True
        self._line.write(head if self._mute or status in _BODILESS else head + body)
        if not self._line.writable:
            await self._line.drained()

    def start(self, status: int, headers: Headers) -> None:
        """Write the head of a streamed answer at once (chunked unless a `content-length` is among `headers`).

        Raises:
            ValueError: when a field is malformed; nothing has been written then.
            RuntimeError: when an answer was started before.
            ClientGone: when there is nobody to answer.
        """
        lengths = [value for name, value in headers if name == b"content-length"]
        left, chunked, framing = None, False, b""
        if lengths:
            left = parse_length(lengths[0])
            if left is None or len(lengths) > 1:
                raise ValueError("content-length is malformed")
            headers = [field for field in headers if field[0] != b"content-length"]
            framing = b"" if status in _BODILESS else b"content-length: %d\r\n" % left
        elif status not in _BODILESS and not self._version_1_0:
            chunked, framing = True, b"transfer-encoding: chunked\r\n"
        head = self._head(status, headers, framing)
        self._mute = self._mute or status in _BODILESS
        self._left, self._chunked, self.started = left, chunked, True
        self._line.write(head)

    async def write(self, chunk: bytes) -> None:
        """Write a piece of the body and wait while the client is slow. An empty piece writes nothing.

        Raises:
            RuntimeError: outside `start`…`end`, or beyond the announced length; the connection is cut then.
            ClientGone: when there is nobody to answer.
        """
        self.push(chunk)
        if not self._line.writable:
            await self._line.drained()

    def push(self, chunk: bytes) -> None:
        """Write a piece as `write` does, without waiting: for little, by whoever cannot wait.

        Raises:
            RuntimeError: as `write`.
            ClientGone: as `write`.
        """
        self._require_open()
        if self._mute or not chunk:
            return
        if self._chunked:
            self._line.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        else:
            if self._left is not None:
                self._left -= len(chunk)
                if self._left < 0:
                    self.abort()
                    raise RuntimeError("the body is longer than announced")
            self._line.write(chunk)

    async def end(self) -> None:
        """Finish a streamed answer.

        Raises:
            RuntimeError: outside `start`, or short of the announced length; the connection is cut then.
            ClientGone: when there is nobody to answer.
        """
        self._require_open()
        if self._left and not self._mute:
            self.abort()
            raise RuntimeError("the body is shorter than announced")
        if self._chunked and not self._mute:
            self._line.write(_LAST_CHUNK)
        self.finished = True
        if not self._line.writable:
            await self._line.drained()

    def abort(self) -> None:
        """Cut the connection, so that the client sees a truncated answer and not a clean end."""
        self._line.cut(reset=self.started and not self._chunked and self._left is None)
        self.started = self.finished = True

    def _head(self, status: int, headers: Headers, framing: bytes) -> bytes:
        if self.started:
            raise RuntimeError("this request has been answered")
        if not 200 <= status <= 599:  # noqa: PLR2004 - RFC 9110 §15: final statuses
            raise ValueError("not a final status")
        return b"".join(
            (
                status_line(status),
                encode_fields(headers),
                self._announced,
                framing,
                self._line.date(),
                b"\r\n" if self._line.keep_alive else b"connection: close\r\n\r\n",
            )
        )

    def _require_open(self) -> None:
        if not self.started or self.finished:
            raise RuntimeError("there is no answer to go on with")


def status_line(status: int) -> bytes:
    """Return the first line of an answer; a status without a name has none on the wire either."""
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def gone() -> ClientGone:
    """Return the one way of saying that nobody listens any more."""
    return ClientGone("the client has left")
