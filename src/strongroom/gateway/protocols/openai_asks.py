"""An ask in the words of OpenAI's API, as an engine gets it: bounded, and without anything that names people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from strongroom.gateway.exchange.asks import (
    USUAL,
    Ask,
    CallPart,
    ChatAsk,
    CompletionAsk,
    CountAsk,
    EmbeddingAsk,
    Format,
    Message,
    ResultPart,
    Sampling,
    TextPart,
    Tool,
    ToolChoice,
)

_WITH_USAGE: Final = {"include_usage": True}
_FORMATS: Final = {"text": "text", "json": "json_object", "schema": "json_schema"}


def write(ask: Ask, model: str) -> tuple[str, dict[str, Any]]:
    """Return (path, body) of `ask`.

    Raises:
        TypeError: for an ask that `OpenAIEngine.cannot` would have refused.
    """
    if isinstance(ask, ChatAsk):
        return "/v1/chat/completions", _chat(ask, model)
    if isinstance(ask, CompletionAsk):
        body: dict[str, Any] = {"model": model, "prompt": ask.prompt}
        _generation(ask, body)
        return "/v1/completions", body
    if isinstance(ask, CountAsk):
        return "/v1/chat/completions/input_tokens", _conversation(ask, model)
    if isinstance(ask, EmbeddingAsk):
        return "/v1/embeddings", _embedding(ask, model)
    raise TypeError("an ask that this protocol has no words for")


def _conversation(ask: ChatAsk | CountAsk, model: str) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    for message in ask.messages:
        parts = message.parts
        if len(parts) == 1 and type(parts[0]) is TextPart and message.name is None:  # nearly always
            messages.append({"role": message.role, "content": parts[0].text})
        else:
            messages += _message(message)
    body: dict[str, Any] = {"model": model, "messages": messages}
    if ask.tools:
        body["tools"] = [_tool(tool) for tool in ask.tools]
    return body


def _chat(ask: ChatAsk, model: str) -> dict[str, Any]:
    body = _conversation(ask, model)
    _generation(ask, body)
    if ask.choice is not None:
        body["tool_choice"] = _choice(ask.choice)
    if ask.parallel_calls is not None:
        body["parallel_tool_calls"] = ask.parallel_calls
    if ask.format is not None:
        body["response_format"] = _format(ask.format)
    if ask.reasoning is not None:
        body["reasoning_effort"] = ask.reasoning
    return body


def _generation(ask: ChatAsk | CompletionAsk, body: dict[str, Any]) -> None:
    """Put in what both kinds of generation share. Usage is asked for always: it is what limits are settled by."""
    if ask.max_output_tokens is not None:
        body["max_tokens"] = ask.max_output_tokens
    if ask.stream:
        body["stream"] = True
        body["stream_options"] = _WITH_USAGE
    if ask.n > 1:
        body["n"] = ask.n
    if ask.logprobs is not None:
        if isinstance(ask, ChatAsk):
            body |= {"logprobs": True, "top_logprobs": ask.logprobs}
        else:
            body["logprobs"] = ask.logprobs
    if ask.sampling is not USUAL:
        _sampling(ask.sampling, body)


def _sampling(sampling: Sampling, body: dict[str, Any]) -> None:
    for name in _DRAWN:
        value = getattr(sampling, name)
        if value is not None:
            body[name] = value
    if sampling.stop:
        body["stop"] = sampling.stop


_DRAWN: Final = ("temperature", "top_p", "top_k", "seed", "presence_penalty", "frequency_penalty", "logit_bias")


def _embedding(ask: EmbeddingAsk, model: str) -> dict[str, Any]:
    body: dict[str, Any] = {"model": model, "input": ask.inputs, "encoding_format": ask.encoding}
    if ask.dimensions is not None:
        body["dimensions"] = ask.dimensions
    return body


def _message(message: Message) -> Iterator[dict[str, Any]]:
    """Yield a turn as OpenAI has it: each result of a tool is a message of its own, before what the user says."""
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for part in message.parts:
        match part:
            case TextPart():
                texts.append(part.text)
            case CallPart():
                function = {"name": part.name, "arguments": part.arguments}
                calls.append({"id": part.id, "type": "function", "function": function})
            case ResultPart():
                yield {"role": "tool", "content": part.content, "tool_call_id": part.call}
    if not texts and not calls and message.parts:
        return
    told: dict[str, Any] = {"role": message.role}
    if texts:
        told["content"] = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    if message.name is not None:
        told["name"] = message.name
    if calls:
        told["tool_calls"] = calls
    yield told


def _tool(tool: Tool) -> dict[str, Any]:
    told = {"description": tool.description, "parameters": tool.parameters, "strict": tool.strict}
    given = {name: value for name, value in told.items() if value is not None}
    return {"type": "function", "function": {"name": tool.name, **given}}


def _choice(choice: ToolChoice) -> str | dict[str, Any]:
    return {"type": "function", "function": {"name": choice.name}} if choice.mode == "named" else choice.mode


def _format(wanted: Format) -> dict[str, Any]:
    told: dict[str, Any] = {"type": _FORMATS[wanted.kind]}
    if wanted.kind == "schema":
        own = {"name": wanted.name, "description": wanted.description, "schema": wanted.schema, "strict": wanted.strict}
        told["json_schema"] = {name: value for name, value in own.items() if value not in (None, "")}
    return told
