"""What an engine answers in the words of OpenAI's API: decoded into known fields, and nothing else of it."""

from __future__ import annotations

import base64
import struct
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from strongroom.gateway.exchange.answers import (
    Alternative,
    Answer,
    Call,
    CallDelta,
    Choice,
    Count,
    Event,
    Finished,
    FinishReason,
    Generation,
    ReasoningDelta,
    TextDelta,
    TokenScore,
    Usage,
    Used,
    Vectors,
)
from strongroom.gateway.exchange.asks import Ask, ChatAsk, CompletionAsk, CountAsk, EmbeddingAsk
from strongroom.wire import SseParser

TokenCount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""An engine's figure, held to what a record can keep."""

_MAX_EVENT_BYTES: Final = 1024 * 1024
_DONE: Final = "[DONE]"
_FINISHED: Final[dict[str, FinishReason]] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool",
    "function_call": "tool",
    "content_filter": "filter",
}


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: TokenCount | None = None


class _OutputDetails(msgspec.Struct, frozen=True):
    reasoning_tokens: TokenCount | None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: TokenCount = 0
    completion_tokens: TokenCount = 0
    prompt_tokens_details: _InputDetails | None = None
    completion_tokens_details: _OutputDetails | None = None


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, frozen=True):
    index: Annotated[int, msgspec.Meta(ge=0, le=1023)] | None = None
    id: str | None = None
    function: _Function | None = None


class _Alternative(msgspec.Struct, frozen=True):
    token: str
    logprob: float


class _Score(msgspec.Struct, frozen=True):
    token: str
    logprob: float
    top_logprobs: list[_Alternative] = []


class _Scores(msgspec.Struct, frozen=True):
    """Log-probabilities: chat has `content`, plain completions the columns (llama.cpp gives both `content`)."""

    content: list[_Score] | None = None
    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    top_logprobs: list[dict[str, float] | None] | None = None


class _Message(msgspec.Struct, frozen=True):
    """A message, or what a chunk adds to it. Servers of open models disagree on what reasoning is called."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct, frozen=True):
    """`stop_reason` is the stop sequence that ended it, as vLLM and our own workers tell it."""

    index: Annotated[int, msgspec.Meta(ge=0, le=127)] = 0
    message: _Message = _Message()
    delta: _Message = _Message()
    text: str | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    logprobs: _Scores | None = None


class _Answer(msgspec.Struct, frozen=True):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]
    usage: _Usage | None = None
    system_fingerprint: str | None = None


class _Chunk(msgspec.Struct, frozen=True):
    """`choices` must be there, if empty: an engine's error in mid-stream is an event without it."""

    choices: list[_Choice]
    usage: _Usage | None = None


class _Count(msgspec.Struct, frozen=True):
    input_tokens: TokenCount


class _Vector(msgspec.Struct, frozen=True):
    index: int
    embedding: list[float] | Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9+/]*={0,2}$")]


class _Vectors(msgspec.Struct, frozen=True):
    data: list[_Vector]
    usage: _Usage | None = None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_COUNT: Final = msgspec.json.Decoder(_Count)
_VECTORS: Final = msgspec.json.Decoder(_Vectors)


def whole(ask: Ask, body: bytes) -> Answer:
    """Decode a whole answer to `ask`.

    Raises:
        ValueError: when it is none.
    """
    if isinstance(ask, EmbeddingAsk):
        return _vectors(ask, _VECTORS.decode(body))
    if isinstance(ask, CountAsk):
        return Count(input_tokens=_COUNT.decode(body).input_tokens)
    if not isinstance(ask, ChatAsk | CompletionAsk):
        raise TypeError("an ask that this protocol has no words for")
    answer = _ANSWER.decode(body)
    choices = answer.choices
    if len(choices) != ask.n:
        raise ValueError("not as many answers as were asked for")
    return Generation(
        choices=(_choice(choices[0]),) if ask.n == 1 else tuple([_choice(choice) for choice in choices]),
        usage=_usage(answer.usage),
        fingerprint=answer.system_fingerprint,
    )


class ChunkReader:
    """Reads a stream of chunks."""

    def __init__(self, *, is_chat: bool) -> None:
        self._is_chat = is_chat
        self._parser = SseParser(max_event_bytes=_MAX_EVENT_BYTES)
        self.complete = False

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that are complete with `piece`.

        Raises:
            ValueError: when the engine does not keep to its protocol.
        """
        events: list[Event] = []
        only = self._parser.only(piece)
        if only is not None:
            self._take(only, events)
        else:
            for event in self._parser.feed(piece):
                self._take(event.data, events)
        return events

    def _take(self, data: str, events: list[Event]) -> None:
        """Add what an event's `data` says to `events`."""
        if self.complete:
            raise ValueError("the engine spoke after its last word")
        if data == _DONE:
            self.complete = True
            return
        chunk = _CHUNK.decode(data)
        for choice in chunk.choices:
            delta = choice.delta
            text = delta.content if self._is_chat else choice.text
            reasoning = delta.reasoning_content or delta.reasoning
            if reasoning:
                events.append(ReasoningDelta(choice.index, reasoning))
            if choice.logprobs is not None and text is not None:
                events.append(TextDelta(choice.index, text, _scores(choice.logprobs)))
            elif text:
                events.append(TextDelta(choice.index, text))
            if delta.tool_calls:
                events += [_piece(choice.index, position, call) for position, call in enumerate(delta.tool_calls)]
            if choice.finish_reason:
                events.append(Finished(choice.index, _finish(choice), _stop_sequence(choice)))
        if chunk.usage is not None:
            events.append(Used(_usage(chunk.usage)))


def _choice(choice: _Choice) -> Choice:
    message = choice.message
    return Choice(
        index=choice.index,
        text=message.content if choice.text is None else choice.text,
        reasoning=message.reasoning_content or message.reasoning or None,
        calls=tuple([_call(call) for call in message.tool_calls]) if message.tool_calls else (),
        finish=_finish(choice),
        stop_sequence=None if choice.stop_reason is None else _stop_sequence(choice),
        scores=None if choice.logprobs is None else _scores(choice.logprobs),
    )


def _finish(choice: _Choice) -> FinishReason:
    found = _FINISHED.get(choice.finish_reason or "stop")
    if found is None:
        raise ValueError("an answer ended for a reason that is not known")
    return found


def _stop_sequence(choice: _Choice) -> str | None:
    return choice.stop_reason if isinstance(choice.stop_reason, str) and choice.finish_reason == "stop" else None


def _call(call: _Call) -> Call:
    if call.id is None or call.function is None or call.function.name is None:
        raise ValueError("a tool call without an id or a name")
    return Call(id=call.id, name=call.function.name, arguments=call.function.arguments or "")


def _piece(choice: int, position: int, call: _Call) -> CallDelta:
    function = call.function or _Function()
    index = position if call.index is None else call.index
    return CallDelta(choice, index, call.id, function.name, function.arguments or "")


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    cached, thought = usage.prompt_tokens_details, usage.completion_tokens_details
    return Usage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cached_tokens=None if cached is None else cached.cached_tokens,
        reasoning_tokens=None if thought is None else thought.reasoning_tokens,
    )


def _scores(scores: _Scores | None) -> tuple[TokenScore, ...] | None:
    if scores is None:
        return None
    if scores.content is not None:
        return tuple(
            TokenScore(
                token=score.token,
                logprob=score.logprob,
                top=tuple(Alternative(token=a.token, logprob=a.logprob) for a in score.top_logprobs),
            )
            for score in scores.content
        )
    tops: list[dict[str, float] | None] = scores.top_logprobs or [None for _ in scores.tokens]
    return tuple(
        TokenScore(
            token=token,
            logprob=0.0 if logprob is None else logprob,
            top=tuple(Alternative(token=name, logprob=value) for name, value in (top or {}).items()),
        )
        for token, logprob, top in zip(scores.tokens, scores.token_logprobs, tops, strict=True)
    )


def _vectors(ask: EmbeddingAsk, answer: _Vectors) -> Vectors:
    found = sorted(answer.data, key=lambda vector: vector.index)
    if [vector.index for vector in found] != list(range(len(ask.inputs))):
        raise ValueError("not one vector for each input")
    data = tuple([_encoded(vector.embedding, as_base64=ask.encoding == "base64") for vector in found])
    return Vectors(data=data, usage=_usage(answer.usage))


def _encoded(vector: list[float] | str, *, as_base64: bool) -> list[float] | str:
    """Return a vector as it was asked for: some engines know one encoding only."""
    if isinstance(vector, str) == as_base64:
        return vector
    if isinstance(vector, list):
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
    raw = base64.b64decode(vector, validate=True)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))
