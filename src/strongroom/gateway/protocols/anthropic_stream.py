"""A streamed answer of Anthropic's Messages API, event by event."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from strongroom.gateway.exchange.answers import CallDelta, Event, Finished, ReasoningDelta, TextDelta, Usage, Used
from strongroom.gateway.protocols.anthropic_words import FINISHED, TokenCount, UsageWords, usage_of
from strongroom.wire import SseParser

_MAX_EVENT_BYTES: Final = 1024 * 1024
_MAX_BLOCKS: Final = 1024
BlockIndex: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=_MAX_BLOCKS)]


class _Opening(msgspec.Struct, frozen=True):
    usage: UsageWords = UsageWords()


class _Start(msgspec.Struct, frozen=True, tag="message_start"):
    message: _Opening


class _Block(msgspec.Struct, frozen=True):
    type: Literal["text", "thinking", "redacted_thinking", "tool_use"]
    text: str = ""
    thinking: str = ""
    id: str | None = None
    name: str | None = None


class _BlockStart(msgspec.Struct, frozen=True, tag="content_block_start"):
    index: BlockIndex
    content_block: _Block


class _Delta(msgspec.Struct, frozen=True):
    type: Literal["text_delta", "input_json_delta", "thinking_delta", "signature_delta"]
    text: str = ""
    partial_json: str = ""
    thinking: str = ""


class _BlockDelta(msgspec.Struct, frozen=True, tag="content_block_delta"):
    index: BlockIndex
    delta: _Delta


class _BlockStop(msgspec.Struct, frozen=True, tag="content_block_stop"):
    index: BlockIndex


class _Ending(msgspec.Struct, frozen=True):
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _UsedSoFar(msgspec.Struct, frozen=True):
    output_tokens: TokenCount = 0


class _MessageDelta(msgspec.Struct, frozen=True, tag="message_delta"):
    delta: _Ending
    usage: _UsedSoFar = _UsedSoFar()


class _MessageStop(msgspec.Struct, frozen=True, tag="message_stop"):
    pass


class _Ping(msgspec.Struct, frozen=True, tag="ping"):
    pass


class _Error(msgspec.Struct, frozen=True, tag="error"):
    pass


_Said: TypeAlias = _Start | _BlockStart | _BlockDelta | _BlockStop | _MessageDelta | _MessageStop | _Ping | _Error
_SAID: Final = msgspec.json.Decoder(_Said)


class MessageReader:
    """Reads one streamed answer."""

    def __init__(self) -> None:
        self._parser = SseParser(max_event_bytes=_MAX_EVENT_BYTES)
        self._blocks: dict[int, _Block] = {}  # those that are open
        self._calls: dict[int, int] = {}  # which call a block is
        self._spoken: set[int] = set()  # calls that have said anything of their arguments
        self._usage = Usage()
        self._started = self._finished = self._complete = False

    @property
    def complete(self) -> bool:
        """Whether the provider has said `message_stop`."""
        return self._complete

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that are complete with `piece`."""
        events: list[Event] = []
        for sent in self._parser.feed(piece):
            if self._complete:
                raise ValueError("something follows the last word")
            self._take(_SAID.decode(sent.data), events)
        return events

    def _take(self, said: _Said, events: list[Event]) -> None:
        if isinstance(said, _Error):
            raise ValueError("the provider broke off")  # noqa: TRY004 - its own word, not a type of ours
        if self._started == isinstance(said, _Start) and not isinstance(said, _Ping):
            raise ValueError("an event out of order")
        match said:
            case _Start():
                self._started = True
                self._usage = usage_of(said.message.usage)
                events.append(Used(self._usage))
            case _BlockStart():
                self._open(said, events)
            case _BlockDelta():
                self._add(said, events)
            case _BlockStop():
                self._close(said, events)
            case _MessageDelta():
                self._end(said, events)
            case _MessageStop():
                self._stop()
            case _Ping():
                pass

    def _stop(self) -> None:
        if not self._finished or self._blocks:
            raise ValueError("the last word before the end")
        self._complete = True

    def _open(self, said: _BlockStart, events: list[Event]) -> None:
        block = said.content_block
        if said.index in self._blocks or self._finished:
            raise ValueError("a block out of order")
        self._blocks[said.index] = block
        if block.type == "tool_use":
            if not block.id or not block.name or said.index in self._calls:
                raise ValueError("a tool call without an id or a name")
            self._calls[said.index] = len(self._calls)
            events.append(CallDelta(0, self._calls[said.index], block.id, block.name))
        elif block.text and block.type == "text":
            events.append(TextDelta(0, block.text))
        elif block.thinking and block.type == "thinking":
            events.append(ReasoningDelta(0, block.thinking))

    def _add(self, said: _BlockDelta, events: list[Event]) -> None:
        block, delta = self._blocks.get(said.index), said.delta
        match (None if block is None else block.type, delta.type):
            case ("text", "text_delta"):
                events.append(TextDelta(0, delta.text))
            case ("thinking", "thinking_delta"):
                events.append(ReasoningDelta(0, delta.thinking))
            case ("thinking", "signature_delta"):
                pass  # the provider's own seal on its thought
            case ("tool_use", "input_json_delta"):
                if delta.partial_json:
                    self._spoken.add(said.index)
                    events.append(CallDelta(0, self._calls[said.index], arguments=delta.partial_json))
            case _:
                raise ValueError("a delta that does not fit its block")

    def _close(self, said: _BlockStop, events: list[Event]) -> None:
        block = self._blocks.pop(said.index, None)
        if block is None:
            raise ValueError("a block ends that had not begun")
        if block.type == "tool_use" and said.index not in self._spoken:
            events.append(CallDelta(0, self._calls[said.index], arguments="{}"))  # a call without arguments

    def _end(self, said: _MessageDelta, events: list[Event]) -> None:
        self._usage = msgspec.structs.replace(
            self._usage, output_tokens=max(self._usage.output_tokens, said.usage.output_tokens)
        )
        if said.delta.stop_reason is not None and not self._finished:
            reason = FINISHED.get(said.delta.stop_reason)
            if reason is None:
                raise ValueError("an unknown reason to stop")
            self._finished = True
            stop = said.delta.stop_sequence if said.delta.stop_reason == "stop_sequence" else None
            events.append(Finished(0, reason, stop))
        events.append(Used(self._usage))
