"""The edge: a strict HTTP/1.1 server for TCP, TLS and unix sockets."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from strongroom.wire.limits import Limits
from strongroom.wire.reply import Reply
from strongroom.wire.request import ErrorRenderer, Request
from strongroom.wire.tls import TlsOptions

Handler: TypeAlias = Callable[[Request, Reply], Awaitable[None]]
"""Answers one request. It is cancelled when its client leaves."""

FaultObserver: TypeAlias = Callable[[Request, BaseException], None]
"""Told of every exception that leaves a handler; must not raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whom a server talks to, against DNS rebinding.

    Attributes:
        hosts: lower-case host names (no port) a request may be addressed to; any other is 421. None: any.
        origins: serialised origins a browser may come from, besides the server's own when `hosts` is set; any other
            is 403. None: not checked.
    """

    hosts: frozenset[str] | None = None
    origins: frozenset[str] | None = None


class Server:
    """A listening server. Made by `serve_tcp` and `serve_unix`."""

    @property
    def port(self) -> int:
        """The TCP port, or 0 for a unix socket."""
        raise NotImplementedError

    async def drain(self, deadline_s: float) -> None:
        """Stop accepting, close idle connections, let requests in flight finish for `deadline_s`, then `close`."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop accepting, cancel every handler, cut every connection; returns when all handlers have ended."""
        raise NotImplementedError


async def serve_tcp(
    handler: Handler,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limits: Limits | None = None,
    tls: TlsOptions | None = None,
    admission: Admission | None = None,
    reuse_port: bool = False,
    sock: socket.socket | None = None,
    render_error: ErrorRenderer | None = None,
    on_fault: FaultObserver | None = None,
) -> Server:
    """Listen on TCP; with `sock` (bound, listening or not) `host`, `port` and `reuse_port` are not used."""
    raise NotImplementedError


async def serve_unix(
    handler: Handler,
    path: Path,
    *,
    mode: int = 0o600,
    limits: Limits | None = None,
    admission: Admission | None = None,
    render_error: ErrorRenderer | None = None,
    on_fault: FaultObserver | None = None,
) -> Server:
    """Listen on a unix socket made with permissions `mode`; a dead socket in its place is replaced.

    Raises:
        ValueError: when `path` is longer than 107 bytes.
        OSError: when something else lives at `path` or a server still answers there.
    """
    raise NotImplementedError
