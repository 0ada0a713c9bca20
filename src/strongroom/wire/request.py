"""A request as a handler sees it: complete, framed beyond doubt, nothing decoded.

Always true here:
- the body has arrived whole; `path` begins with `/`, is visible ASCII and carries no query and no fragment;
- header names are lower case; `host`, `authorization`, `content-type` and the framing fields occur at most once;
- `peer` and `tls_peer` come from the socket, never from a field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Fields in order. Names are lower case ASCII tokens; values carry no CR, LF, NUL or other control but tab."""

ErrorRenderer: TypeAlias = Callable[[int, str], tuple[Headers, bytes]]
"""Words a failure of the protocol itself in the surface's own dialect: (status, sentence) -> (headers, body)."""


class Request:
    """One request. Treat it as frozen.

    Attributes:
        method: upper case, one of GET HEAD POST PUT PATCH DELETE OPTIONS.
        path: raw, still percent-encoded, without the query.
        query: raw bytes after the first `?`, without it; empty when there is none.
        headers: every field in order of arrival.
        body: the whole decoded body.
        peer: the client's IP address, or "" on a unix socket.
        peer_port: the client's port, or 0.
        tls_peer: the client's certificate (DER), verified against the configured CA, or None.
        secure: whether the connection is TLS.
        version: "1.1" or "1.0".
    """

    __slots__ = (
        "_first",
        "body",
        "headers",
        "method",
        "path",
        "peer",
        "peer_port",
        "query",
        "secure",
        "tls_peer",
        "version",
    )

    def __init__(
        self,
        *,
        method: str,
        path: str,
        query: bytes = b"",
        headers: Headers = (),
        body: bytes = b"",
        peer: str = "",
        peer_port: int = 0,
        tls_peer: bytes | None = None,
        secure: bool = False,
        version: str = "1.1",
        first: dict[bytes, bytes] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.peer = peer
        self.peer_port = peer_port
        self.tls_peer = tls_peer
        self.secure = secure
        self.version = version
        self._first = first

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the field `name` (lower case), or None."""
        if self._first is None:
            self._first = dict(reversed(self.headers))
        return self._first.get(name)

    def __repr__(self) -> str:
        """Return method and path only: fields and query may hold credentials."""
        return f"<Request {self.method} {self.path}>"
