"""One client's connection: reads a request, runs its handler, writes the answer, and again.

Always true here:
- one request is in hand at a time; what a client sends ahead waits, bounded;
- reading goes on while a handler runs, because that is how a client's leaving is seen: the handler is cancelled at once.
  A client that closes its sending half has left. Only one that has sent more than it may ahead of its answer is not read,
  and its leaving is seen at the next write;
- every phase has a deadline, kept by the server's sweep, not by a timer per request;
- after a refusal nothing is answered any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Final, cast

from strongroom.wire.errors import ClientGone
from strongroom.wire.intake import Fault, Intake, Phase
from strongroom.wire.reply import Reply, gone
from strongroom.wire.request import Request

if TYPE_CHECKING:
    from strongroom.wire.server import Site

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_WRITE_BUFFER_BYTES: Final = 64 * 1024
_NEVER: Final = float("inf")


class Connection(asyncio.Protocol):
    """The server's end of one connection."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._loop = site.loop
        self._limits = site.limits
        self._transport: asyncio.Transport
        self._intake: Intake
        self.task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._deadline = _NEVER
        self._body_since = 0.0
        self._refused = False
        self._lost = False
        self._reading = True
        self._cancelled = False
        self._paused_since = 0.0
        self.writable = True
        self.keep_alive = True

    # --- transport's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a server that is full of requests says so and closes."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        peer: object = transport.get_extra_info("peername")
        tls = transport.get_extra_info("ssl_object")
        self._intake = Intake(
            self._limits,
            peer=cast("tuple[str, int]", peer)[:2] if isinstance(peer, tuple) else ("", 0),
            tls_peer=tls.getpeercert(binary_form=True) if tls is not None else None,
            secure=tls is not None,
        )
        self._deadline = self._loop.time() + self._limits.header_timeout_s
        if not self._site.enter(self):
            self._refuse(Fault(503, "Too many connections."))

    def data_received(self, data: bytes) -> None:
        """Read on, or keep what came ahead of its turn."""
        if self._refused:
            return
        if self.task is None:
            self._read(data)
            return
        self._intake.rest += data
        if len(self._intake.rest) > self._limits.max_pipelined_bytes:
            self._reading = False
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """Take the end of the client's sending as its leaving."""
        if self.task is not None:
            self._cancel()
            self._transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the handler."""
        del exc
        self._lost = True
        self._site.leave(self)
        self._cancel()
        self.resume_writing()

    def pause_writing(self) -> None:
        """Note that the client is slow."""
        self.writable = False
        self._paused_since = self._loop.time()

    def resume_writing(self) -> None:
        """Note that it has caught up."""
        self.writable = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        self._waiter = None

    # --- reply's side

    def write(self, data: bytes) -> None:
        """Hand `data` to the transport."""
        if self._lost or self._transport.is_closing():
            raise gone()
        self._transport.write(data)

    async def drained(self) -> None:
        """Wait until the send buffer has room."""
        if not self.writable and not self._lost:
            if self._waiter is None:
                self._waiter = self._loop.create_future()
            await asyncio.shield(self._waiter)
        if self._lost:
            raise gone()

    def date(self) -> bytes:
        """Return the Date line of this second."""
        return self._site.date()

    def cut(self, *, reset: bool) -> None:
        """End the connection at once, with a TCP reset if only that shows that the answer is incomplete."""
        sock = self._transport.get_extra_info("socket")
        if reset and sock is not None and not self._lost and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    # --- server's side

    @property
    def busy(self) -> bool:
        """Whether a request is being read or answered."""
        return self.task is not None or self._intake.phase is not Phase.IDLE

    def drain(self) -> None:
        """Answer what is in hand and close; close now if there is nothing."""
        self.keep_alive = False
        if not self.busy and not self._refused:
            self._close()

    def kill(self) -> None:
        """Cancel the handler and cut the connection."""
        self._cancel()
        if not self._lost:
            self._transport.abort()

    def sweep(self, now: float) -> None:
        """Enforce the deadline of the current phase."""
        if not self.writable and now - self._paused_since > self._limits.write_timeout_s:
            self.kill()
        elif self.task is None and now > self._current_deadline():
            if self._refused or self._transport.is_closing():
                self._transport.abort()
            elif self._intake.phase is Phase.IDLE:
                self._close()
            else:
                self._refuse(Fault(408, "The request did not arrive in time."))

    def _current_deadline(self) -> float:
        if self._intake.phase is not Phase.BODY or self._refused:
            return self._deadline
        limits = self._limits
        earned = limits.body_grace_s + self._intake.body_bytes / limits.min_body_bytes_per_s
        return self._body_since + min(earned, limits.body_timeout_s)

    # --- a request's way

    def _read(self, data: bytes) -> None:
        intake = self._intake
        before = intake.phase
        try:
            request = intake.feed(data)
            if request is None:
                self._wait_for_more(before)
                return
            refusal = self._site.admits(request)
        except Fault as fault:
            refusal = fault
            request = None
        if refusal is not None or request is None:
            self._refuse(refusal or Fault(400, "Malformed request."))
            return
        if not intake.keep_alive:
            self.keep_alive = False
        self._site.works(self)
        self.task = self._loop.create_task(self._answer(request))

    def _wait_for_more(self, before: Phase) -> None:
        intake = self._intake
        phase = intake.phase
        if phase is before:
            return
        now = self._loop.time()
        if phase is Phase.HEAD:
            self._deadline = now + self._limits.header_timeout_s
        elif phase is Phase.BODY:
            self._body_since = now
            self._site.sends(self)
            if intake.expects_continue and not intake.body_bytes:
                self._transport.write(_CONTINUE)

    async def _answer(self, request: Request) -> None:
        reply = Reply(self, request)
        try:
            await self._site.handler(request, reply)
            if not reply.finished:
                raise RuntimeError("the handler ended without an answer")
        except asyncio.CancelledError as gone_or_fault:
            if not self._cancelled:
                await self._fault(request, reply, gone_or_fault)
        except ClientGone:
            self._transport.abort()
        except Exception as fault:  # noqa: BLE001 - the last place that can still answer the client
            if not self._lost:
                await self._fault(request, reply, fault)
        finally:
            self.task = None
            self._answered()

    async def _fault(self, request: Request, reply: Reply, fault: BaseException) -> None:
        self._site.on_fault(request, fault)
        self.keep_alive = False
        if reply.started and not reply.finished:
            reply.abort()
        elif not reply.started and not self._transport.is_closing():
            headers, body = self._site.render_error(500, "The server failed while answering.")
            with contextlib.suppress(ClientGone):
                await reply.send(500, headers, body)

    def _answered(self) -> None:
        if self._lost or self._transport.is_closing():
            return
        if not self.keep_alive:
            self._close()
            return
        self._deadline = self._loop.time() + self._limits.idle_timeout_s
        self._site.waits(self)
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        if self._intake.rest:
            self._read(b"")

    def _refuse(self, fault: Fault) -> None:
        """Answer `fault`, then read and drop what still comes, so that closing does not destroy the answer unread."""
        self._refused = True
        self.keep_alive = False
        self._site.waits(self)  # for its own end: it may not keep others out meanwhile
        self._deadline = self._loop.time() + self._limits.linger_timeout_s
        self._transport.write(self._site.refusal(fault))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _close(self) -> None:
        """Close once everything is sent, or when the client has not taken it in time."""
        self._deadline = self._loop.time() + self._limits.write_timeout_s
        self._transport.close()

    def _cancel(self) -> None:
        if self.task is not None and not self._cancelled:
            self._cancelled = True
            self.task.cancel()
