"""Bytes in, one request at a time out; no I/O.

Always true here:
- two readers must agree: this module finds where a message ends, llhttp reads the same bytes, and a request exists only
  if llhttp finished exactly there;
- nothing of the next request is parsed before the caller asks for it: what came early waits in `rest`;
- the first fault is final, the connection must be closed after it.

Stricter than RFC 9112 asks. Refused: absolute-form and authority-form targets (this is never a proxy) and `*`, empty
lines before a request, repeated fields that must be single, Upgrade, chunk extensions, Transfer-Encoding other than
`chunked` alone or in HTTP/1.0.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

import httptools

from strongroom.wire.fields import REQUEST_LINE, REQUEST_LINE_ANY, parse_host, parse_length
from strongroom.wire.framing import ChunkScanner, FramingError
from strongroom.wire.limits import Limits
from strongroom.wire.request import Request

_METHODS: Final = {m.encode(): m for m in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_REFUSED_METHODS: Final = frozenset({b"CONNECT", b"TRACE", b"PRI"})
_SINGLE: Final = frozenset(
    {b"authorization", b"content-length", b"content-type", b"expect", b"host", b"origin", b"transfer-encoding"}
)
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")  # half of a line's end without its other half
_LINE_OVERHEAD: Final = 32  # method, version and spaces beside the target


class Fault(Exception):  # noqa: N818 - an answer, not an error of this process
    """The request cannot be taken; the connection must answer `status` and close."""

    def __init__(self, status: int, tell: str) -> None:
        super().__init__(tell)
        self.status = status
        self.tell = tell


class Phase(Enum):
    """How far the current request has come."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()


class Intake:
    """Reads the requests of one connection."""

    def __init__(
        self, limits: Limits, *, peer: tuple[str, int] = ("", 0), tls_peer: bytes | None = None, secure: bool = False
    ) -> None:
        self._limits = limits
        self._peer = peer
        self._tls_peer = tls_peer
        self._secure = secure
        self._parser = httptools.HttpRequestParser(self)
        self.phase = Phase.IDLE
        self.rest = b""
        self._scanned = 0  # how much of a partial head in `rest` has been looked at
        self.body_bytes = 0
        self.expects_continue = False
        self.keep_alive = True
        self._reset()

    def _reset(self) -> None:
        self._request: Request | None = None
        self._fields: list[tuple[bytes, bytes]] = []
        self._first: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self._left = 0
        self._chunks: ChunkScanner | None = None
        self._complete = False

    def feed(self, data: bytes) -> Request | None:
        """Take `data` (behind what is in `rest`) and return a request if one is now complete.

        After a request, call again with `b""` to go on with `rest`.

        Raises:
            Fault: once; nothing may be fed afterwards.
        """
        if self.rest:
            data = self.rest + data
            self.rest = b""
        if not data:
            return None
        try:
            if self.phase is not Phase.BODY:
                after = self._take_head(data)
                if after is None:
                    return None
                data = after
            return self._take_body(data)
        except FramingError as error:
            raise Fault(400, f"Malformed request body: {error}.") from None
        except httptools.HttpParserUpgrade:
            raise Fault(400, "Protocol upgrades are not served here.") from None
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, Fault):
                raise error.__context__ from None
            raise Fault(400, f"Malformed request: {error}.") from None

    # --- head

    def _take_head(self, data: bytes) -> bytes | None:
        """Consume a whole head and return what follows, or keep `data` as `rest` and return None."""
        self.phase = Phase.HEAD
        end = data.find(b"\r\n\r\n", max(self._scanned - 3, 0)) + 4
        if end < 4:  # noqa: PLR2004 - not found
            self._check_partial(data)
            self._scanned = len(data)
            self.rest = data
            return None
        self._scanned = 0
        line = REQUEST_LINE.match(data)
        if line is None or line.end(2) - line.start(2) + len(line[3] or b"") >= self._limits.max_target_bytes:
            raise self._line_fault(data)
        method = _METHODS.get(line[1])
        if method is None:
            raise _method_fault(line[1])
        if end > self._limits.max_header_bytes:
            raise Fault(431, "The request's fields are too large.")
        self._parser.feed_data(data[:end])
        self._request = Request(
            method=method,
            path=line[2].decode("ascii"),
            query=line[3] or b"",
            headers=self._fields,
            peer=self._peer[0],
            peer_port=self._peer[1],
            tls_peer=self._tls_peer,
            secure=self._secure,
            version="1.1" if line[4] == b"1" else "1.0",
            first=self._first,
        )
        self._check_head(self._request)
        self.phase = Phase.BODY
        return data[end:]

    def _check_partial(self, data: bytes) -> None:
        """Refuse early what no further byte can mend, so that it does not wait for a timeout."""
        # From where the last look ended, which may have been between CR and LF; tiny pieces are not read anew each time.
        if _BARE.search(data, max(self._scanned - 1, 0)):
            raise Fault(400, "Malformed request: a line ends without CR LF.")
        if not b"A" <= data[:1] <= b"Z":
            raise Fault(400, "Malformed request line.")
        if b"\r\n" in data:
            if REQUEST_LINE.match(data) is None:
                raise self._line_fault(data)
        elif len(data) > self._limits.max_target_bytes + _LINE_OVERHEAD:
            raise Fault(414, "The request target is too long.")
        if len(data) > self._limits.max_header_bytes:
            raise Fault(431, "The request's fields are too large.")

    def _line_fault(self, data: bytes) -> Fault:
        line = REQUEST_LINE_ANY.match(data)
        if line is None:
            return Fault(400, "Malformed request line.")
        method, target, major, minor = line.groups()
        if method in _REFUSED_METHODS:
            return _method_fault(method)
        if (major, minor) not in {(b"1", b"1"), (b"1", b"0")}:
            return Fault(400 if major == b"0" else 505, "Only HTTP/1.1 is spoken here.")
        if len(target) > self._limits.max_target_bytes:
            return Fault(414, "The request target is too long.")
        return Fault(400, "The request target must be a path.")

    def _check_head(self, request: Request) -> None:
        first = self._first
        http_1_0 = request.version == "1.0"
        host = first.get(b"host")
        if (host is None and not http_1_0) or (host is not None and parse_host(host) is None):
            raise Fault(400, "A request needs exactly one valid Host.")
        if b"upgrade" in first:
            raise Fault(400, "Protocol upgrades are not served here.")
        self._check_framing(http_1_0=http_1_0)
        expect = first.get(b"expect")
        if expect is not None:
            if expect.lower() != b"100-continue":
                raise Fault(400, "That expectation cannot be met.")
            self.expects_continue = not http_1_0
        # RFC 9112 §9.3: persistence is HTTP/1.1's; a 1.0 client gets one answer.
        self.keep_alive = self.keep_alive and not http_1_0

    def _check_framing(self, *, http_1_0: bool) -> None:
        limits, first = self._limits, self._first
        encoding = first.get(b"transfer-encoding")
        length = first.get(b"content-length")
        if encoding is not None:
            # RFC 9112 §6.1: with Content-Length, or in HTTP/1.0, this is how requests are smuggled.
            if length is not None or http_1_0 or encoding.lower() != b"chunked":
                raise Fault(400, "The request's framing is ambiguous.")
            self._chunks = ChunkScanner(max_body_bytes=limits.max_body_bytes, max_trailer_bytes=limits.max_header_bytes)
        elif length is not None:
            size = parse_length(length)
            if size is None:
                raise Fault(400, "Malformed Content-Length.")
            if size > limits.max_body_bytes:
                raise Fault(413, "The request body is too large.")
            self._left = size

    # --- body

    def _take_body(self, data: bytes) -> Request | None:
        if self._chunks is not None:
            end = self._chunks.advance(data, 0)
            if self._chunks.too_large:
                raise Fault(413, "The request body is too large.")
            at_end = self._chunks.done
        else:
            end = min(self._left, len(data))
            self._left -= end
            at_end = not self._left
        if end:
            self._parser.feed_data(data if end == len(data) else data[:end])
        self.rest = data[end:]
        if at_end != self._complete:
            raise Fault(400, "The request's framing is ambiguous.")
        return self._finish() if at_end else None

    def _finish(self) -> Request | None:
        request = self._request
        if request is not None and self._pieces:
            request.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self.phase = Phase.IDLE
        self.body_bytes = 0
        self.expects_continue = False
        self._reset()
        return request

    # --- llhttp's side

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep one field; a trailer is dropped."""
        if self.phase is Phase.BODY:
            return
        name = name.lower()
        value = value.rstrip(b" \t")
        if name not in self._first:
            self._first[name] = value
        elif name in _SINGLE:
            raise Fault(400, f"More than one {name.decode('ascii')} field.")
        self._fields.append((name, value))
        if len(self._fields) > self._limits.max_headers:
            raise Fault(431, "The request has too many fields.")

    def on_headers_complete(self) -> None:
        """Note whether the connection goes on; llhttp forgets it when a bodiless message ends."""
        self.keep_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        self.body_bytes += len(data)
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Note llhttp's own opinion of where the message ends."""
        self._complete = True


def _method_fault(method: bytes) -> Fault:
    if method in _REFUSED_METHODS:
        return Fault(400, "That method is refused here.")
    return Fault(501, "That method is not implemented here.")
