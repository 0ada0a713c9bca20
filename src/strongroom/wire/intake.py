"""Bytes in, one request at a time out; no I/O.

Always true here:
- two readers must agree: this module reads the head and finds where the message ends, llhttp reads the same bytes, and a
  request exists only if llhttp finished exactly there;
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

from strongroom.wire.fields import FIELD, REQUEST_LINE, REQUEST_LINE_ANY, parse_host, parse_length
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
_KNOWN_LINES: Final = 64
_KNOWN_LINE_BYTES: Final = 160


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
        self._known: dict[bytes, tuple[bytes, bytes]] = {}  # field lines of earlier requests: a client repeats most
        self.phase = Phase.IDLE
        self.rest = b""
        self._scanned = 0  # how much of a partial head in `rest` has been looked at
        self.body_bytes = 0
        self.expects_continue = False
        self.keep_alive = True
        self._persists = True
        self._request: Request | None = None
        self._pieces: list[bytes] = []
        self._left = 0
        self._chunks: ChunkScanner | None = None
        self._complete = False

    @property
    def remembered_bytes(self) -> int:
        """How much is kept of earlier requests: bounded, since every connection has its own."""
        return sum(map(len, self._known))

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
            end = 0 if self.phase is Phase.BODY else self._take_head(data)
            return None if end is None else self._take_body(data, end)
        except FramingError as error:
            raise Fault(400, f"Malformed request body: {error}.") from None
        except httptools.HttpParserUpgrade:
            raise Fault(400, "Protocol upgrades are not served here.") from None
        except httptools.HttpParserError as error:
            raise Fault(400, f"Malformed request: {error}.") from None

    # --- head

    def _take_head(self, data: bytes) -> int | None:
        """Read a whole head and return where in `data` it ends, or keep `data` as `rest` and return None."""
        self.phase = Phase.HEAD
        end = data.find(b"\r\n\r\n", max(self._scanned - 3, 0)) + 4
        if end < 4:  # noqa: PLR2004 - not found
            self._check_partial(data)
            self._scanned = len(data)
            self.rest = data
            return None
        self._scanned = 0
        line = REQUEST_LINE.match(data)
        if line is None:
            raise self._line_fault(data)
        method, path, query, minor = line.groups(b"")
        if len(path) + len(query) >= self._limits.max_target_bytes:
            raise self._line_fault(data)
        known = _METHODS.get(method)
        if known is None:
            raise _method_fault(method)
        if end > self._limits.max_header_bytes:
            raise Fault(431, "The request's fields are too large.")
        lines = data[line.end() : end - 2].split(b"\r\n")
        fields, first = self._take_fields(lines[:-1])
        self._check_head(first, http_1_0=minor == b"0")
        self._request = Request(
            method=known,
            path=path.decode("ascii"),
            query=query,
            headers=fields,
            peer=self._peer[0],
            peer_port=self._peer[1],
            tls_peer=self._tls_peer,
            secure=self._secure,
            version="1.1" if minor == b"1" else "1.0",
            first=first,
        )
        self.phase = Phase.BODY
        return end

    def _take_fields(self, lines: list[bytes]) -> tuple[list[tuple[bytes, bytes]], dict[bytes, bytes]]:
        """Return every field, and the first of each name."""
        if len(lines) > self._limits.max_headers:
            raise Fault(431, "The request has too many fields.")
        known = self._known.get
        fields = [known(line) or self._take_field(line) for line in lines]
        first = dict(fields)
        if len(first) < len(fields):
            names = [name for name, _ in fields]
            repeated = next((name for name in names if name in _SINGLE and names.count(name) > 1), None)
            if repeated is not None:
                raise Fault(400, f"More than one {repeated.decode('ascii')} field.")
            first = dict(reversed(fields))
        return fields, first

    def _take_field(self, line: bytes) -> tuple[bytes, bytes]:
        match = FIELD.fullmatch(line)
        if match is None:
            raise Fault(400, "Malformed request: a field is not one.")
        field = match[1].lower(), match[2].rstrip(b" \t")
        if len(line) <= _KNOWN_LINE_BYTES:
            if len(self._known) >= _KNOWN_LINES:
                self._known.clear()
            self._known[line] = field
        return field

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

    def _check_head(self, first: dict[bytes, bytes], *, http_1_0: bool) -> None:
        host = first.get(b"host")
        if parse_host(host) is None if host is not None else not http_1_0:
            raise Fault(400, "A request needs exactly one valid Host.")
        if b"upgrade" in first:
            raise Fault(400, "Protocol upgrades are not served here.")
        self._check_framing(first, http_1_0=http_1_0)
        expect = first.get(b"expect")
        if expect is not None:
            if expect.lower() != b"100-continue":
                raise Fault(400, "That expectation cannot be met.")
            self.expects_continue = not http_1_0
        # RFC 9112 §9.3: persistence is HTTP/1.1's; a 1.0 client gets one answer.
        self._persists = not http_1_0

    def _check_framing(self, first: dict[bytes, bytes], *, http_1_0: bool) -> None:
        limits = self._limits
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

    def _take_body(self, data: bytes, start: int) -> Request | None:
        """Take what of the body stands in `data` from `start` on; before it stands a head that llhttp has not seen."""
        if self._chunks is not None:
            end = self._chunks.advance(data, start)
            if self._chunks.too_large:
                raise Fault(413, "The request body is too large.")
            at_end = self._chunks.done
        else:
            end = min(start + self._left, len(data))
            self._left -= end - start
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
        self._request = None
        self._pieces = []
        self._left = 0
        self._chunks = None
        self._complete = False
        self.phase = Phase.IDLE
        self.body_bytes = 0
        self.expects_continue = False
        return request

    # --- llhttp's side

    def on_headers_complete(self) -> None:
        """Note whether the connection goes on; llhttp forgets it when a bodiless message ends."""
        self.keep_alive = self._persists and self._parser.should_keep_alive()

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
