"""A worker for tests that answers whatever it is told to, byte by byte, well-formed or not.

It stands in for an engine that is broken or hostile; what a healthy one answers is tested with a real one
(`strongroom.runtime.rig`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec


@dataclass(slots=True)
class Asked:
    """One request as the worker got it, and its connection.

    Attributes:
        head: request line and fields, as they came.
        body: decoded.
        reader: the rest of what the gateway sends; at its end the gateway has left.
        writer: where to answer.
    """

    head: bytes
    body: Any
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, data: bytes) -> None:
        """Send `data`."""
        self.writer.write(data)
        await self.writer.drain()

    async def left(self) -> None:
        """Wait until the gateway has closed its end."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()


Behaviour: TypeAlias = Callable[[Asked], Awaitable[None]]


@dataclass(slots=True)
class WorkerDouble:
    """Answers each request by `behaviour`, and remembers it. Whatever path is asked for, `/health` included."""

    behaviour: Behaviour
    asked: list[Asked] = field(default_factory=list[Asked])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                body = await reader.readexactly(length)
                asked = Asked(head, msgspec.json.decode(body) if body else None, reader, writer)
                self.asked.append(asked)
                await self.behaviour(asked)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncGenerator[None]:
        """Listen at `path` while the block runs."""
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_unix_server(accept, path)
        try:
            yield
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def whole(body: object, status: int = 200, kind: bytes = b"application/json") -> bytes:
    """Return a reply with a body that is JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return b"HTTP/1.1 %d X\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b" % (status, kind, len(content), content)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM_END = b"0\r\n\r\n"


def chunked(data: bytes) -> bytes:
    """Return `data` as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: object) -> bytes:
    """Return one server-sent event, as one chunk; `data` is JSON, or text as it is."""
    text = data.encode() if isinstance(data, str) else msgspec.json.encode(data)
    return chunked(b"data: " + text + b"\n\n")


def chat(content: str | None = "Hello.", **message: object) -> dict[str, object]:
    """Return a chat answer as an engine gives it, with fields of its own that nobody asked for."""
    return {
        "id": "engine-1",
        "object": "chat.completion",
        "created": 1,
        "model": "/srv/models/engine.gguf",
        "system_fingerprint": "b1-engine",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, **message},
                "finish_reason": "tool_calls" if "tool_calls" in message else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 2,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 4},
        },
        "timings": {"prompt_ms": 1.5},
    }


def chat_chunk(finish_reason: str | None = None, **delta: object) -> dict[str, object]:
    """Return one chunk of a streamed chat answer."""
    return {
        "id": "engine-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "/srv/models/engine.gguf",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }


USAGE_CHUNK: Final[dict[str, object]] = {
    "object": "chat.completion.chunk",
    "choices": [],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    "timings": {"prompt_ms": 1.5},
}


def chat_stream(*texts: str) -> bytes:
    """Return a whole streamed chat answer: a role, `texts`, an end, the usage and the last word."""
    chunks = [chat_chunk(role="assistant", content=None), *(chat_chunk(content=text) for text in texts)]
    events: list[object] = [*chunks, chat_chunk("stop"), USAGE_CHUNK, "[DONE]"]
    return STREAM_HEAD + b"".join(map(event, events)) + STREAM_END


def says(data: bytes) -> Behaviour:
    """Return a behaviour that answers `data`, always."""

    async def behave(asked: Asked) -> None:
        await asked.say(data)

    return behave
