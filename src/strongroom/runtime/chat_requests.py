"""What of a client's request reaches the chat engine: an allow-list of OpenAI's fields, typed and bounded.

Always true here (no I/O):
- a field that is not declared is dropped, at the top and inside messages: llama.cpp's own (`cache_prompt`, `id_slot`,
  `lora`, `samplers`, `grammar`, `chat_template`, `timings_per_token`, …) never reach it;
- one request makes one generation: llama.cpp answers `n` and lists of prompts from several slots, and so from slots
  that belong to another scope;
- what costs the engine superlinearly (schemas that become grammars, stop strings, alternatives) has a bound.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from strongroom.runtime.errors import invalid
from strongroom.runtime.schemas import SchemaError, check_schemas

_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Stop = Annotated[str, Meta(min_length=1, max_length=256)]
_Bias = Annotated[float, Meta(ge=-100, le=100)]

_MAX_MESSAGES: Final = 1024
_CHOICES: Final = (None, "auto", "none")
_SEED_MASK: Final = 0x7FFFFFFF


class TextPart(msgspec.Struct, tag_field="type", tag="text"):
    """A piece of a message; this engine takes text only."""

    text: str


class Message(msgspec.Struct, omit_defaults=True):
    """One message of a conversation."""

    role: Annotated[str, Meta(max_length=32)]
    content: str | list[TextPart] | None = None
    name: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str | None = None


class Function(msgspec.Struct, omit_defaults=True):
    """A function that may be called."""

    name: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class Tool(msgspec.Struct, tag_field="type", tag="function"):
    """A tool that may be called."""

    function: Function


class ResponseFormat(msgspec.Struct, omit_defaults=True):
    """The shape that an answer must have; llama.cpp's own `schema` beside `json_object` is not among them."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, Any] | None = None


class StreamOptions(msgspec.Struct):
    """Options of a stream."""

    include_usage: bool | None = None


class Sampling(msgspec.Struct):
    """The fields that both endpoints share."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    stop: _Stop | Annotated[list[_Stop], Meta(max_length=16)] | None = None
    seed: int | None = None
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    top_k: Annotated[int, Meta(ge=0, le=1 << 20)] | None = None
    n: Annotated[int, Meta(ge=1, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: Annotated[dict[str, _Bias], Meta(max_length=1024)] | None = None


class ChatRequest(Sampling, kw_only=True):
    """POST /v1/chat/completions."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=_MAX_MESSAGES)]
    max_completion_tokens: Annotated[int, Meta(ge=1)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    tools: Annotated[list[Tool], Meta(max_length=64)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None


class CountRequest(msgspec.Struct, kw_only=True):
    """POST /v1/chat/completions/input_tokens."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=_MAX_MESSAGES)]
    tools: Annotated[list[Tool], Meta(max_length=64)] | None = None


class CompletionRequest(Sampling, kw_only=True):
    """POST /v1/completions."""

    prompt: str | Annotated[list[str | int], Meta(max_length=1 << 16)]
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=1, le=1)] | None = None


_Body = TypeVar("_Body", ChatRequest, CompletionRequest, CountRequest)


def read_chat(body: bytes, *, context_tokens: int) -> dict[str, Any]:
    """Return what the engine is asked for a chat completion.

    Raises:
        ProblemError: a 400 that names the field.
    """
    request = _decode(body, ChatRequest)
    if request.tools:
        _check_tools(request.tools, request.tool_choice)
    if request.response_format:
        _check_format(request.response_format)
    fields = _fields(request, context_tokens, request.max_completion_tokens or request.max_tokens)
    fields.pop("max_completion_tokens", None)
    if not request.tools or request.tool_choice == "none":
        # Tools that must not be called need not be seen; a choice without tools is none.
        for name in ("tools", "tool_choice", "parallel_tool_calls"):
            fields.pop(name, None)
    if request.logprobs:
        # The engine gives the chosen token's own only beside some alternative; the gateway tells no more than was asked.
        fields["top_logprobs"] = max(1, request.top_logprobs or 0)
    return fields


def read_completion(body: bytes, *, context_tokens: int) -> dict[str, Any]:
    """Return what the engine is asked for a completion.

    Raises:
        ProblemError: a 400 that names the field.
    """
    request = _decode(body, CompletionRequest)
    if request.echo:
        raise invalid("This model does not echo prompts.", param="echo")
    fields = _fields(request, context_tokens, request.max_tokens or 16)  # OpenAI's default for completions
    fields["prompt"] = _one_prompt(request.prompt)
    for name in ("echo", "best_of"):
        fields.pop(name, None)
    if request.logprobs is not None:
        fields["logprobs"] = max(1, request.logprobs)  # as for chat
    return fields


def read_count(body: bytes) -> dict[str, Any]:
    """Return what the engine is asked for a count of tokens.

    Raises:
        ProblemError: a 400 that names the field.
    """
    request = _decode(body, CountRequest)
    if not request.tools:
        return {"messages": request.messages}
    _check_tools(request.tools, None)
    return {"messages": request.messages, "tools": request.tools}


def wants_stream(fields: dict[str, Any]) -> bool:
    """Whether the answer is to be streamed."""
    return bool(fields.get("stream"))


def _decode(body: bytes, shape: type[_Body]) -> _Body:
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        # msgspec names the type and the place (`$.top_p`), never the value.
        message, _, place = str(error).partition(" - at `$")
        raise invalid(f"{message}.", param=place.rstrip("`").lstrip(".") or None) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise invalid("The body is not valid JSON.") from None


def _fields(request: Sampling, context_tokens: int, max_tokens: int | None) -> dict[str, Any]:
    fields = {name: value for name, value in msgspec.structs.asdict(request).items() if value is not None}
    # An engine left without a bound generates until the context is full, for a caller who may have left.
    fields["max_tokens"] = min(max_tokens or context_tokens, context_tokens)
    if request.seed is not None:
        fields["seed"] = request.seed & _SEED_MASK  # llama.cpp takes 32 bits, and reads all ones as "random"
    return fields


def _one_prompt(prompt: str | list[str | int]) -> str | list[str | int]:
    if isinstance(prompt, list):
        if len(prompt) == 1 and isinstance(prompt[0], str):
            return prompt[0]
        if not prompt or not all(isinstance(token, int) for token in prompt):
            raise invalid("This model takes one prompt a request: a string, or an array of tokens.", param="prompt")
    return prompt


def _check_tools(tools: list[Tool], choice: str | dict[str, Any] | None) -> None:
    if choice not in _CHOICES:
        # The engine's grammar lets a model talk for as long as it likes before the call that it must make.
        raise invalid(
            "This model cannot be made to call a tool: `tool_choice` is `auto` or `none`.", param="tool_choice"
        )
    _affordable([tool.function.parameters for tool in tools if tool.function.parameters], "tools")


def _check_format(wanted: ResponseFormat) -> None:
    if wanted.type == "json_schema":
        _affordable([wanted.json_schema.get("schema") if wanted.json_schema else None], "response_format")


def _affordable(schemas: list[object], param: str) -> None:
    try:
        check_schemas(schemas)
    except SchemaError as error:
        raise invalid(str(error), param=param) from None
