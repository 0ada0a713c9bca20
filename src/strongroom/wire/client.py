"""A pooled HTTP/1.1 client for one upstream."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from strongroom.wire.limits import ReplyLimits
from strongroom.wire.request import Headers


@dataclass(frozen=True, slots=True)
class UnixTarget:
    """An upstream on a unix socket."""

    path: Path


@dataclass(frozen=True, slots=True)
class TcpTarget:
    """An upstream on TCP, with TLS when a context is given."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None


class Response:
    """A reply whose head has arrived."""

    status: int
    headers: Headers

    def header(self, name: bytes) -> bytes | None:
        """Return the first value of the field `name` (lower case), or None."""
        raise NotImplementedError

    async def read(self, max_bytes: int) -> bytes:
        """Return the whole body; more than `max_bytes` is a `ProtocolFault`."""
        raise NotImplementedError

    def stream(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; ends only when the reply is complete, else raises a `ClientError`."""
        raise NotImplementedError


class Pool:
    """Keeps up to `max_connections` connections to one target."""

    def __init__(
        self,
        target: UnixTarget | TcpTarget,
        *,
        max_connections: int = 64,
        connect_timeout_s: float = 5.0,
        wait_s: float = 5.0,
        idle_s: float = 4.0,
        limits: ReplyLimits | None = None,
    ) -> None:
        raise NotImplementedError

    def request(
        self,
        method: str,
        path: str,
        headers: Headers = (),
        body: bytes = b"",
        *,
        timeout_s: float,
    ) -> AbstractAsyncContextManager[Response]:
        """Send a request; `async with pool.request(...) as response`.

        `timeout_s` bounds the whole exchange, waiting for a connection and reading the body included. `host` and
        `content-length` are set here and must not be among `headers`.

        Raises (on entering, or while the body is read):
            ClientError: one of its four kinds.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Close every connection; requests in flight end as `Truncated`."""
        raise NotImplementedError
