"""HTTP as an attacker speaks it: paths go out as they are written, and answers are kept to the last header."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

TIMEOUT_S: Final = 60.0
_OWN: Final = ("date", "x-request-id")
"""What differs between two answers to the same question."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def __repr__(self) -> str:
        """Show the status only: a body may hold anything."""
        return f"Answer({self.status})"

    def field(self, name: str) -> str:
        """Return the first value of a header field (lower case), or nothing."""
        return next((value for field, value in self.fields if field == name), "")

    def json(self) -> Any:
        """Return the decoded body; None when it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def request_id(self) -> str:
        """The id under which this request is in the logs."""
        return self.field("x-request-id")

    @property
    def everything(self) -> bytes:
        """Fields and body, for searching."""
        return "\n".join(f"{name}: {value}" for name, value in self.fields).encode() + b"\n\n" + self.body

    @property
    def likeness(self) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
        """The answer without what differs from one request to the next: equal likenesses cannot be told apart."""
        fields = tuple((name, "" if name in _OWN else value) for name, value in self.fields)
        own = self.request_id.encode()
        return self.status, fields, self.body.replace(own, b"") if own else self.body


class Line:
    """A connection that is kept: `with Line(url) as line: line.ask(…)`."""

    def __init__(self, url: str, *, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT_S, context=tls or ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    def __enter__(self) -> Self:
        """Connect."""
        self._connection.connect()
        # Request and body leave as two segments; without this the second waits for the peer's delayed ACK.
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        key: str | None = None,
        data: Any = None,
        raw: bytes | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return the whole answer.

        Args:
            method: as it goes out.
            path: as it goes out, query included.
            key: goes into `Authorization: Bearer …`.
            data: a body, encoded as JSON.
            raw: a body as it is, instead.
            fields: more header fields; they win over ours.
        """
        body = raw if data is None else json.dumps(data).encode()
        self._connection.request(method, path, body, self._fields(key, fields, body))
        return self.answer()

    def begin(self, method: str, path: str, *, key: str, length: int) -> None:
        """Send the head of a request whose body will have `length` bytes, and nothing of the body yet."""
        self._connection.putrequest(method, path)
        for name, value in self._fields(key, {"content-length": str(length)}, b"").items():
            self._connection.putheader(name, value)
        self._connection.endheaders()

    def send(self, piece: bytes) -> None:
        """Send a piece of the body of what was begun."""
        self._connection.send(piece)

    def answer(self) -> Answer:
        """Return the answer to what was sent."""
        return whole(self._connection.getresponse())

    def stream(self) -> http.client.HTTPResponse:
        """Return the answer while it is on its way."""
        return self._connection.getresponse()

    @staticmethod
    def _fields(key: str | None, fields: Mapping[str, str] | None, body: bytes | None) -> dict[str, str]:
        ours: dict[str, str] = {} if key is None else {"authorization": f"Bearer {key}"}
        if body is not None:
            ours["content-type"] = "application/json"
        return ours | {name.lower(): value for name, value in (fields or {}).items()}


def whole(response: http.client.HTTPResponse) -> Answer:
    """Read an answer to its end."""
    body = response.read()
    return Answer(response.status, tuple((name.lower(), value) for name, value in response.getheaders()), body)


def raw(url: str, message: bytes) -> Answer:
    """Send `message` as it is on a connection of its own and return the answer, however the server ends it."""
    with _connected(url) as connection:
        connection.sendall(message)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return whole(response)


def _connected(url: str) -> socket.socket:
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = socket.create_connection((host, parts.port or 443), timeout=TIMEOUT_S)
    if parts.scheme == "https":
        return ssl.create_default_context().wrap_socket(connection, server_hostname=host)
    return connection
