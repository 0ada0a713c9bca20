"""Asking the worker and passing its answer on, event by event, decoded and written anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

import msgspec

from strongroom.gateway.openai import answers, errors, noes
from strongroom.gateway.openai.answers import (
    Answer,
    ChatAnswer,
    ChatChunk,
    Chunk,
    CompletionAnswer,
    EmbeddingAnswer,
)
from strongroom.gateway.stages import Relayed, Routed
from strongroom.gateway.surface import Endpoint
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.runtime.cachescope import HEADER
from strongroom.wire import ClientError, ConnectFailed, DeadlineExceeded, Reply, Response, SseParser, encode_data

_MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
_MAX_EVENT_BYTES: Final = 1024 * 1024
_MAX_NO_BYTES: Final = 64 * 1024
_DONE: Final = "[DONE]"
_LAST_EVENT: Final = encode_data(b"[DONE]")
_EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")
_CALLER_HEADER: Final = HEADER.encode()

_WHOLE: Final[dict[Endpoint, msgspec.json.Decoder[ChatAnswer | CompletionAnswer | EmbeddingAnswer]]] = {
    Endpoint.CHAT: msgspec.json.Decoder(ChatAnswer),
    Endpoint.COMPLETION: msgspec.json.Decoder(CompletionAnswer),
    Endpoint.EMBEDDING: msgspec.json.Decoder(EmbeddingAnswer),
}
_CHUNK: Final[dict[Endpoint, msgspec.json.Decoder[ChatChunk | CompletionAnswer]]] = {
    Endpoint.CHAT: msgspec.json.Decoder(ChatChunk),
    Endpoint.COMPLETION: msgspec.json.Decoder(CompletionAnswer),
}


class Relay:
    """Relays one answer. `created` (Unix seconds) and the request's id go into every part of it."""

    def __init__(self, routed: Routed, reply: Reply, created: int) -> None:
        admitted = routed.screened.admitted
        received = admitted.authenticated.received
        self._routed = routed
        self._reply = reply
        self._created = created
        self._endpoint = received.match.endpoint
        self._request_id = received.request_id
        self._model = admitted.route.name
        self._streams: bool = bool(getattr(admitted.body, "stream", False))
        options = getattr(admitted.body, "stream_options", None)
        self._wants_usage: bool = options is not None and options.include_usage is True
        self.tokens = (0, 0)

    async def run(self, timeout_s: float) -> Relayed | Refusal:
        """Relay the answer; a refusal means that nothing has been sent yet."""
        routed = self._routed
        headers = [(b"content-type", b"application/json"), (_CALLER_HEADER, routed.caller)]
        try:
            async with routed.pool.request("POST", routed.path, headers, routed.body, timeout_s=timeout_s) as response:
                if response.status != HTTPStatus.OK:
                    return noes.meaning(response.status, await response.read(_MAX_NO_BYTES))
                if self._streams:
                    await self._stream(response)
                else:
                    await self._whole(response)
        except (ClientError, msgspec.MsgspecError, ValueError, RecursionError) as error:
            return await self._failed(error)
        return Relayed(200, *self.tokens)

    async def _whole(self, response: Response) -> None:
        answer = _WHOLE[self._endpoint].decode(await response.read(_MAX_ANSWER_BYTES))
        self._name(answer)
        self.tokens = answers.total(answer.usage)
        await self._reply.send(200, errors.headers_for(self._request_id), answers.encode(answer))

    async def _stream(self, response: Response) -> None:
        complete = False
        async for events in _events(response):
            if complete:
                raise ValueError("the worker spoke after its last word")
            complete = events[-1] == _DONE
            written = [
                encode_data(answers.encode(chunk))
                for data in (events[:-1] if complete else events)
                if (chunk := self._chunk(data)) is not None
            ]
            if written:
                self._start()
                await self._reply.write(b"".join(written))
        if not complete:
            raise ValueError("the worker ended its stream without saying so")
        # Held back until the worker's answer has ended as HTTP too: whoever reads it has the whole of an exact answer.
        self._start()
        await self._reply.write(_LAST_EVENT)
        await self._reply.end()

    def _start(self) -> None:
        if not self._reply.started:
            self._reply.start(200, [_EVENT_STREAM, *errors.headers_for(self._request_id)[1:]])

    def _chunk(self, data: str) -> Chunk | None:
        chunk = _CHUNK[self._endpoint].decode(data)
        self._name(chunk)
        usage = chunk.usage
        if isinstance(usage, answers.Usage):
            self.tokens = answers.total(usage)
            if not self._wants_usage and not chunk.choices:
                return None  # it was asked for on our own behalf
        chunk.usage = (usage or None) if self._wants_usage else msgspec.UNSET
        return chunk

    def _name(self, part: Answer | Chunk) -> None:
        """Put the gateway's own names over the engine's."""
        part.model = self._model
        if not isinstance(part, EmbeddingAnswer):
            part.created = self._created
            prefix = "chatcmpl" if self._endpoint is Endpoint.CHAT else "cmpl"
            part.id = f"{prefix}-{self._request_id.removeprefix('req_')}"

    async def _failed(self, error: Exception) -> Relayed | Refusal:
        refusal = _unanswered(error)
        if not self._reply.started:
            return refusal
        # The status has gone out as 200: an error event is what is left, and no [DONE] after it.
        await self._reply.write(encode_data(errors.body_of(refusal, self._request_id)))
        await self._reply.end()
        return Relayed(errors.status_of(refusal), *self.tokens, reason=refusal.reason)


async def _events(response: Response) -> AsyncIterator[list[str]]:
    parser = SseParser(max_event_bytes=_MAX_EVENT_BYTES)
    async for piece in response.stream():
        events = [event.data for event in parser.feed(piece)]
        if events:
            yield events


def _unanswered(error: Exception) -> Refusal:
    if isinstance(error, ConnectFailed):
        return Refusal(
            kind=RefusalKind.UNAVAILABLE,
            reason=f"worker unreachable: {error}",
            tell="The model is not available at the moment. Try again shortly.",
        )
    told = "took too long to answer" if isinstance(error, DeadlineExceeded) else "failed while answering"
    return Refusal(
        kind=RefusalKind.UPSTREAM,
        reason=f"worker {type(error).__name__}",
        tell=f"The model {told}. The request may be tried again.",
    )
