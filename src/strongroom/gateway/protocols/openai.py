"""OpenAI's API as engines speak it: local workers, and the many servers that are compatible with it.

What engines differ in is said by a subclass: `extras` (fields that are not OpenAI's own), `cannot` and `no`.
"""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec

from strongroom.gateway.exchange.answers import Answer
from strongroom.gateway.exchange.asks import (
    Ask,
    CallPart,
    ChatAsk,
    CompletionAsk,
    CountAsk,
    EmbeddingAsk,
    Message,
    ResultPart,
    TextPart,
)
from strongroom.gateway.exchange.ports import Outgoing, StreamReader
from strongroom.gateway.protocols import openai_answers, openai_asks
from strongroom.gateway.protocols.noes import meaning, no_word
from strongroom.kernel.refusal import Refusal, invalid

_JSON: Final = ((b"content-type", b"application/json"),)
_encode = msgspec.json.Encoder().encode


class OpenAIEngine:
    """An engine behind `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`."""

    extras: ClassVar[frozenset[str]] = frozenset()
    """Which of the fields that OpenAI has not this kind of engine takes: `top_k`."""

    counts: ClassVar[bool] = False
    """Whether it counts a conversation's tokens at `/v1/chat/completions/input_tokens`."""

    def cannot(self, ask: Ask) -> Refusal | None:
        """Return why OpenAI's API has no words for `ask`."""
        if isinstance(ask, ChatAsk | CompletionAsk):
            if ask.sampling.top_k is not None and "top_k" not in self.extras:
                return no_word("top_k")
            return (_unsaid_of_chat(ask) or _out_of_order(ask.messages)) if isinstance(ask, ChatAsk) else None
        if isinstance(ask, EmbeddingAsk):
            return None
        if isinstance(ask, CountAsk) and self.counts:
            return _out_of_order(ask.messages)
        return invalid("The model behind this name does not serve this endpoint.", param="model")

    def outgoing(self, ask: Ask, model: str) -> Outgoing:
        """Write `ask`."""
        path, body = openai_asks.write(ask, model)
        return Outgoing(path, _JSON, _encode(body))

    def whole(self, ask: Ask, body: bytes) -> Answer:
        """Decode a whole answer."""
        return openai_answers.whole(ask, body)

    def reader(self, ask: Ask) -> StreamReader:
        """Return a reader of the streamed answer."""
        return openai_answers.ChunkReader(is_chat=isinstance(ask, ChatAsk))

    def no(self, status: int, body: bytes) -> Refusal:
        """Return what an answer other than 200 means."""
        return meaning(status, body)


def _unsaid_of_chat(ask: ChatAsk) -> Refusal | None:
    if ask.continues:
        tell = "The model behind this name cannot continue an answer: the last message is a user's."
        return invalid(tell, param="messages")
    return None if ask.reasoning_tokens is None else no_word("reasoning")


def _out_of_order(messages: tuple[Message, ...]) -> Refusal | None:
    for index, message in enumerate(messages):
        if len(message.parts) == 1 and type(message.parts[0]) is TextPart:
            continue  # one text is in order
        no = _unsayable(message, index)
        if no is not None:
            return no
    return None


def _unsayable(message: Message, index: int) -> Refusal | None:
    """Refuse what would change its order or its meaning: OpenAI has text before calls, and results by themselves."""
    if len(message.parts) < 2 and not any(isinstance(part, ResultPart) for part in message.parts):  # noqa: PLR2004 - one part is in order
        return None
    before: type | None = None
    for part in message.parts:
        out_of_order = (isinstance(part, TextPart) and before is CallPart) or (
            isinstance(part, ResultPart) and before not in {None, ResultPart}
        )
        if out_of_order:
            tell = "The model behind this name takes text before calls, and results before text."
            return invalid(tell, param=f"messages[{index}].content")
        if isinstance(part, ResultPart) and part.failed:
            tell = "The model behind this name cannot be told that a tool failed: say so in the result's text."
            return invalid(tell, param=f"messages[{index}].content")
        before = type(part)
    return None
