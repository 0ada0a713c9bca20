"""Streamed answers in Anthropic's words: a message that begins, its blocks one after the other, and how it ended.

Always true here:
- one block is open at a time; a piece for a block that was closed is a failure, not a guess;
- why it ended and what was used are told once, when the engine has said its last word.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strongroom.gateway.anthropic import answers, errors
from strongroom.gateway.anthropic.answers import encode
from strongroom.gateway.exchange.answers import (
    CallDelta,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    Usage,
    Used,
)
from strongroom.gateway.exchange.ports import Naming
from strongroom.kernel.refusal import Refusal

_PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class MessageWriter:
    """Writes a streamed message."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._begun = False
        self._block = -1  # the index of the latest
        self._open: tuple[str, int] | None = None  # what it is of, and of which call
        self._calls = -1  # the latest call
        self._arguments = bytearray()
        self._finished = Finished(0, "stop")
        self._usage = Usage()

    def feed(self, events: list[Event]) -> bytes:
        """Write events as they come.

        Raises:
            ValueError: when they come in an order that this dialect has no words for.
        """
        written: list[bytes] = []
        for event in events:
            if isinstance(event, Used):
                self._usage = event.usage
            else:
                if not self._begun:
                    written.append(self._begin())
                self._take(event, written)
        return b"".join(written)

    def end(self) -> bytes:
        """Close what is open, and say how it ended."""
        written = [] if self._begun else [self._begin()]
        self._close(written)
        stop = answers.stop_of(self._finished.reason, self._finished.stop_sequence)
        written.append(_event("message_delta", delta=stop, usage=answers.usage_of(self._usage)))
        written.append(_STOP)
        return b"".join(written)

    def fail(self, refusal: Refusal) -> bytes:
        """Write an error event; no last word follows it."""
        return b"event: error\ndata: " + errors.body_of(refusal, self._naming.request_id) + b"\n\n"

    def _begin(self) -> bytes:
        self._begun = True
        message = answers.message(self._naming, [], answers.stop_of(None, None), self._usage)
        return _event("message_start", message=message) + _PING

    def _take(self, event: TextDelta | ReasoningDelta | CallDelta | Finished, written: list[bytes]) -> None:
        match event:
            case TextDelta():
                self._enter("text", 0, {"type": "text", "text": ""}, written)
                written.append(self._text(event.text))
            case ReasoningDelta():
                self._enter("thinking", 0, {"type": "thinking", "thinking": "", "signature": ""}, written)
                written.append(self._delta(type="thinking_delta", thinking=event.text))
            case CallDelta():
                self._call(event, written)
            case Finished():
                self._finished = event

    def _text(self, text: str) -> bytes:
        """Write what nearly every event is: more text."""
        return (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,'
            b'"delta":{"type":"text_delta","text":%b}}\n\n'
        ) % (self._block, encode(text))

    def _call(self, piece: CallDelta, written: list[bytes]) -> None:
        if self._open != ("call", piece.index):
            if piece.id is None or piece.name is None or piece.index <= self._calls:
                raise ValueError("pieces of tool calls come out of order")
            self._calls = piece.index
            block: dict[str, Any] = {"type": "tool_use", "id": piece.id, "name": piece.name, "input": {}}
            self._enter("call", piece.index, block, written)
        if piece.arguments:
            self._arguments += piece.arguments.encode()
            written.append(self._delta(type="input_json_delta", partial_json=piece.arguments))

    def _enter(self, kind: str, which: int, block: dict[str, Any], written: list[bytes]) -> None:
        """Have a block of this kind open."""
        if self._open == (kind, which):
            return
        self._close(written)
        self._block += 1
        self._open = (kind, which)
        written.append(_event("content_block_start", index=self._block, content_block=block))

    def _close(self, written: list[bytes]) -> None:
        if self._open is None:
            return
        if self._arguments:
            msgspec.json.decode(self._arguments, type=dict[str, Any])  # an object, or the answer is a failed one
            self._arguments.clear()
        self._open = None
        written.append(_event("content_block_stop", index=self._block))

    def _delta(self, **delta: str) -> bytes:
        return _event("content_block_delta", index=self._block, delta=delta)


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), encode({"type": kind, **fields}))
