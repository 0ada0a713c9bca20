"""A pooled HTTP/1.1 client for one upstream.

Always true here:
- a connection goes back to the pool only after an exact and fully consumed reply; anything else closes it, so two
  callers' answers never mix; a cancelled caller closes it at once;
- no request is ever sent twice. Instead, an idle connection is looked at in the same step in which it is written to: if
  its end (or anything else) is waiting to be read, it is closed unused and another one is taken. What fails after the
  first byte has been handed over is `Truncated`, because the upstream may have acted on it;
- every wait ends: `timeout_s` holds for the whole exchange, `wait_s` and `connect_timeout_s` for their parts.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Final

from strongroom.wire.errors import ConnectFailed, DeadlineExceeded
from strongroom.wire.fields import encode_fields, is_target
from strongroom.wire.limits import ReplyLimits
from strongroom.wire.request import Headers
from strongroom.wire.targets import Target
from strongroom.wire.upstream import NEVER, Response, Upstream

_METHODS: Final = {m: f"{m} ".encode() for m in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
_MAX_HEADS: Final = 1024
_MAX_HEAD_BYTES: Final = 2048
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class Exchange:
    """A request that is to be sent: `async with` sends it, gives its `Response` and closes that at the end."""

    __slots__ = ("_opening", "_response")

    def __init__(self, opening: Callable[[], Awaitable[Response]]) -> None:
        self._opening = opening
        self._response: Response | None = None

    async def __aenter__(self) -> Response:
        """Send the request and return its reply's head."""
        self._response = response = await self._opening()
        return response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the connection back, or close it if its reply was not read to the end."""
        if self._response is not None:
            self._response.close()


class Pool:
    """Keeps up to `max_connections` connections to one target.

    `idle_s` must be shorter than the upstream's own keep-alive timeout (llama.cpp's is five seconds).
    """

    def __init__(
        self,
        target: Target,
        *,
        max_connections: int = 64,
        connect_timeout_s: float = 5.0,
        wait_s: float = 5.0,
        idle_s: float = 4.0,
        limits: ReplyLimits | None = None,
    ) -> None:
        self._target = target
        self._host = b" HTTP/1.1\r\nhost: " + target.authority.encode("ascii") + b"\r\n"
        self._max = max_connections
        self._connect_timeout_s = connect_timeout_s
        self._wait_s = wait_s
        self._idle_s = idle_s
        self._limits = limits or ReplyLimits()
        self._idle: list[Upstream] = []
        self._all: set[Upstream] = set()
        self._waiters: deque[asyncio.Future[Upstream | None]] = deque()
        self._evictor: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = NEVER
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._heads: dict[tuple[str, str, tuple[tuple[bytes, bytes], ...]], bytes] = {}

    @property
    def connections(self) -> int:
        """How many connections are open or being opened."""
        return len(self._all)

    def request(
        self, method: str, path: str, headers: Headers = (), body: bytes = b"", *, timeout_s: float
    ) -> Exchange:
        """Return a request to be sent: `async with pool.request(...) as response`. Else as `open`.

        Raises:
            ValueError: when the request itself is malformed; nothing has been sent then.
        """
        head = self._head(method, path, tuple(headers))
        return Exchange(partial(self._send, method, head, body, timeout_s))

    def open(
        self,
        method: str,
        path: str,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        body: bytes = b"",
        *,
        timeout_s: float,
        secret: tuple[bytes, bytes] | None = None,
    ) -> Coroutine[Any, Any, Response]:
        """Send a request and return its reply's head. Whoever calls closes the response, whatever happens.

        `path` may carry a query. `timeout_s` bounds the whole exchange, waiting for a connection and reading the body
        included. `host` and `content-length` are set here and must not be among `headers`; `secret` is one more field, of
        which nothing is kept here.

        It, and reading the body, raises one of the four kinds of `ClientError`.

        Raises:
            ValueError: when the request itself is malformed; nothing has been sent then.
        """
        head = self._head(method, path, headers)
        if secret is not None:
            head += encode_fields((secret,))
        return self._send(method, head, body, timeout_s)

    def _head(self, method: str, path: str, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
        """Return the head of a request up to its framing. The same few are sent again and again."""
        key = (method, path, headers)
        head = self._heads.get(key)
        if head is None:
            verb = _METHODS.get(method)
            target = path.encode("ascii")
            if verb is None or not is_target(target):
                raise ValueError("not a request that this client sends")
            fields = encode_fields(headers)
            if any(name == b"host" for name, _ in headers):
                raise ValueError("host is set by the client")
            head = b"".join((verb, target, self._host, fields))
            if len(self._heads) >= _MAX_HEADS:
                self._heads.clear()
            if len(head) <= _MAX_HEAD_BYTES:
                self._heads[key] = head
        return head

    async def _send(self, method: str, head: bytes, body: bytes, timeout_s: float) -> Response:
        framing = b"content-length: %d\r\n\r\n" % len(body) if body or method in _WITH_BODY else b"\r\n"
        deadline = self._loop.time() + timeout_s
        upstream = self.take_idle() or await self.acquire(deadline)
        try:
            upstream.send(method, head + framing, body, deadline)
            while not upstream.headed:
                await upstream.news()
        except BaseException:
            upstream.finish()
            self.discard(upstream)
            raise
        return Response(upstream, self._finished)

    def _finished(self, upstream: Upstream) -> None:
        if upstream.finish():
            self.release(upstream)
        else:
            self.discard(upstream)

    async def close(self) -> None:
        """Close every connection; requests in flight end as `Truncated`, waiting ones as `ConnectFailed`."""
        self._closed = True
        for timer in (self._evictor, self._alarm):
            if timer is not None:
                timer.cancel()
        for upstream in tuple(self._all):
            self.discard(upstream)
        while self._waiters:
            self._wake_one()
        await asyncio.sleep(0)  # transports report their end in the next step

    # --- connections

    def take_idle(self) -> Upstream | None:
        """Return a connection that is still good, youngest first."""
        if self._idle:
            now = self._loop.time()
            while self._idle:
                upstream = self._idle.pop()
                if upstream.is_fresh(now, self._idle_s):
                    return upstream
                self.discard(upstream)
        return None

    async def acquire(self, deadline: float) -> Upstream:
        """Return a connection, opening one if there is room, else waiting for one.

        Raises:
            ConnectFailed: when the upstream cannot be reached or none comes free in time.
            DeadlineExceeded: when `deadline` passes first.
        """
        while not self._closed:
            upstream = self.take_idle()
            if upstream is None:
                if len(self._all) < self._max:
                    return await self._connect(deadline)
                upstream = await self._queue(deadline)
            if upstream is not None:
                return upstream
        raise ConnectFailed("the pool is closed")

    async def _connect(self, deadline: float) -> Upstream:
        upstream = Upstream(self._limits, self._lost, self._watch)
        self._all.add(upstream)  # it takes its place while it is being opened
        until = min(deadline, self._loop.time() + self._connect_timeout_s)
        try:
            async with asyncio.timeout_at(until):
                await self._target.connect(upstream)
        except BaseException as error:
            self._lost(upstream)
            if isinstance(error, TimeoutError) and until == deadline:  # the loop's clock may be a hair behind it
                raise DeadlineExceeded("the upstream could not be reached in time") from None
            if isinstance(error, OSError):  # TimeoutError and ssl.SSLError are kinds of it
                raise ConnectFailed(f"the upstream cannot be reached: {type(error).__name__}") from error
            raise
        if self._closed:
            self.discard(upstream)
            raise ConnectFailed("the pool is closed")
        return upstream

    async def _queue(self, deadline: float) -> Upstream | None:
        """Wait for a connection, or for room to open one (None)."""
        waiter: asyncio.Future[Upstream | None] = self._loop.create_future()
        self._waiters.append(waiter)
        until = min(deadline, self._loop.time() + self._wait_s)
        try:
            async with asyncio.timeout_at(until):
                upstream = await waiter
        except BaseException as error:
            self._pass_on(waiter)
            if isinstance(error, TimeoutError):
                if until == deadline:
                    raise DeadlineExceeded("no connection to the upstream came free in time") from None
                raise ConnectFailed("no connection to the upstream came free in time") from None
            raise
        if upstream is not None and not upstream.is_fresh(self._loop.time(), self._idle_s):
            self.discard(upstream)
            return None
        return upstream

    def _pass_on(self, waiter: asyncio.Future[Upstream | None]) -> None:
        """Give to the next in line what reached a waiter that had just given up."""
        if not waiter.done() or waiter.cancelled():
            if waiter in self._waiters:
                self._waiters.remove(waiter)
        elif (upstream := waiter.result()) is not None:
            self.release(upstream)
        else:
            self._wake_one()

    def release(self, upstream: Upstream) -> None:
        """Take back a connection that may carry another request."""
        if self._closed:
            self.discard(upstream)
        elif not self._wake_one(upstream):
            self._idle.append(upstream)
            if self._evictor is None:
                self._evictor = self._loop.call_later(self._idle_s, self._evict)

    def discard(self, upstream: Upstream) -> None:
        """Close a connection and let somebody else open one."""
        upstream.close()
        self._lost(upstream)

    def _lost(self, upstream: Upstream) -> None:
        if upstream in self._all:
            self._all.remove(upstream)
            if upstream in self._idle:
                self._idle.remove(upstream)
            self._wake_one()

    def _wake_one(self, upstream: Upstream | None = None) -> bool:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(upstream)
                return True
        return False

    def _watch(self, deadline: float) -> None:
        """Have `_expire` run by `deadline`. One alarm serves all exchanges: a timer for each costs 3 µs."""
        if deadline < self._alarm_at:
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at = deadline
            self._alarm = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        now = self._loop.time()
        self._alarm, self._alarm_at = None, NEVER
        for upstream in tuple(self._all):
            if upstream.deadline <= now:
                upstream.expire()
        earliest = min((upstream.deadline for upstream in self._all if upstream.deadline > now), default=NEVER)
        if earliest < NEVER:
            self._watch(earliest)

    def _evict(self) -> None:
        self._evictor = None
        for upstream in tuple(self._idle):
            if not upstream.is_fresh(self._loop.time(), self._idle_s):
                self.discard(upstream)
        if self._idle:
            self._evictor = self._loop.call_later(self._idle_s, self._evict)
