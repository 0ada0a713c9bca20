"""From a request of Anthropic's API to an ask in no dialect, or to a refusal that names the field."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from strongroom.gateway.anthropic import requests
from strongroom.gateway.anthropic.requests import CountRequest, MessagesRequest, TextBlock, ToolUse, unserved
from strongroom.gateway.exchange.asks import (
    CallPart,
    ChatAsk,
    CountAsk,
    Format,
    Message,
    Part,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)
from strongroom.gateway.exchange.decode import decode
from strongroom.gateway.exchange.endpoints import Endpoint
from strongroom.gateway.exchange.ports import Decoded
from strongroom.kernel.refusal import Refusal, invalid

_MESSAGES: Final = msgspec.json.Decoder(MessagesRequest)
_COUNT: Final = msgspec.json.Decoder(CountRequest)
_NAMES: Final = {
    "max_output_tokens": "max_tokens",
    "choice": "tool_choice",
    "format": "output_config",
    "reasoning": "thinking",
    "stop": "stop_sequences",
    "parallel_calls": "tool_choice",
}
_MODES: Final[dict[str, Literal["auto", "none", "required", "named"]]] = {
    "auto": "auto",
    "none": "none",
    "any": "required",
    "tool": "named",
}


def read(endpoint: Endpoint, body: bytes) -> Decoded | Refusal:
    """Return what a request to `endpoint` asks for."""
    if endpoint is Endpoint.COUNT:
        counted = decode(_COUNT, body)
        if isinstance(counted, Refusal):
            return counted
        return _form(counted) or Decoded(
            ask=CountAsk(model=counted.model, messages=_messages(counted), tools=_tools(counted)), names=_NAMES
        )
    asked = decode(_MESSAGES, body)
    if isinstance(asked, Refusal):
        return asked
    return _form(asked) or Decoded(
        ask=_ask(asked), names=_NAMES, subject="" if asked.metadata is None else asked.metadata.user_id or ""
    )


def _ask(body: MessagesRequest) -> ChatAsk:
    wanted = None if body.output_config is None else body.output_config.format
    choice = body.tool_choice
    return ChatAsk(
        model=body.model,
        messages=_messages(body),
        sampling=Sampling(
            temperature=body.temperature,
            top_p=body.top_p,
            top_k=body.top_k or None,
            stop=tuple(body.stop_sequences or ()),
        ),
        max_output_tokens=body.max_tokens,
        stream=body.stream is True,
        tools=_tools(body),
        choice=None if choice is None else ToolChoice(mode=_MODES[choice.type], name=choice.name or ""),
        parallel_calls=False if choice is not None and choice.disable_parallel_tool_use else None,
        # Anthropic's format has no name; OpenAI's API wants one, and nothing is read from it.
        format=None if wanted is None else Format(kind="schema", name="answer", schema=wanted.schema, strict=True),
        reasoning=_reasoning(body.thinking),
        reasoning_tokens=None if body.thinking is None else body.thinking.budget_tokens,
        continues=body.messages[-1].role == "assistant",
    )


def _form(body: CountRequest) -> Refusal | None:
    for field in unserved(body):
        return invalid(f"The field `{field}` is not supported here with this value. Leave it out.", param=field)
    choice, thinking = body.tool_choice, body.thinking
    if choice is not None and (choice.type == "tool") != (choice.name is not None):
        return invalid("`tool_choice.name` goes with the type `tool`, and only with it.", param="tool_choice")
    if thinking is not None and (thinking.type == "enabled") != (thinking.budget_tokens is not None):
        return invalid("`thinking.budget_tokens` goes with the type `enabled`, and only with it.", param="thinking")
    for index, message in enumerate(body.messages):
        kinds = set(map(type, message.content)) if isinstance(message.content, list) else set[type]()
        out_of_place = requests.ToolResult if message.role == "assistant" else ToolUse
        if out_of_place in kinds:
            tell = "A `tool_use` belongs to an assistant's turn, a `tool_result` to a user's."
            return invalid(tell, param=f"messages[{index}].content")
    return None


def _messages(body: CountRequest) -> tuple[Message, ...]:
    told = [Message(role=message.role, parts=_parts(message.content)) for message in body.messages]
    if body.system:
        told.insert(0, Message(role="system", parts=_parts(body.system)))
    return tuple(told)


def _parts(
    content: str | list[TextBlock] | list[TextBlock | ToolUse | requests.ToolResult],
) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (TextPart(content),)
    return tuple([_part(block) for block in content])


def _part(block: TextBlock | ToolUse | requests.ToolResult) -> Part:
    match block:
        case TextBlock():
            return TextPart(block.text)
        case ToolUse():
            return CallPart(block.id, block.name, msgspec.json.encode(block.input).decode())
        case requests.ToolResult():
            content = block.content if isinstance(block.content, str) else "".join(part.text for part in block.content)
            return ResultPart(block.tool_use_id, content, failed=block.is_error is True)


def _tools(body: CountRequest) -> tuple[Tool, ...]:
    return tuple(
        [
            Tool(name=tool.name, description=tool.description, parameters=tool.input_schema, strict=tool.strict)
            for tool in body.tools or ()
        ]
    )


def _reasoning(thinking: requests.Thinking | None) -> str | None:
    if thinking is None:
        return None
    return "none" if thinking.type == "disabled" else thinking.type
