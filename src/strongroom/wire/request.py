"""A request as a handler sees it: complete, framed beyond doubt, nothing decoded.

Always true here:
- the body has arrived whole; `path` begins with `/`, is visible ASCII and carries no query and no fragment;
- header names are lower case; `host`, `authorization`, `content-type` and the framing fields occur at most once;
- `peer` and `tls_peer` come from the socket, never from a field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Struct

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]
"""Fields in order. Names are lower case ASCII tokens; values carry no CR, LF, NUL or other control but tab."""

ErrorRenderer: TypeAlias = Callable[[int, str], tuple[Headers, bytes]]
"""Words a failure of the protocol itself in the surface's own dialect: (status, sentence) -> (headers, body)."""


class Request(Struct, kw_only=True, eq=False):
    """One request. Treat it as frozen. A struct, because one is made for every request.

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
        first: the first value of each name among `headers`, where it is known already.
    """

    method: str
    path: str
    query: bytes = b""
    headers: Headers = ()
    body: bytes = b""
    peer: str = ""
    peer_port: int = 0
    tls_peer: bytes | None = None
    secure: bool = False
    version: str = "1.1"
    first: dict[bytes, bytes] | None = None

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the field `name` (lower case), or None."""
        if self.first is None:
            self.first = dict(reversed(self.headers))
        return self.first.get(name)

    def __repr__(self) -> str:
        """Return method and path only: fields and query may hold credentials."""
        return f"<Request {self.method} {self.path}>"
