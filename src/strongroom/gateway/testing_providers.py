"""Providers for tests: they ask for what the real ones ask for, answer as they do, and fail as they do.

Each listens on TCP on loopback and stands in for somebody else's paid service; an OpenAI-compatible server that can be
had here (our own llama.cpp worker) is tested as itself. What is strict there is strict here: a wrong secret, an unknown
field, a missing version or bound is refused in the provider's own words, which must never reach a caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from strongroom.gateway.testing import STREAM_END, STREAM_HEAD, Asked, Behaviour, chat, chat_stream, chunked

INSIDE: Final = "org-4711 of account globex, key sk-…, /srv/provider"
"""Stands in every refusal of these providers: no caller may ever read it."""

_CHAT_FIELDS: Final = frozenset(
    {
        "model", "messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "stream",
        "stream_options", "n", "logprobs", "top_logprobs", "temperature", "top_p", "seed", "presence_penalty",
        "frequency_penalty", "logit_bias", "stop",
    }
)  # fmt: skip
_MESSAGE_FIELDS: Final = frozenset(
    {
        "model", "messages", "system", "max_tokens", "stream", "tools", "tool_choice", "thinking", "temperature", "top_p",
        "top_k", "stop_sequences",
    }
)  # fmt: skip
_BOUNDS: Final = {
    "openai": {"max_completion_tokens"},
    "vllm": {"max_tokens", "cache_salt", "top_k"},
    "other": {"max_tokens"},
}


def reply(body: object, status: int = 200, *fields: str, kind: str = "application/json") -> bytes:
    """Return a reply; `fields` are more header lines."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    head = [f"HTTP/1.1 {status} X", f"content-type: {kind}", f"content-length: {len(content)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


@dataclass(slots=True)
class ProviderDouble:
    """One provider. `fault`, while it is set, answers in its place.

    Attributes:
        answers: what a healthy one says to (path, fields of the head, body).
        asked: what it was asked, in order; `connections` counts how often it was connected to.
    """

    answers: Callable[[str, Mapping[str, str], Any], bytes]
    fault: Behaviour | None = None
    asked: list[Asked] = field(default_factory=list[Asked])
    connections: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode("latin-1").split("\r\n")
                fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
                body = await reader.readexactly(int(fields.get("content-length", "0")))
                asked = Asked(head, msgspec.json.decode(body) if body else None, reader, writer)
                self.asked.append(asked)
                if self.fault is not None:
                    await self.fault(asked)
                else:
                    await asked.say(self.answers(first.split(" ")[1], fields, asked.body))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    @asynccontextmanager
    async def listening(self, tls: Any = None) -> AsyncGenerator[ProviderDouble]:
        """Listen on a free port while the block runs; with TLS when a server's context is given."""
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._serve(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(tasks):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def openai_provider(secret: str, *, engine: str = "other", says: str = "Hello.") -> ProviderDouble:
    """Return a provider that speaks OpenAI's API, as strictly as `engine` does."""
    known = _CHAT_FIELDS | _BOUNDS[engine]

    def refuse(status: int, code: str) -> bytes:
        return reply({"error": {"message": f"{code}: {INSIDE}", "type": "x", "param": None, "code": code}}, status)

    def answers(path: str, fields: Mapping[str, str], body: Any) -> bytes:  # noqa: PLR0911 - one return for each answer
        if fields.get("authorization") != f"Bearer {secret}":
            return refuse(401, "invalid_api_key")
        if path == "/v1/models":
            return reply({"object": "list", "data": []})
        if path == "/v1/embeddings":
            data = [{"index": i, "embedding": [0.5, float(i)]} for i in range(len(body["input"]))]
            return reply({"object": "list", "data": data, "usage": {"prompt_tokens": 3, "total_tokens": 3}})
        if path == "/v1/moderations":
            flagged = {"flagged": True, "categories": {"violence": True}, "category_scores": {"violence": 0.9}}
            return reply({"id": "modr-1", "model": "m", "results": [flagged for _ in body["input"]]})
        if path != "/v1/chat/completions":
            return refuse(404, "unknown_url")
        if not set(body) <= known:
            return refuse(400, "unknown_parameter")
        if body.get("tools") and body.get("tool_choice") != "none":
            name = body["tools"][0]["function"]["name"]
            call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": '{"city":"Bonn"}'}}
            return reply(chat(None, tool_calls=[call]))
        return chat_stream(says) if body.get("stream") else reply(chat(says))

    return ProviderDouble(answers)


def anthropic_provider(secret: str, *, says: str = "Hello.") -> ProviderDouble:
    """Return a provider that speaks Anthropic's Messages API."""

    def refuse(status: int, kind: str) -> bytes:
        return reply({"type": "error", "error": {"type": kind, "message": INSIDE}, "request_id": "req_theirs"}, status)

    def answers(path: str, fields: Mapping[str, str], body: Any) -> bytes:
        if fields.get("x-api-key") != secret or "authorization" in fields:
            return refuse(401, "authentication_error")
        if fields.get("anthropic-version") != "2023-06-01":
            return refuse(400, "invalid_request_error")
        if path == "/v1/messages/count_tokens":
            return reply({"input_tokens": 7}) if "max_tokens" not in body else refuse(400, "invalid_request_error")
        if path != "/v1/messages":
            return refuse(404, "not_found_error")
        roles = [message["role"] for message in body["messages"]]
        apart = all(one != other for one, other in itertools.pairwise(roles))
        if not set(body) <= _MESSAGE_FIELDS or "max_tokens" not in body or not apart or roles[0] != "user":
            return refuse(400, "invalid_request_error")
        calls = body.get("tools") and body.get("tool_choice", {}).get("type") != "none" and not _has_result(body)
        blocks: list[dict[str, Any]] = [{"type": "text", "text": says}]
        if calls:
            name = body["tools"][0]["name"]
            blocks.append({"type": "tool_use", "id": "toolu_1", "name": name, "input": {"city": "Bonn"}})
        return _message_stream(blocks) if body.get("stream") else reply(_message(blocks))

    return ProviderDouble(answers)


def _has_result(body: Any) -> bool:
    return any(part["type"] == "tool_result" for message in body["messages"] for part in message["content"])


_USED: Final = {"input_tokens": 5, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 0, "output_tokens": 2}


def _message(blocks: list[Any]) -> dict[str, Any]:
    reason = "tool_use" if blocks[-1]["type"] == "tool_use" else "end_turn"
    return {
        "id": "msg_theirs", "type": "message", "role": "assistant", "model": "claude-theirs", "content": blocks,
        "stop_reason": reason, "stop_sequence": None, "usage": _USED,
    }  # fmt: skip


def sent(kind: str, **fields: Any) -> bytes:
    """Return one server-sent event of Messages, as one chunk."""
    return chunked(f"event: {kind}\n".encode() + b"data: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n")


def message_opening() -> bytes:
    """Return how every stream of Messages begins, with its head."""
    started: dict[str, Any] = {**_message([{"type": "text", "text": ""}]), "content": [], "stop_reason": None}
    return STREAM_HEAD + sent("message_start", message=started) + sent("ping")


def text_block(index: int, *texts: str) -> bytes:
    """Return a block of text, piece by piece."""
    pieces = [sent("content_block_delta", index=index, delta={"type": "text_delta", "text": text}) for text in texts]
    start = sent("content_block_start", index=index, content_block={"type": "text", "text": ""})
    return b"".join((start, *pieces, sent("content_block_stop", index=index)))


def _tool_block(index: int, block: dict[str, Any]) -> bytes:
    start = sent("content_block_start", index=index, content_block={**block, "input": {}})
    text = msgspec.json.encode(block["input"]).decode()
    pieces = [
        sent("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": piece})
        for piece in ("", text[:4], text[4:])
    ]
    return b"".join((start, *pieces, sent("content_block_stop", index=index)))


def _message_stream(blocks: list[Any]) -> bytes:
    parts = [message_opening()]
    for index, block in enumerate(blocks):
        half = len(block.get("text", "")) // 2
        text = block.get("text", "")
        parts.append(text_block(index, text[:half], text[half:]) if text else _tool_block(index, block))
    ending = {"stop_reason": _message(blocks)["stop_reason"], "stop_sequence": None}
    parts += [sent("message_delta", delta=ending, usage={"output_tokens": 2}), sent("message_stop"), STREAM_END]
    return b"".join(parts)


def oip_provider(secret: str, *, model: str = "credit") -> ProviderDouble:
    """Return a provider that speaks the Open Inference Protocol v2, as Triton does."""

    def answers(path: str, fields: Mapping[str, str], body: Any) -> bytes:
        if fields.get("authorization") != f"Bearer {secret}":
            return reply({"error": INSIDE}, 401)
        if path == f"/v2/models/{model}":
            form = {"name": "rows", "datatype": "FP32", "shape": [-1, 2]}
            return reply({"name": model, "platform": "onnxruntime_onnx", "inputs": [form], "outputs": [form]})
        if path != f"/v2/models/{model}/infer":
            return reply({"error": f"Request for unknown model: {INSIDE}"}, 404)
        rows = body["inputs"][0]["shape"][0]
        output = {"name": "score", "datatype": "FP32", "shape": [rows, 1], "data": [0.5] * rows}
        return reply({"model_name": model, "model_version": "1", "outputs": [output], "parameters": {"x": INSIDE}})

    return ProviderDouble(answers)


def answers_with(data: bytes, *, half_close: bool = False, close: bool = False) -> Behaviour:
    """Return a fault: say `data`; then, if asked to, end the sending half or the whole connection."""

    async def behave(asked: Asked) -> None:
        await asked.say(data)
        if half_close:
            asked.writer.write_eof()
            await asked.left()
        if close:
            asked.writer.close()

    return behave


async def says_nothing(asked: Asked) -> None:
    """Be slow: say nothing until the other side has left."""
    await asked.left()
