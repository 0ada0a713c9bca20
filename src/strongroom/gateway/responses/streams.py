"""Streamed responses in OpenAI's words: numbered events, items one after the other, and the whole object at the end.

Always true here:
- one item is open at a time; a piece for one that was closed is a failure, not a guess;
- the object that the last event carries is the same that a whole answer would be, and the same that is kept.
"""

from __future__ import annotations

from typing import Any

from strongroom.gateway.exchange.answers import (
    Call,
    CallDelta,
    Choice,
    Event,
    Finished,
    ReasoningDelta,
    TextDelta,
    TokenScore,
    Usage,
    Used,
)
from strongroom.gateway.exchange.ports import Naming
from strongroom.gateway.openai import errors
from strongroom.gateway.openai.answers import chat_scores
from strongroom.gateway.responses import answers
from strongroom.gateway.responses.answers import encode
from strongroom.kernel.refusal import Refusal


class ResponseWriter:
    """Writes a streamed response."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._number = -1
        self._done: list[dict[str, Any]] = []
        self._open: tuple[str, int] | None = None  # the kind of the open item, and of which call it is
        self._item = ""
        self._pieces: list[str] = []
        self._scores: list[TokenScore] | None = None
        self._head = Call(id="", name="", arguments="")
        self._calls: list[Call] = []
        self._texts: list[str] = []
        self._finished = Finished(0, "stop")
        self._usage = Usage()
        self._begun = False

    def feed(self, events: list[Event]) -> bytes:
        """Write events as they come.

        Raises:
            ValueError: when they come in an order that this dialect has no words for.
        """
        written: list[bytes] = []
        for event in events:
            if isinstance(event, Used):
                self._usage = event.usage
                continue
            if not self._begun:
                self._begin(written)
            match event:
                case TextDelta():
                    self._text(event, written)
                case ReasoningDelta():
                    self._reasoning(event, written)
                case CallDelta():
                    self._call(event, written)
                case Finished():
                    self._finished = event
        return b"".join(written)

    def end(self) -> bytes:
        """Close what is open, and tell the whole object."""
        written: list[bytes] = []
        if not self._begun:
            self._begin(written)
        self._close(written)
        document = answers.response(self._naming, "completed", self._done, self._usage, self._finished.reason)
        turn = self._naming.turn
        if turn is not None:
            text = "".join(self._texts) or None
            turn.take(document["id"], encode(document), answers.said(Choice(text=text, calls=tuple(self._calls))))
        written.append(self._event(f"response.{document['status']}", response=document))
        return b"".join(written)

    def fail(self, refusal: Refusal) -> bytes:
        """Write an error event; no last word follows it."""
        self._number += 1
        told = errors.error_of(refusal, self._naming.request_id)
        document = {"type": "error", "sequence_number": self._number, **told, "error": told}
        return b"event: error\ndata: " + encode(document) + b"\n\n"

    def _begin(self, written: list[bytes]) -> None:
        self._begun = True
        document = answers.response(self._naming, "in_progress", [], None)
        written.append(self._event("response.created", response=document))
        written.append(self._event("response.in_progress", response=document))

    def _text(self, event: TextDelta, written: list[bytes]) -> None:
        if self._open != ("message", 0):
            self._enter("message", 0, "msg", written)
            item = answers.message_item(self._item, "in_progress", [])
            written.append(self._of_item("response.output_item.added", item=item))
            part = answers.text_part("", None)
            written.append(self._of_part("response.content_part.added", part=part))
        self._pieces.append(event.text)
        told = chat_scores(event.scores)
        if event.scores is not None:
            self._scores = [*(self._scores or []), *event.scores]
        scores: list[Any] = [] if told is None else told["content"]
        written.append(self._of_part("response.output_text.delta", delta=event.text, logprobs=scores))

    def _reasoning(self, event: ReasoningDelta, written: list[bytes]) -> None:
        if self._open != ("reasoning", 0):
            self._enter("reasoning", 0, "rs", written)
            item = answers.reasoning_item(self._item, None)
            written.append(self._of_item("response.output_item.added", item=item))
        self._pieces.append(event.text)
        written.append(self._of_part("response.reasoning_text.delta", delta=event.text))

    def _call(self, piece: CallDelta, written: list[bytes]) -> None:
        if self._open != ("call", piece.index):
            if piece.id is None or piece.name is None or piece.index < len(self._calls):
                raise ValueError("pieces of tool calls come out of order")
            self._enter("call", piece.index, "fc", written)
            self._head = Call(id=piece.id, name=piece.name, arguments="")
            item = answers.call_item(self._item, "in_progress", self._head)
            written.append(self._of_item("response.output_item.added", item=item))
        if piece.arguments:
            self._pieces.append(piece.arguments)
            kind = "response.function_call_arguments.delta"
            written.append(self._event(kind, item_id=self._item, output_index=len(self._done), delta=piece.arguments))

    def _enter(self, kind: str, which: int, prefix: str, written: list[bytes]) -> None:
        self._close(written)
        self._open = (kind, which)
        self._item = answers.item_id(self._naming, prefix, len(self._done))
        self._pieces.clear()
        self._scores = None

    def _close(self, written: list[bytes]) -> None:
        if self._open is None:
            return
        text = "".join(self._pieces)
        match self._open[0]:
            case "message":
                self._texts.append(text)
                part = answers.text_part(text, None if self._scores is None else tuple(self._scores))
                written.append(self._of_part("response.output_text.done", text=text, logprobs=part["logprobs"]))
                written.append(self._of_part("response.content_part.done", part=part))
                item = answers.message_item(self._item, "completed", [part])
            case "reasoning":
                written.append(self._of_part("response.reasoning_text.done", text=text))
                item = answers.reasoning_item(self._item, text)
            case _:
                call = Call(id=self._head.id, name=self._head.name, arguments=text)
                self._calls.append(call)
                kind = "response.function_call_arguments.done"
                told = {"item_id": self._item, "output_index": len(self._done), "name": call.name, "arguments": text}
                written.append(self._event(kind, **told))
                item = answers.call_item(self._item, "completed", call)
        written.append(self._of_item("response.output_item.done", item=item))
        self._done.append(item)
        self._open = None

    def _of_item(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, output_index=len(self._done), **fields)

    def _of_part(self, kind: str, **fields: Any) -> bytes:
        return self._event(kind, item_id=self._item, output_index=len(self._done), content_index=0, **fields)

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        document = encode({"type": kind, "sequence_number": self._number, **fields})
        return b"event: %b\ndata: %b\n\n" % (kind.encode(), document)
