"""The chat worker's front: each request gets a slot of its own scope, and the engine sees only what we let through.

Always true here:
- the engine is told the slot, and told not to use what the slot holds unless the lease says it is this scope's own;
- a slot counts as the scope's only once the engine has answered 200 in it;
- a client who leaves cancels the handler, which closes the connection to the engine, which stops generating;
- events pass through whole and unparsed; the engine's timings are cut out, and its errors are said in our words.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import msgspec

from strongroom.runtime.chat_requests import read_chat, read_completion, read_count, wants_stream
from strongroom.runtime.engine import Engine
from strongroom.runtime.errors import EVENTS, FAILED, JSON, Problem, ProblemError, invalid
from strongroom.runtime.front import caller_of
from strongroom.runtime.lender import Held, Lender
from strongroom.runtime.notes import note
from strongroom.wire import ClientError, Handler, Pool, Reply, Request, Response, UnixTarget

_OK = 200
_ANSWER_S: Final = 900.0
_COUNT_S: Final = 30.0
_MAX_ANSWER: Final = 16 << 20
_MAX_ERROR: Final = 64 << 10
_MAX_EVENT: Final = 1 << 20
_END: Final = b"\n\n"

# In JSON text a quote inside a string is escaped, so this can only be a member that the engine wrote.
_TIMINGS: Final = re.compile(rb',"timings":\{[^{}]*\}')
_CONTEXT_EXCEEDED: Final = "exceed_context_size_error"


class _EngineError(msgspec.Struct):
    type: str = ""
    n_prompt_tokens: int = 0
    n_ctx: int = 0


class _EngineCount(msgspec.Struct):
    input_tokens: int


class _EngineAnswer(msgspec.Struct):
    error: _EngineError


class ChatFront:
    """Answers the two generating endpoints."""

    def __init__(self, engine: Engine, lender: Lender, *, context_tokens: int, connections: int) -> None:
        self._engine = engine  # kept: dropped, it would stop
        self._lender = lender
        self._context_tokens = context_tokens
        # A connection for each request (idle_s=0): the engine gives every open one a thread, and may close an idle one
        # while we write to it; on a unix socket a new one costs next to nothing.
        self._pool = Pool(UnixTarget(engine.socket), max_connections=connections, idle_s=0)
        self._counting = asyncio.Semaphore(1)
        self._headers = (
            (b"authorization", f"Bearer {engine.key}".encode()),
            (b"content-type", b"application/json"),
        )

    @property
    def routes(self) -> dict[str, Handler]:
        """Which handler answers which path."""
        return {
            "/v1/chat/completions": self._chat,
            "/v1/chat/completions/input_tokens": self._count,
            "/v1/completions": self._complete,
        }

    async def turns(self) -> bool:
        """Wait until the engine's loop comes round; False when the engine is not there."""
        try:
            async with self._pool.request("GET", "/metrics", self._headers, b"", timeout_s=_ANSWER_S) as answer:
                await answer.read(_MAX_ERROR)
                return answer.status == _OK
        except ClientError as error:
            note(f"engine: {type(error).__name__}: {error}")
            return False

    async def _chat(self, request: Request, reply: Reply) -> None:
        await self._answer(request, reply, read_chat)

    async def _complete(self, request: Request, reply: Reply) -> None:
        await self._answer(request, reply, read_completion)

    async def _count(self, request: Request, reply: Reply) -> None:
        """Count a conversation's tokens by the model's own template: in no slot, one conversation at a time."""
        caller_of(request)
        fields = read_count(request.body)
        self._check_tools(fields)
        body = msgspec.json.encode(fields)
        async with self._counting:
            try:
                async with self._pool.request("POST", request.path, self._headers, body, timeout_s=_COUNT_S) as answer:
                    if answer.status != _OK:
                        raise _translate(answer.status, await answer.read(_MAX_ERROR))
                    count = msgspec.json.decode(await answer.read(_MAX_ERROR), type=_EngineCount)
            except (ClientError, msgspec.MsgspecError) as error:
                note(f"engine: {type(error).__name__}: {error}")
                raise ProblemError(FAILED) from None
        await reply.send(_OK, JSON, msgspec.json.encode(count))

    def _check_tools(self, fields: dict[str, Any]) -> None:
        if "tools" in fields and not self._engine.takes_tools:
            raise invalid("This model's template takes no tools.", param="tools")

    async def _answer(self, request: Request, reply: Reply, read: Callable[..., dict[str, Any]]) -> None:
        caller = caller_of(request)
        fields = read(request.body, context_tokens=self._context_tokens)
        self._check_tools(fields)
        async with self._lender.borrow(caller) as held:
            fields["id_slot"] = held.lease.slot
            fields["cache_prompt"] = held.lease.reuse
            body = msgspec.json.encode(fields)
            try:
                async with self._pool.request("POST", request.path, self._headers, body, timeout_s=_ANSWER_S) as answer:
                    await _relay(answer, reply, held, stream=wants_stream(fields))
            except ClientError as error:
                note(f"engine: {type(error).__name__}: {error}")  # its text names no header or body
                raise ProblemError(FAILED) from None


async def _relay(answer: Response, reply: Reply, held: Held, *, stream: bool) -> None:
    if answer.status != _OK:
        raise _translate(answer.status, await answer.read(_MAX_ERROR))
    held.answered = True
    if not stream:
        await reply.send(_OK, JSON, without_timings(await answer.read(_MAX_ANSWER)))
        return
    reply.start(_OK, EVENTS)
    async for events in whole_events(answer.stream()):
        if events.startswith((b'data: {"error"', b"error:")):
            raise ProblemError(FAILED)  # in mid-stream: the client sees it cut off
        await reply.write(without_timings(events))
    await reply.end()


async def whole_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the stream again so that no piece ends inside an event.

    Raises:
        ProblemError: for an event without end, or a stream that ends inside one.
    """
    held = b""
    async for chunk in chunks:
        if not held and chunk.endswith(_END):
            yield chunk
            continue
        whole, end, held = (held + chunk).rpartition(_END)
        if end:
            yield whole + end
        elif len(held) > _MAX_EVENT:
            raise ProblemError(FAILED)
    if held:
        raise ProblemError(FAILED)


def without_timings(data: bytes) -> bytes:
    """Return the engine's JSON or events without the `timings` it adds to OpenAI's fields."""
    return _TIMINGS.sub(b"", data) if b'"timings"' in data else data


def _translate(status: int, body: bytes) -> ProblemError:
    try:
        error = msgspec.json.decode(body, type=_EngineAnswer).error
    except msgspec.DecodeError:
        error = _EngineError()
    if error.type == _CONTEXT_EXCEEDED:
        return invalid(
            f"The prompt has {error.n_prompt_tokens} tokens; this model's context has {error.n_ctx}.",
            param="messages",
            code="context_length_exceeded",
        )
    if status < FAILED.status:
        return ProblemError(Problem(status=400, message="The model cannot work with this request.", code="unusable"))
    return ProblemError(FAILED)
