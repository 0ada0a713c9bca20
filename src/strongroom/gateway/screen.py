"""Limits on what may be asked for, after policy said that the model may be asked at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from strongroom.gateway.openai.requests import (
    AnyRequest,
    ChatRequest,
    CompletionRequest,
    EmbeddingRequest,
    StreamOptions,
    ToolChoice,
    unserved,
)
from strongroom.kernel.refusal import Refusal, invalid
from strongroom.runtime.schemas import SchemaError, check_schemas

_COMPLETION_TOKENS: Final = 16  # what OpenAI's reference gives a plain completion that names no bound
_WITH_USAGE: Final = StreamOptions(include_usage=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskLimits:
    """Bounds on one request.

    Attributes:
        max_output_tokens: the most a caller may ask for; more is refused.
        default_output_tokens: what is given to a caller who names no bound (a plain completion gets 16 at most).
        timeout_s: how long an answer may take, from the first byte asked to the last byte answered.
    """

    max_output_tokens: int = 4096
    default_output_tokens: int = 1024
    timeout_s: float = 300.0


def output_bound(body: AnyRequest, limits: AskLimits) -> int | Refusal:
    """Return how many tokens the answer may have (0: it has none), or why the request is refused."""
    for field in unserved(body):
        return invalid(f"The field `{field}` is not supported here with this value. Leave it out.", param=field)
    if isinstance(body, EmbeddingRequest):
        return _embedding(body)
    if isinstance(body, ChatRequest) and (no := _tools(body) or _format(body)) is not None:
        return no
    if body.stream_options is not None and not body.stream:
        return invalid("`stream_options` goes with `stream: true` only.", param="stream_options")
    return _bound(body, limits)


def _bound(body: ChatRequest | CompletionRequest, limits: AskLimits) -> int | Refusal:
    asked, field = body.max_tokens, "max_tokens"
    if isinstance(body, ChatRequest) and body.max_completion_tokens is not None:
        if asked is not None and asked != body.max_completion_tokens:
            return invalid("Give `max_tokens` or `max_completion_tokens`, not both.", param="max_tokens")
        asked, field = body.max_completion_tokens, "max_completion_tokens"
    if asked is not None and asked > limits.max_output_tokens:
        return invalid(f"`{field}` is at most {limits.max_output_tokens} here.", param=field)
    usual = _COMPLETION_TOKENS if isinstance(body, CompletionRequest) else limits.default_output_tokens
    return asked or min(usual, limits.default_output_tokens)


def _embedding(body: EmbeddingRequest) -> int | Refusal:
    parts = body.input
    if isinstance(parts, list) and len({type(part) for part in parts}) > 1:
        return invalid("`input` is texts, tokens or lists of tokens, not a mixture.", param="input")
    if not parts or (isinstance(parts, list) and any(part in ("", []) for part in parts)):
        return invalid("`input` must not be empty.", param="input")
    return 0


def _tools(body: ChatRequest) -> Refusal | None:
    """Refuse a choice that the offered tools cannot answer to, and parameters that an engine cannot afford."""
    offered = {tool.function.name for tool in body.tools or ()}
    if isinstance(body.tool_choice, ToolChoice) and body.tool_choice.function.name not in offered:
        return invalid("`tool_choice` names a tool that `tools` does not offer.", param="tool_choice")
    if body.tool_choice == "required" and not offered:
        return invalid("`tool_choice: required` goes with `tools` only.", param="tool_choice")
    if len(offered) < len(body.tools or ()):
        return invalid("Two tools have the same name.", param="tools")
    schemas = [tool.function.parameters for tool in body.tools or () if tool.function.parameters]
    return _affordable(schemas, "tools")


def _format(body: ChatRequest) -> Refusal | None:
    wanted = body.response_format
    if wanted is None or wanted.type != "json_schema":
        return None
    if wanted.json_schema is None or "schema" not in wanted.json_schema:
        return invalid("`json_schema` with a `schema` goes with this type.", param="response_format.json_schema")
    return _affordable([wanted.json_schema["schema"]], "response_format")


def _affordable(schemas: Iterable[object], param: str) -> Refusal | None:
    """Ask here what the worker asks again, so that a schema it could not bear troubles no worker."""
    try:
        check_schemas(schemas)
    except SchemaError as error:
        return invalid(str(error), param=param)
    return None


def for_worker(body: AnyRequest, bound: int) -> AnyRequest:
    """Return the request as a worker gets it: bounded, always asked for usage, and without what names people."""
    if isinstance(body, EmbeddingRequest):
        return msgspec.structs.replace(body, user=None)
    options = _WITH_USAGE if body.stream else None
    if isinstance(body, CompletionRequest):
        prompt = body.prompt[0] if isinstance(body.prompt, list) else body.prompt
        return CompletionRequest(
            model=body.model,
            prompt=prompt,
            max_tokens=bound,
            stream=body.stream,
            stream_options=options,
            temperature=body.temperature,
            top_p=body.top_p,
            stop=body.stop,
            seed=body.seed,
            presence_penalty=body.presence_penalty,
            frequency_penalty=body.frequency_penalty,
        )
    return ChatRequest(
        model=body.model,
        messages=body.messages,
        max_tokens=bound,
        stream=body.stream,
        stream_options=options,
        temperature=body.temperature,
        top_p=body.top_p,
        stop=body.stop,
        seed=body.seed,
        presence_penalty=body.presence_penalty,
        frequency_penalty=body.frequency_penalty,
        tools=body.tools,
        tool_choice=body.tool_choice,
        parallel_tool_calls=body.parallel_tool_calls,
        response_format=body.response_format,
    )
