"""Anthropic's Messages API, as a provider speaks it: whole and streamed answers, tools, and counting.

Always true here:
- a content block of a kind that is not known here ends the answer: it may carry what nobody looked at;
- the last word of a stream is `message_stop`; an `error` event is a failure, whatever came before it.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from strongroom.gateway.exchange.answers import Answer, Call, Choice, Count, FinishReason, Generation
from strongroom.gateway.exchange.asks import Ask, ChatAsk, CountAsk
from strongroom.gateway.exchange.ports import Outgoing, StreamReader
from strongroom.gateway.protocols import anthropic_asks, provider_noes
from strongroom.gateway.protocols.anthropic_stream import MessageReader
from strongroom.gateway.protocols.anthropic_words import FINISHED, UsageWords, usage_of
from strongroom.kernel.refusal import Refusal, invalid

VERSION: Final = b"2023-06-01"
_FIELDS: Final = (
    (b"content-type", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"anthropic-version", VERSION),
)


class _Text(msgspec.Struct, frozen=True, tag="text"):
    text: str


class _Thinking(msgspec.Struct, frozen=True, tag="thinking"):
    thinking: str


class _Redacted(msgspec.Struct, frozen=True, tag="redacted_thinking"):
    """Thought that the provider sealed for itself; it has no name here and goes no further."""


class _ToolUse(msgspec.Struct, frozen=True, tag="tool_use"):
    id: str
    name: str
    input: dict[str, Any]


_Block: TypeAlias = _Text | _Thinking | _Redacted | _ToolUse


class _Message(msgspec.Struct, frozen=True):
    type: Literal["message"]
    role: Literal["assistant"]
    content: list[_Block]
    stop_reason: str
    usage: UsageWords
    stop_sequence: str | None = None


class _Counted(msgspec.Struct, frozen=True):
    input_tokens: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


_MESSAGE: Final = msgspec.json.Decoder(_Message)
_COUNTED: Final = msgspec.json.Decoder(_Counted)


class Anthropic:
    """A provider behind `/v1/messages`."""

    def cannot(self, ask: Ask) -> Refusal | None:
        """Return why Messages has no words for `ask`."""
        if not isinstance(ask, ChatAsk | CountAsk):
            return invalid("The model behind this name does not serve this endpoint.", param="model")
        return anthropic_asks.unsaid(ask)

    def outgoing(self, ask: Ask, model: str) -> Outgoing:
        """Write `ask`."""
        if not isinstance(ask, ChatAsk | CountAsk):
            raise TypeError("an ask that this protocol has no words for")
        path, body = anthropic_asks.write(ask, model)
        return Outgoing(path, _FIELDS, msgspec.json.encode(body))

    def whole(self, ask: Ask, body: bytes) -> Answer:
        """Decode a whole answer."""
        if isinstance(ask, CountAsk):
            return Count(input_tokens=_COUNTED.decode(body).input_tokens)
        message = _MESSAGE.decode(body)
        return Generation(choices=(_choice(message),), usage=usage_of(message.usage))

    def reader(self, ask: Ask) -> StreamReader:
        """Return a reader of the streamed answer."""
        del ask
        return MessageReader()

    def no(self, status: int, body: bytes) -> Refusal:
        """Return what an answer other than 200 means; the provider's words stay here."""
        del body
        return provider_noes.meaning(status)


def _choice(message: _Message) -> Choice:
    texts = [block.text for block in message.content if isinstance(block, _Text)]
    thoughts = [block.thinking for block in message.content if isinstance(block, _Thinking)]
    calls = tuple(
        Call(id=block.id, name=block.name, arguments=msgspec.json.encode(block.input).decode())
        for block in message.content
        if isinstance(block, _ToolUse)
    )
    return Choice(
        text="".join(texts) if texts or not calls else None,
        reasoning="".join(thoughts) if thoughts else None,
        calls=calls,
        finish=_finish(message.stop_reason),
        stop_sequence=message.stop_sequence if message.stop_reason == "stop_sequence" else None,
    )


def _finish(reason: str) -> FinishReason:
    found = FINISHED.get(reason)
    if found is None:
        raise ValueError("an unknown reason to stop")
    return found
