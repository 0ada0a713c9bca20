"""Answers in Anthropic's words, whole."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strongroom.gateway.exchange.answers import Answer, Choice, Count, FinishReason, Generation, Usage
from strongroom.gateway.exchange.ports import Naming

encode = msgspec.json.Encoder().encode

_STOPPED: Final[dict[FinishReason, str]] = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool": "tool_use",
    "filter": "refusal",
}


def whole(answer: Answer, naming: Naming) -> bytes:
    """Return the body of a whole answer.

    Raises:
        ValueError: when a tool call's arguments are not an object.
    """
    if isinstance(answer, Count):
        return encode({"input_tokens": answer.input_tokens})
    if not isinstance(answer, Generation):
        raise TypeError("an answer that no endpoint of this dialect asks for")
    [choice] = answer.choices
    return encode(message(naming, _content(choice), stop_of(choice.finish, choice.stop_sequence), answer.usage))


def message(naming: Naming, content: list[Any], stop: dict[str, Any], usage: Usage) -> dict[str, Any]:
    """Return a message, whole or as a stream begins with it."""
    return {
        "id": "msg_" + naming.request_id.removeprefix("req_"),
        "type": "message",
        "role": "assistant",
        "model": naming.model,
        "content": content,
        **stop,
        "usage": usage_of(usage),
    }


def stop_of(finish: FinishReason | None, sequence: str | None) -> dict[str, Any]:
    """Return why an answer ended; None: it has not."""
    if finish == "stop" and sequence is not None:
        return {"stop_reason": "stop_sequence", "stop_sequence": sequence}
    return {"stop_reason": None if finish is None else _STOPPED[finish], "stop_sequence": None}


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return what was used. Anthropic counts what a cache held apart from the rest."""
    told: dict[str, Any] = {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
    if usage.cached_tokens is not None:
        told["input_tokens"] = max(usage.input_tokens - usage.cached_tokens, 0)
        told["cache_read_input_tokens"] = usage.cached_tokens
    return told


def _content(choice: Choice) -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = []
    if choice.reasoning:
        content.append({"type": "thinking", "thinking": choice.reasoning, "signature": ""})
    if choice.text:
        content.append({"type": "text", "text": choice.text})
    for call in choice.calls:
        arguments = msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
        content.append({"type": "tool_use", "id": call.id, "name": call.name, "input": arguments})
    return content
