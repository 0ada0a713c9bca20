"""What of a client's request reaches the chat engine: an allow-list of OpenAI's fields, typed and bounded.

Always true here (no I/O):
- a field that is not declared is dropped, at the top and inside messages: llama.cpp's own (`cache_prompt`, `id_slot`,
  `lora`, `samplers`, `grammar`, `chat_template`, `timings_per_token`, …) never reach it;
- one request makes one generation: llama.cpp answers `n` and lists of prompts from several slots, and so from slots
  that belong to another scope;
- what costs the engine superlinearly (schemas that become grammars, stop strings, alternatives) has a bound.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from strongroom.runtime.errors import invalid

_Penalty = Annotated[float, Meta(ge=-2, le=2)]
_Stop = Annotated[str, Meta(min_length=1, max_length=256)]
_Bias = Annotated[float, Meta(ge=-100, le=100)]

_MAX_MESSAGES: Final = 1024
_MAX_DEPTH, _MAX_NODES, _MAX_REPEAT, _MAX_PATTERN = 12, 2000, 1000, 512
_REPEATS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
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
    tools: Annotated[list[dict[str, Any]], Meta(max_length=64)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: dict[str, Any] | None = None


class CompletionRequest(Sampling, kw_only=True):
    """POST /v1/completions."""

    prompt: str | Annotated[list[str | int], Meta(max_length=1 << 16)]
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=1, le=1)] | None = None


_Body = TypeVar("_Body", ChatRequest, CompletionRequest)


def read_chat(body: bytes, *, context_tokens: int) -> dict[str, Any]:
    """Return what the engine is asked for a chat completion.

    Raises:
        ProblemError: a 400 that names the field.
    """
    request = _decode(body, ChatRequest)
    _bound_schema(request.tools, "tools")
    _bound_schema(request.response_format, "response_format")
    fields = _fields(request, context_tokens, request.max_completion_tokens or request.max_tokens)
    fields.pop("max_completion_tokens", None)
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
    return fields


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


def _bound_schema(value: object, param: str) -> None:
    """Refuse a schema that would become a grammar too deep or too large for the engine."""
    pending: list[tuple[object, int]] = [(value, 0)]
    seen = 0
    while pending:
        item, depth = pending.pop()
        seen += 1
        if depth > _MAX_DEPTH or seen > _MAX_NODES:
            raise invalid("The schema is too deep or too large.", param=param)
        if isinstance(item, dict):
            _bound_keywords(item, param)  # pyright: ignore[reportUnknownArgumentType] - decoded JSON
            pending += [(below, depth + 1) for below in item.values()]  # pyright: ignore[reportUnknownVariableType]
        elif isinstance(item, list):
            pending += [(below, depth + 1) for below in item]  # pyright: ignore[reportUnknownVariableType]


def _bound_keywords(schema: dict[str, object], param: str) -> None:
    for name, value in schema.items():
        if name in _REPEATS and isinstance(value, int | float) and value > _MAX_REPEAT:
            raise invalid(f"{name} may be at most {_MAX_REPEAT}.", param=param)
        if name == "pattern" and isinstance(value, str) and len(value) > _MAX_PATTERN:
            raise invalid(f"pattern may have at most {_MAX_PATTERN} characters.", param=param)
