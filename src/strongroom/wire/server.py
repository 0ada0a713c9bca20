"""The edge: a strict HTTP/1.1 server for TCP, TLS and unix sockets.

Always true here:
- a request reaches the handler only when its Host and Origin are admitted;
- who says nothing keeps nobody out: a full server lets go of whom it awaits a request from, not of whom it answers;
- one sweep keeps every connection's deadlines; stopping leaves no task and no socket behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Final, TypeAlias

from strongroom.wire.connection import Connection
from strongroom.wire.fields import encode_fields, parse_host
from strongroom.wire.intake import Fault
from strongroom.wire.limits import Limits
from strongroom.wire.reply import Reply, status_line
from strongroom.wire.request import ErrorRenderer, Headers, Request
from strongroom.wire.tls import TlsOptions

Handler: TypeAlias = Callable[[Request, Reply], Awaitable[None]]
"""Answers one request. It is cancelled when its client leaves."""

FaultObserver: TypeAlias = Callable[[Request, BaseException], None]
"""Told of every exception that leaves a handler; must not raise."""

_BACKLOG: Final = 1024
_MAX_UNIX_PATH_BYTES: Final = 107
_SWEEPS_PER_TIMEOUT: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Whom a server talks to, against DNS rebinding.

    Attributes:
        hosts: lower-case host names (no port; IPv6 in brackets) a request may be addressed to; any other is 421, and
            so is an HTTP/1.0 request without a Host. None: any.
        origins: serialised origins a browser may come from, besides the server's own when `hosts` is set; any other
            is 403. None: not checked.
    """

    hosts: frozenset[str] | None = None
    origins: frozenset[str] | None = None

    def refusal(self, request: Request) -> Fault | None:
        """Return why `request` is not admitted, if so."""
        host = request.header(b"host")
        if self.hosts is not None and (host is None or parse_host(host) not in self.hosts):
            return Fault(421, "This server does not answer for that host.")
        origin = request.header(b"origin")
        if self.origins is None or origin is None or origin.decode("latin-1") in self.origins:
            return None
        # A page of this server itself. Only worth something once `hosts` has been checked: a rebound name passes here.
        own = (b"https://" if request.secure else b"http://") + (host or b"")
        if self.hosts is not None and origin == own:
            return None
        return Fault(403, "Requests from that origin are not accepted.")


class Site:
    """What the connections of one server share."""

    def __init__(
        self,
        handler: Handler,
        limits: Limits,
        admission: Admission,
        render_error: ErrorRenderer,
        on_fault: FaultObserver,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.handler = handler
        self.limits = limits
        self.admits = admission.refusal
        self.render_error = render_error
        self.on_fault = on_fault
        self.connections: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # in order: who has been longest without a whole head stands first
        self._sending: dict[Connection, None] = {}  # the same for bodies
        self.empty = asyncio.Event()
        self.empty.set()
        self._second = 0
        self._date = b""

    def enter(self, connection: Connection) -> bool:
        """Count a new connection and say whether there was room, or room was made."""
        while not (room := len(self.connections) < self.limits.max_connections) and self._evict():
            pass
        self.connections.add(connection)
        self.empty.clear()
        self.waits(connection)
        return room

    def _evict(self) -> bool:
        """Cut the connection that has been longest without a whole request, unless all are being answered.

        Otherwise whoever opens connections and says next to nothing on them would shut everybody else out.
        """
        for waiting in (self._idle, self._sending):
            for connection in waiting:
                self.leave(connection)  # now: the loop tells of its end later, and others come meanwhile
                connection.kill()
                return True
        return False

    def waits(self, connection: Connection) -> None:
        """Note that a connection begins to wait for the head of a request, or for its own end."""
        if connection in self.connections:  # else it has been cut already
            self.works(connection)
            self._idle[connection] = None

    def sends(self, connection: Connection) -> None:
        """Note that a head is whole and its body is awaited."""
        if connection in self.connections:
            self.works(connection)
            self._sending[connection] = None

    def works(self, connection: Connection) -> None:
        """Note that a request is whole, and being answered."""
        self._idle.pop(connection, None)
        self._sending.pop(connection, None)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self.works(connection)
        self.connections.discard(connection)
        if not self.connections:
            self.empty.set()

    def date(self) -> bytes:
        """Return the Date line of this second (RFC 9110 §6.6.1)."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._date = f"date: {formatdate(second, usegmt=True)}\r\n".encode()
        return self._date

    def refusal(self, fault: Fault) -> bytes:
        """Return the whole answer to a request that was refused before it reached the handler."""
        headers, body = self.render_error(fault.status, fault.tell)
        framing = b"content-length: %d\r\n%bconnection: close\r\n\r\n" % (len(body), self.date())
        return status_line(fault.status) + encode_fields(headers) + framing + body


class Server:
    """A listening server. Made by `serve_tcp` and `serve_unix`."""

    def __init__(self, site: Site, listener: asyncio.Server, *, port: int = 0, path: Path | None = None) -> None:
        self._site = site
        self._listener = listener
        self._path = path
        self._inode = path.stat().st_ino if path else 0
        self.port = port
        """The TCP port, or 0 for a unix socket."""
        limits = site.limits
        shortest = min(limits.header_timeout_s, limits.body_grace_s, limits.idle_timeout_s, limits.write_timeout_s)
        self._sweeper = asyncio.create_task(self._sweep(min(1.0, shortest / _SWEEPS_PER_TIMEOUT)))

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._site.connections)

    async def drain(self, deadline_s: float) -> None:
        """Stop accepting, close idle connections, let requests in flight finish for `deadline_s`, then `close`."""
        self._stop_listening()
        for connection in tuple(self._site.connections):
            connection.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._site.empty.wait()
        await self.close()

    async def close(self) -> None:
        """Stop accepting, cancel every handler, cut every connection; returns when all handlers have ended."""
        self._stop_listening()
        tasks = [task for connection in self._site.connections if (task := connection.task) is not None]
        for connection in tuple(self._site.connections):
            connection.kill()
        if tasks:
            await asyncio.wait(tasks)
        await self._site.empty.wait()
        await self._listener.wait_closed()
        self._sweeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sweeper

    def _stop_listening(self) -> None:
        self._listener.close()
        path, self._path = self._path, None
        # Only what this server made: a successor may have bound the same path already.
        if path is not None and path.is_socket() and path.stat().st_ino == self._inode:
            path.unlink()

    async def _sweep(self, every_s: float) -> None:
        loop = self._site.loop
        while True:
            await asyncio.sleep(every_s)
            now = loop.time()
            for connection in tuple(self._site.connections):
                connection.sweep(now)


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
    """Listen on TCP; with `sock` (bound, listening or not) `host`, `port` and `reuse_port` are not used.

    Raises:
        OSError: when the address cannot be bound or a certificate cannot be read.
    """
    site = _site(handler, limits, admission, render_error, on_fault)
    sock = sock or _bind_tcp(host, port, reuse_port=reuse_port)
    context = tls.server_context() if tls else None
    timeout = site.limits.header_timeout_s if tls else None
    listener = await site.loop.create_server(
        lambda: Connection(site), sock=sock, backlog=_BACKLOG, ssl=context, ssl_handshake_timeout=timeout
    )
    return Server(site, listener, port=sock.getsockname()[1])


async def serve_unix(
    handler: Handler,
    path: Path | None,
    *,
    mode: int = 0o600,
    limits: Limits | None = None,
    admission: Admission | None = None,
    sock: socket.socket | None = None,
    render_error: ErrorRenderer | None = None,
    on_fault: FaultObserver | None = None,
) -> Server:
    """Listen on a unix socket made with permissions `mode`; a dead socket in its place is replaced.

    With `sock` (bound, listening or not) `mode` is not used; with `path` None nothing is unlinked at the end, because
    whoever made the socket owns its name.

    Raises:
        ValueError: when `path` is longer than 107 bytes.
        OSError: when something else lives at `path` or a server still answers there.
    """
    site = _site(handler, limits, admission, render_error, on_fault)
    if sock is None:
        if path is None:
            raise ValueError("a unix socket needs a path, or the socket itself")
        sock = _bind_unix(path, mode)
    listener = await site.loop.create_unix_server(lambda: Connection(site), sock=sock, backlog=_BACKLOG)
    return Server(site, listener, path=path)


def _site(
    handler: Handler,
    limits: Limits | None,
    admission: Admission | None,
    render_error: ErrorRenderer | None,
    on_fault: FaultObserver | None,
) -> Site:
    return Site(
        handler, limits or Limits(), admission or Admission(), render_error or _render_plain, on_fault or _ignore_fault
    )


def _bind_tcp(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind_unix(path: Path, mode: int) -> socket.socket:
    if len(os.fsencode(path)) > _MAX_UNIX_PATH_BYTES:
        raise ValueError(f"a unix socket's path has at most {_MAX_UNIX_PATH_BYTES} bytes")
    _remove_dead_socket(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        before = os.umask(0o777)  # nobody may connect before the mode is what was asked for
        try:
            sock.bind(os.fspath(path))
        finally:
            os.umask(before)
        path.chmod(mode)
    except BaseException:
        sock.close()
        raise
    return sock


def _remove_dead_socket(path: Path) -> None:
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if not is_socket:
        raise FileExistsError(f"{path} is in the way and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(f"a server still answers at {path}")


def _render_plain(status: int, tell: str) -> tuple[Headers, bytes]:
    body = json.dumps({"error": {"status": status, "message": tell}}).encode()
    return [(b"content-type", b"application/json")], body


def _ignore_fault(request: Request, fault: BaseException) -> None:
    del request, fault
