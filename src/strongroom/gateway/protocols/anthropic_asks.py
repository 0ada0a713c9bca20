"""An ask in the words of Anthropic's Messages API, or why it cannot be said so."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strongroom.gateway.exchange.asks import (
    CallPart,
    ChatAsk,
    CountAsk,
    Message,
    Part,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)
from strongroom.gateway.protocols.noes import no_word
from strongroom.kernel.refusal import Refusal, invalid

_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any"}
_NO_PARAMETERS: Final[dict[str, Any]] = {"type": "object", "properties": {}}
_MIN_THINKING: Final = 1024
_arguments = msgspec.json.Decoder(dict[str, Any])


def unsaid(ask: ChatAsk | CountAsk) -> Refusal | None:
    """Return the no to what Messages has no words for, naming the ask's attribute."""
    no = _unsaid_of_messages(ask.messages) or _unsaid_of_tools(ask.tools)
    if no is not None or isinstance(ask, CountAsk):
        return no
    field = _unsaid_field(ask) or _unsaid_sampling(ask.sampling)
    return None if field is None else no_word(field)


def _unsaid_field(ask: ChatAsk) -> str | None:  # noqa: PLR0911 - one return for each field
    if ask.max_output_tokens is None:
        return "max_output_tokens"
    if ask.n > 1:
        return "n"
    if ask.logprobs is not None:
        return "logprobs"
    if ask.format is not None and ask.format.kind != "text":
        return "format"
    if ask.reasoning not in {None, "none"} and (
        ask.reasoning != "enabled" or (ask.reasoning_tokens or 0) < _MIN_THINKING
    ):
        return "reasoning"
    if ask.choice is not None and not ask.tools:
        return "choice"
    return None


def _unsaid_sampling(sampling: Sampling) -> str | None:
    if sampling.temperature is not None and sampling.temperature > 1:
        return "temperature"
    for name in ("seed", "logit_bias"):
        if getattr(sampling, name) is not None:
            return name
    for name in ("presence_penalty", "frequency_penalty"):
        if getattr(sampling, name):  # zero says nothing
            return name
    return None


def _unsaid_of_messages(messages: tuple[Message, ...]) -> Refusal | None:
    told = False
    for index, message in enumerate(messages):
        if message.role == "system" and told:
            tell = "The model behind this name takes its instructions before the first turn only."
            return invalid(tell, param=f"messages[{index}].role")
        told = told or message.role != "system"
        if message.name is not None:
            return no_word(f"messages[{index}].name")
        if any(isinstance(part, CallPart) and not _is_object(part.arguments) for part in message.parts):
            tell = "The model behind this name takes a call's arguments as a JSON object."
            return invalid(tell, param=f"messages[{index}].tool_calls")
    return None


def _unsaid_of_tools(tools: tuple[Tool, ...]) -> Refusal | None:
    return no_word("tools") if any(tool.strict for tool in tools) else None


def _is_object(text: str) -> bool:
    try:
        _arguments.decode(text)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return True


def write(ask: ChatAsk | CountAsk, model: str) -> tuple[str, dict[str, Any]]:
    """Return (path, body) of `ask`, which `unsaid` let through."""
    body: dict[str, Any] = {"model": model, "messages": _turns(ask.messages)}
    system = [_part(part) for message in ask.messages if message.role == "system" for part in message.parts]
    if system:
        body["system"] = system
    if ask.tools:
        body["tools"] = [_tool(tool) for tool in ask.tools]
    if isinstance(ask, CountAsk):
        return "/v1/messages/count_tokens", body
    body["max_tokens"] = ask.max_output_tokens
    if ask.stream:
        body["stream"] = True
    if ask.choice is not None or ask.parallel_calls is False:
        choice = _choice(ask.choice or ToolChoice(mode="auto"), parallel=ask.parallel_calls)
        body |= {"tool_choice": choice} if ask.tools else {}
    if ask.reasoning == "enabled":
        body["thinking"] = {"type": "enabled", "budget_tokens": ask.reasoning_tokens}
    for name in ("temperature", "top_p", "top_k"):
        if (value := getattr(ask.sampling, name)) is not None:
            body[name] = value
    if ask.sampling.stop:
        body["stop_sequences"] = ask.sampling.stop
    return "/v1/messages", body


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Return the turns. Neighbours of one role are one turn, as the API itself takes them."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        parts = [_part(part) for part in message.parts]
        if turns and turns[-1]["role"] == message.role:
            turns[-1]["content"].extend(parts)
        else:
            turns.append({"role": message.role, "content": parts})
    return turns


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case CallPart():
            return {"type": "tool_use", "id": part.id, "name": part.name, "input": _arguments.decode(part.arguments)}
        case ResultPart():
            told = {"type": "tool_result", "tool_use_id": part.call, "content": part.content}
            return told | {"is_error": True} if part.failed else told


def _tool(tool: Tool) -> dict[str, Any]:
    told: dict[str, Any] = {"name": tool.name, "input_schema": tool.parameters or _NO_PARAMETERS}
    return told if tool.description is None else told | {"description": tool.description}


def _choice(choice: ToolChoice, *, parallel: bool | None) -> dict[str, Any]:
    told: dict[str, Any] = (
        {"type": "tool", "name": choice.name} if choice.mode == "named" else {"type": _CHOICES[choice.mode]}
    )
    return told | {"disable_parallel_tool_use": True} if parallel is False and choice.mode != "none" else told
