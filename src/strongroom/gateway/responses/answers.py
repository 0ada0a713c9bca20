"""Responses in OpenAI's words: the object that an answer is, whole and as a stream goes on."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strongroom.gateway.exchange.answers import Call, Choice, FinishReason, TokenScore, Usage
from strongroom.gateway.exchange.asks import CallPart, Message, Part, TextPart
from strongroom.gateway.exchange.ports import Naming
from strongroom.gateway.openai.answers import chat_scores
from strongroom.gateway.responses.requests import ResponsesRequest

encode = msgspec.json.Encoder().encode

_CUT: Final[dict[FinishReason, str]] = {"length": "max_output_tokens", "filter": "content_filter"}


def id_of(naming: Naming) -> str:
    """Return a response's id: the request's, so that one leads to the other."""
    return "resp_" + naming.request_id.removeprefix("req_")


def item_id(naming: Naming, kind: str, index: int) -> str:
    """Return the id of an output item: `msg`, `fc` or `rs`, the request's, and its place."""
    return f"{kind}_{naming.request_id.removeprefix('req_')}{index:02x}"


def response(
    naming: Naming, status: str, output: list[dict[str, Any]], usage: Usage | None, finish: FinishReason = "stop"
) -> dict[str, Any]:
    """Return the object. What was asked is told again, as OpenAI does."""
    asked = naming.own
    if not isinstance(asked, ResponsesRequest):
        raise TypeError("an answer of this dialect to a request of another")
    cut = _CUT.get(finish)
    text = asked.text.format if asked.text is not None and asked.text.format is not None else None
    return {
        "id": id_of(naming),
        "object": "response",
        "created_at": naming.created,
        "status": "incomplete" if status == "completed" and cut is not None else status,
        "error": None,
        "incomplete_details": None if cut is None else {"reason": cut},
        "instructions": asked.instructions,
        "max_output_tokens": asked.max_output_tokens,
        "model": naming.model,
        "output": output,
        "parallel_tool_calls": asked.parallel_tool_calls is not False,
        "previous_response_id": asked.previous_response_id,
        "reasoning": {"effort": None if asked.reasoning is None else asked.reasoning.effort, "summary": None},
        "store": asked.store is True,
        "temperature": asked.temperature,
        "text": {"format": {"type": "text"} if text is None else text},
        "tool_choice": asked.tool_choice or "auto",
        "tools": [tool_of(tool) for tool in asked.tools or ()],
        "top_p": asked.top_p,
        "truncation": "disabled",
        "usage": None if usage is None else usage_of(usage),
        "metadata": asked.metadata or {},
    }


def tool_of(tool: Any) -> dict[str, Any]:
    """Return an offered function as it is told again."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict,
    }


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return what was used. The details must be there in this API; zero is told where nothing is."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens or 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def reasoning_item(identifier: str, text: str | None) -> dict[str, Any]:
    """Return what a model thought, as an output item."""
    content = [] if text is None else [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "id": identifier, "summary": [], "content": content}


def text_part(text: str, scores: tuple[TokenScore, ...] | None) -> dict[str, Any]:
    """Return the one part of a message."""
    told = chat_scores(scores)
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": [] if told is None else told["content"]}


def message_item(identifier: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what a model said, as an output item."""
    return {"type": "message", "id": identifier, "status": status, "role": "assistant", "content": content}


def call_item(identifier: str, status: str, call: Call) -> dict[str, Any]:
    """Return a call that a model made, as an output item."""
    return {
        "type": "function_call",
        "id": identifier,
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    }


def output_of(naming: Naming, choice: Choice) -> list[dict[str, Any]]:
    """Return the output items of a whole answer."""
    items: list[dict[str, Any]] = []
    if choice.reasoning:
        items.append(reasoning_item(item_id(naming, "rs", 0), choice.reasoning))
    if choice.text or not choice.calls:
        content = [text_part(choice.text or "", choice.scores)]
        items.append(message_item(item_id(naming, "msg", len(items)), "completed", content))
    for call in choice.calls:
        items.append(call_item(item_id(naming, "fc", len(items)), "completed", call))
    return items


def said(choice: Choice) -> Message:
    """Return an answer as the turn of a conversation that it is."""
    parts: list[Part] = [TextPart(choice.text)] if choice.text else []
    parts += [CallPart(call.id, call.name, call.arguments) for call in choice.calls]
    return Message(role="assistant", parts=tuple(parts))
