"""What every worker answers besides its model: routes by allow-list, health, and which release it serves."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from strongroom.runtime.cachescope import HEADER, Caller, parse_caller
from strongroom.runtime.errors import BUSY, JSON, NO_SCOPE, NOT_FOUND, STALLED, Problem, ProblemError, in_openai
from strongroom.runtime.lender import QueueFullError
from strongroom.runtime.spec import WorkerConfig
from strongroom.wire import Handler, Reply, Request

_RETRY = ((b"retry-after", b"1"),)
_HEADER = HEADER.encode()


class Front:
    """A worker's handler: health and identity by itself, its model's routes by the handlers it is given."""

    def __init__(
        self,
        config: WorkerConfig,
        routes: Mapping[str, Handler],
        *,
        documents: Mapping[str, bytes] | None = None,
        well: Callable[[], Awaitable[bool]] | None = None,
        written: Callable[[Problem], bytes] = in_openai,
    ) -> None:
        """Take what is answered.

        Args:
            config: what the worker is.
            routes: the handler of each path that is asked with POST.
            documents: the JSON of each path that is asked with GET.
            well: whether the model still works; None: it does while the process answers.
            written: how a no is worded in the model's own protocol.
        """
        self._routes = routes
        self._documents = documents or {}
        self._well = well
        self._written = written
        self._identity = msgspec.json.encode(
            {
                "worker": config.name,
                "model": config.model,
                "kind": config.kind,
                "digest": config.digest,
            }
        )

    async def __call__(self, request: Request, reply: Reply) -> None:
        """Answer one request."""
        try:
            await self._route(request, reply)
        except QueueFullError:
            await self._refuse(reply, BUSY)
            _forget()
        except ProblemError as error:
            await self._refuse(reply, error.problem)
            _forget()
        except Exception:
            _forget()
            raise

    async def _route(self, request: Request, reply: Reply) -> None:
        match request.method, request.path:
            case "GET", "/health":
                if self._well is not None and not await self._well():
                    raise ProblemError(STALLED)
                await reply.send(200, JSON, b'{"status":"ok"}')
            case "GET", "/v1/identity":
                await reply.send(200, JSON, self._identity)
            case "GET", path if path in self._documents:
                await reply.send(200, JSON, self._documents[path])
            case "POST", path if path in self._routes:
                await self._routes[path](request, reply)
            case _:
                raise ProblemError(NOT_FOUND)

    async def _refuse(self, reply: Reply, problem: Problem) -> None:
        """Answer with a problem, or cut a stream that has begun."""
        if reply.started:
            reply.abort()
            return
        await reply.send(problem.status, (*JSON, *_RETRY) if problem is BUSY else JSON, self._written(problem))


def _forget() -> None:
    """Free what a refused request held: an exception and its frames hold one another, and the request, until collected."""
    asyncio.get_running_loop().call_soon(gc.collect)


def caller_of(request: Request) -> Caller:
    """Return who asks, as the gateway set it; without that nothing is answered, so nothing is ever unscoped.

    Raises:
        ProblemError: when there is none, or not one the gateway can have made.
    """
    values = [value for name, value in request.headers if name == _HEADER]
    caller = parse_caller(values[0].decode("latin-1")) if len(values) == 1 else None
    if caller is None:
        raise ProblemError(NO_SCOPE)
    return caller
