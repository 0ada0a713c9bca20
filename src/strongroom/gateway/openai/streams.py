"""Streamed answers in OpenAI's words: one chunk an event, the usage if it is wanted, and a last word.

Always true here:
- each event becomes one chunk, however many arrive together: how the engine cut its stream never shows;
- what is the same in every chunk of an answer is written once and put together as bytes: chunks are the hot path.
"""

from __future__ import annotations

from typing import Any, Final

from strongroom.gateway.exchange.answers import (
    CallDelta,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    Usage,
    Used,
)
from strongroom.gateway.exchange.asks import ChatAsk
from strongroom.gateway.exchange.ports import Naming
from strongroom.gateway.openai import errors
from strongroom.gateway.openai.answers import FINISHED, chat_scores, completion_scores, encode, id_of, usage_of
from strongroom.kernel.refusal import Refusal
from strongroom.wire import encode_data

_LAST: Final = encode_data(b"[DONE]")


class ChunkWriter:
    """Writes a streamed answer to a chat or a plain completion."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._is_chat = isinstance(naming.ask, ChatAsk)
        head = {
            "id": id_of(naming),
            "object": "chat.completion.chunk" if self._is_chat else "text_completion",
            "created": naming.created,
            "model": naming.model,
        }
        self._prefix = b"data: " + encode(head)[:-1] + b',"choices":['
        self._suffix = b'],"usage":null}\n\n' if naming.wants_usage else b"]}\n\n"
        # By choice that has begun: what stands before and after its text in a chunk that has nothing else.
        self._around: dict[int, tuple[bytes, bytes]] = {}
        self._usage = Usage()

    def feed(self, events: list[Event]) -> bytes:
        """Write events as they come."""
        written = b""
        for event in events:
            if isinstance(event, TextDelta) and event.scores is None and event.choice in self._around:
                before, after = self._around[event.choice]  # what nearly every chunk is: more text
                written += before + encode(event.text) + after
            elif isinstance(event, Used):
                self._usage = event.usage
            else:
                choice = self._chat_choice(event) if self._is_chat else self._completion_choice(event)
                written += self._prefix + encode(choice) + self._suffix
        return written

    def end(self) -> bytes:
        """Write what was used, if that is wanted, and the last word."""
        if not self._naming.wants_usage:
            return _LAST
        return self._prefix + b'],"usage":' + encode(usage_of(self._usage)) + b"}\n\n" + _LAST

    def fail(self, refusal: Refusal) -> bytes:
        """Write an error event; no last word follows it."""
        return encode_data(errors.body_of(refusal, self._naming.request_id))

    def _begin(self, choice: int) -> bool:
        """Make ready for the texts of a choice; return whether it had not begun."""
        if choice in self._around:
            return False
        if self._is_chat:
            before = b'{"index":%d,"delta":{"content":' % choice
            after = b'},"finish_reason":null,"logprobs":null}'
        else:
            before, after = b'{"text":', b',"index":%d,"logprobs":null,"finish_reason":null}' % choice
        self._around[choice] = self._prefix + before, after + self._suffix
        return True

    def _chat_choice(self, event: TextDelta | ReasoningDelta | CallDelta | Finished) -> dict[str, Any]:
        delta: dict[str, Any] = {}
        if self._begin(event.choice):
            delta["role"] = "assistant"
        finish = scores = None
        match event:
            case TextDelta():
                delta["content"] = event.text
                scores = chat_scores(event.scores)
            case ReasoningDelta():
                delta["reasoning_content"] = event.text
            case CallDelta():
                delta["tool_calls"] = [_call(event)]
            case Finished():
                finish = FINISHED[event.reason]
        return {"index": event.choice, "delta": delta, "finish_reason": finish, "logprobs": scores}

    def _completion_choice(self, event: TextDelta | ReasoningDelta | CallDelta | Finished) -> dict[str, Any]:
        self._begin(event.choice)
        text, scores = (event.text, event.scores) if isinstance(event, TextDelta) else ("", None)
        return {
            "text": text,
            "index": event.choice,
            "logprobs": completion_scores(scores),
            "finish_reason": FINISHED[event.reason] if isinstance(event, Finished) else None,
        }


def _call(piece: CallDelta) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": piece.arguments}
    told: dict[str, Any] = {"index": piece.index}
    if piece.id is not None:
        told |= {"id": piece.id, "type": "function"}
    if piece.name is not None:
        function = {"name": piece.name, **function}
    return {**told, "function": function}
