"""Runs an ASGI 3 application on the same edge (http and lifespan; no websockets).

Always true here:
- the application sees only what the edge admitted: a whole body, raw and decoded path, the socket's own peer;
- when the client leaves, the application is told (`http.disconnect`, and `send` raises `OSError`) and has `grace_s` to end
  by itself before it is cancelled: an administrative change is not torn in two by a closed browser tab.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

from strongroom.wire.fields import FRAMING
from strongroom.wire.reply import Reply
from strongroom.wire.request import Request

Message: TypeAlias = MutableMapping[str, Any]
Application: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

TLS_PEER: Final = "strongroom.tls_peer"
"""Where a scope has the client's certificate (DER), verified against the configured CA, or None."""

_ASGI: Final = {"version": "3.0", "spec_version": "2.4"}
_WIRE_ONLY: Final = FRAMING - {b"content-length"}


class AsgiBridge:
    """A `Handler` around an ASGI application.

    `async with AsgiBridge(app).lifespan() as bridge: await serve_tcp(bridge, …)`
    """

    def __init__(self, app: Application, *, grace_s: float = 5.0) -> None:
        self._app = app
        self._grace_s = grace_s
        self._state: dict[str, Any] = {}

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[AsgiBridge]:
        """Run the application's startup on entering and its shutdown on leaving.

        Raises:
            RuntimeError: when the application says that either failed.
        """
        inbox: asyncio.Queue[Message] = asyncio.Queue()
        outbox: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": _ASGI, "state": self._state}
        task = asyncio.ensure_future(self._app(scope, inbox.get, outbox.put))
        try:
            await _tell(task, inbox, outbox, "startup")
            yield self
            await _tell(task, inbox, outbox, "shutdown")
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request through the application."""
        call = _Call(request, reply)
        task = asyncio.ensure_future(self._app(self._scope(request), call.receive, call.send))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            call.gone.set()
            await asyncio.wait({task}, timeout=self._grace_s)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task
            raise
        finally:
            call.gone.set()

    def _scope(self, request: Request) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": request.version,
            "method": request.method,
            "scheme": "https" if request.secure else "http",
            "path": unquote(request.path),
            "raw_path": request.path.encode("ascii"),
            "query_string": request.query,
            "root_path": "",
            "headers": list(request.headers),
            "client": (request.peer, request.peer_port) if request.peer else None,
            "server": None,
            "state": self._state.copy(),
            "extensions": {},
            TLS_PEER: request.tls_peer,
        }


class _Call:
    """The two channels of one request."""

    def __init__(self, request: Request, reply: Reply) -> None:
        self._request = request
        self._reply = reply
        self._asked = False
        self._start: Message | None = None
        self.gone = asyncio.Event()

    async def receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self._request.body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start" and self._start is None:
            self._start = message
        elif kind == "http.response.body" and self._start is not None:
            await self._send_body(self._start, bytes(message.get("body", b"")), more=bool(message.get("more_body")))
        else:
            raise RuntimeError(f"unexpected message: {kind}")

    async def _send_body(self, start: Message, body: bytes, *, more: bool) -> None:
        if not self._reply.started:
            status = int(start["status"])
            headers = _headers(start.get("headers", ()))
            if not more and self._request.method != "HEAD":
                await self._reply.send(status, [field for field in headers if field[0] != b"content-length"], body)
                self.gone.set()
                return
            self._reply.start(status, headers)
        await self._reply.write(body)
        if not more:
            await self._reply.end()
            self.gone.set()


def _headers(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the application's fields, lower case, without those that the wire sets itself."""
    lower = [(bytes(name).lower(), bytes(value)) for name, value in fields]
    return [field for field in lower if field[0] not in _WIRE_ONLY]


async def _tell(
    task: asyncio.Future[None], inbox: asyncio.Queue[Message], outbox: asyncio.Queue[Message], stage: str
) -> None:
    """Send a lifespan message and wait for its answer, or for the application's end."""
    await inbox.put({"type": f"lifespan.{stage}"})
    answer = asyncio.ensure_future(outbox.get())
    either: set[asyncio.Future[Any]] = {task, answer}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not answer.done():
        answer.cancel()
        task.result()  # raises what the application raised
        raise RuntimeError(f"the application ended during {stage}")
    message = answer.result()
    if message["type"] != f"lifespan.{stage}.complete":
        raise RuntimeError(f"the application's {stage} failed: {message.get('message', '')}")
