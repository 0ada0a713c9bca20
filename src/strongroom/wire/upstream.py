"""One connection to an upstream, and the reply it is reading.

Always true here:
- a reply must say itself where it ends (Content-Length or chunked, never both, never the connection's end): a reply that
  was cut off cannot pass for a whole one;
- the connection is `reusable` only after a reply that was framed exactly, consumed to the end and followed by nothing;
- the first failure is final, closes the socket and reaches whoever waits.
"""

from __future__ import annotations

import asyncio
import select
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final, cast

import httptools

from strongroom.wire.errors import ClientError, DeadlineExceeded, ProtocolFault, Truncated
from strongroom.wire.limits import ReplyLimits
from strongroom.wire.request import Headers

_JOIN_BELOW_BYTES: Final = 64 * 1024
_BODILESS: Final = frozenset({204, 304})
_SWITCHING: Final = 101
_FINAL: Final = 200
NEVER: Final = float("inf")
_SINGLE: Final = frozenset({b"content-length", b"content-type", b"transfer-encoding"})


class Response:
    """A reply whose head has arrived. Whoever opened it closes it; from then on its connection may be another's."""

    __slots__ = ("_afterwards", "_first", "_on_closed", "_upstream", "headers", "status")

    def __init__(self, upstream: Upstream, on_closed: Callable[[Upstream], None]) -> None:
        self._upstream: Upstream | None = upstream
        self._on_closed = on_closed
        self._afterwards: Callable[[], None] | None = None
        self._first = upstream.first
        self.status = upstream.status
        self.headers: Headers = upstream.fields

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the field `name` (lower case), or None."""
        return self._first.get(name)

    async def read(self, max_bytes: int) -> bytes:
        """Return the whole body.

        Raises:
            ProtocolFault: when it is longer than `max_bytes`.
            ClientError: any other kind, when the body does not arrive whole.
        """
        upstream = self._open()
        body = upstream.whole()
        if body is None:
            first = await upstream.next_piece()
            pieces, size = [first], len(first)
            while pieces[-1] and size <= max_bytes:
                pieces.append(await upstream.next_piece())
                size += len(pieces[-1])
            body = b"".join(pieces)
        if len(body) > max_bytes:
            raise ProtocolFault(f"the reply's body is longer than {max_bytes} bytes")
        return body

    async def stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; ends only when the reply is complete, else raises a `ClientError`."""
        while piece := await self._open().next_piece():
            yield piece

    def close(self) -> None:
        """Give the connection back, or close it if the reply was not read to its end. Closing again does nothing."""
        upstream, self._upstream = self._upstream, None
        if upstream is None:
            return
        try:
            self._on_closed(upstream)
        finally:
            if self._afterwards is not None:
                self._afterwards()

    def afterwards(self, do: Callable[[], None]) -> None:
        """Have `do` called once the connection is given back or closed."""
        self._afterwards = do

    def _open(self) -> Upstream:
        if self._upstream is None:
            raise RuntimeError("the response is closed")
        return self._upstream


class Upstream(asyncio.Protocol):
    """The client's end of one connection."""

    def __init__(
        self, limits: ReplyLimits, on_lost: Callable[[Upstream], None], on_deadline: Callable[[float], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._limits = limits
        self._on_lost = on_lost
        self._on_deadline = on_deadline
        self.deadline = NEVER
        self._transport: asyncio.Transport
        self._parser = httptools.HttpResponseParser(self)
        self._poll = select.poll()
        self._waiter: asyncio.Future[None] | None = None
        self._error: ClientError | None = None
        self._lost = True  # until it is connected
        self._reading = True
        self._active = False
        self._dirty = False
        self.idle_since = self._loop.time()
        self._reset("")

    def _reset(self, method: str) -> None:
        self._method = method
        self.status = 0
        self.fields: list[tuple[bytes, bytes]] = []
        self.first: dict[bytes, bytes] = {}
        self._head_bytes = 0
        self._interim = 0
        self._spoken = False
        self.headed = False
        self._complete = False
        self._pieces: deque[bytes] = deque()
        self._buffered = 0

    # --- the pool's side

    def send(self, method: str, head: bytes, body: bytes, deadline: float) -> None:
        """Send a request; `deadline` (loop time) holds until its reply is read."""
        self._reset(method)
        self._active = True
        self.deadline = deadline
        self._on_deadline(deadline)
        if len(body) < _JOIN_BELOW_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    def finish(self) -> bool:
        """End the exchange and say whether the connection may carry another."""
        self.deadline = NEVER
        self._active = False
        self.idle_since = self._loop.time()
        return (
            self._complete
            and not self._pieces
            and not self._dirty
            and self._error is None
            and not self._lost
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
        )

    def is_fresh(self, now: float, idle_s: float) -> bool:
        """Whether an idle connection may be written to: young, open, and with nothing to read, not even its end."""
        return (
            not self._lost
            and not self._transport.is_closing()
            and now - self.idle_since < idle_s
            and not self._poll.poll(0)
        )

    def close(self) -> None:
        """End the connection at once; whoever waits sees `Truncated`."""
        if not self._lost:
            self._fail(Truncated("the connection was closed on this side"))

    # --- the response's side

    def whole(self) -> bytes | None:
        """Return what is left of the body, if all of it is here in one piece, as it nearly always is."""
        if not self._complete or len(self._pieces) != 1:
            return None
        self._buffered = 0
        return self._pieces.popleft()

    async def next_piece(self) -> bytes:
        """Return the next piece of the body, or b"" when the reply is complete."""
        while not self._pieces:
            if self._complete:
                return b""
            await self.news()
        piece = self._pieces.popleft()
        self._buffered -= len(piece)
        if not self._reading and self._buffered <= self._limits.max_buffer_bytes // 2:
            self._reading = True
            self._transport.resume_reading()
        return piece

    def news(self) -> asyncio.Future[None]:
        """Return what is done once anything has come of the reply, or its end. To be awaited at once, by one task.

        Raises:
            ClientError: when the exchange has failed.
        """
        if self._error is not None:
            raise self._error
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _fail(self, error: ClientError) -> None:
        if self._error is None and not self._complete:
            self._error = error
        self._dirty = True
        self._transport.abort()
        self._wake()

    def expire(self) -> None:
        """End the exchange because its deadline has passed."""
        self._fail(DeadlineExceeded("the upstream did not finish in time"))

    # --- transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and the means to look at its socket."""
        self._transport = cast("asyncio.Transport", transport)
        self._lost = False
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)

    def data_received(self, data: bytes) -> None:
        """Read on; bytes that nobody asked for end the connection."""
        if not self._active:
            self._fail(ProtocolFault("the upstream spoke out of turn"))
            return
        try:
            if not self._spoken:
                self._spoken = True
                if not data.startswith(b"H"):  # llhttp would also take RTSP, ICE and empty lines
                    raise ProtocolFault("malformed reply: not HTTP")
            if not self.headed:
                self._head_bytes += len(data)
            self._parser.feed_data(data)
            if not self.headed and self._head_bytes > self._limits.max_header_bytes:
                raise ProtocolFault("the reply's fields are too large")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__
            self._fail(cause if isinstance(cause, ClientError) else ProtocolFault(f"malformed reply: {error}"))
        except ProtocolFault as fault:
            self._fail(fault)
        if self._buffered > self._limits.max_buffer_bytes and self._reading:
            self._reading = False
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits, and the pool."""
        del exc
        self._lost = True
        if self._error is None and not self._complete:
            self._error = Truncated("the upstream closed the connection before its reply was complete")
        self._wake()
        self._on_lost(self)

    # --- llhttp's side

    def on_message_begin(self) -> None:
        """Begin a message; after the reply there must be none."""
        if self._complete:
            raise ProtocolFault("data follows the reply")
        self.fields = []
        self.first = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one field; a trailer is dropped."""
        if self.headed:
            return
        name = name.lower()
        value = value.rstrip(b" \t")
        if name not in self.first:
            self.first[name] = value
        elif name in _SINGLE:
            raise ProtocolFault(f"more than one {name.decode('ascii')} field")
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the framing and let the head out."""
        status = self._parser.get_status_code()
        if status < _FINAL:
            self._interim += 1
            if status == _SWITCHING or self._interim > self._limits.max_interim:
                raise ProtocolFault("an unwanted interim reply")
            return
        limits = self._limits
        if len(self.fields) > limits.max_headers:
            raise ProtocolFault("the reply has too many fields")
        if self._head_bytes > limits.max_header_bytes and _bytes_of(self.fields) > limits.max_header_bytes:
            raise ProtocolFault("the reply's fields are too large")
        self.status = status
        self._check_framing(status)
        self.headed = True
        if self._method == "HEAD":
            # llhttp cannot know that no body follows, so this connection ends here.
            self._complete = self._dirty = True
        self._wake()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if not self._complete:
            self._pieces.append(data)
            self._buffered += len(data)
            self._wake()

    def on_message_complete(self) -> None:
        """Finish the reply, unless it was an interim one."""
        if not self.headed or self._complete:
            return
        self._complete = True
        if not self._parser.should_keep_alive():
            self._dirty = True
        self._wake()

    def _check_framing(self, status: int) -> None:
        version = self._parser.get_http_version()
        encoding = self.first.get(b"transfer-encoding")
        length = self.first.get(b"content-length")
        if version not in {"1.1", "1.0"}:
            raise ProtocolFault("the reply is not HTTP/1.1")
        if encoding is not None and (length is not None or version == "1.0" or encoding.lower() != b"chunked"):
            raise ProtocolFault("the reply's framing is ambiguous")
        if encoding is None and length is None and status not in _BODILESS and self._method != "HEAD":
            raise ProtocolFault("the reply does not say where it ends")
        if status in _BODILESS and encoding is not None:
            raise ProtocolFault("a reply that can have no body announces one")


def _bytes_of(fields: Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in fields)
