"""Requests of the Responses API (reference of 2026-10), as far as they are served: every field is typed and bounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from strongroom.gateway.openai.requests import (
    JsonObject,
    Model,
    Probability,
    Short,
    StreamOptions,
    Temperature,
    Text,
    TokenCount,
)


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request part: unknown fields are errors."""


class Content(_Strict, frozen=True, kw_only=True):
    """A text part. The last group comes back unasked when a client repeats an answer; empty it means nothing."""

    type: Literal["input_text", "output_text"]
    text: Text

    annotations: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None
    logprobs: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None


Contents: TypeAlias = Text | Annotated[list[Content], msgspec.Meta(max_length=1024)]


class Item(_Strict, frozen=True, kw_only=True):
    """A message, a call or what a call came to: which fields go together is looked at after decoding."""

    type: Literal["message", "function_call", "function_call_output"] = "message"
    id: Short | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: Contents | None = None
    phase: Short | None = None
    call_id: Short | None = None
    name: Short | None = None
    arguments: Text | None = None
    output: Contents | None = None


class Tool(_Strict, frozen=True, kw_only=True):
    """A function that the caller offers."""

    type: Literal["function"]
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None
    defer_loading: Literal[False] | None = None


class ToolChoice(_Strict, frozen=True, kw_only=True):
    """The one function that must be called."""

    type: Literal["function"]
    name: Short


class Format(_Strict, frozen=True, kw_only=True):
    """The shape that the answer's text must have."""

    type: Literal["text", "json_object", "json_schema"]
    name: Short = ""
    description: Text | None = None
    schema: JsonObject | None = None
    strict: bool | None = None


class TextOptions(_Strict, frozen=True, kw_only=True):
    """`text`."""

    format: Format | None = None
    verbosity: Literal["medium"] | None = None


class Reasoning(_Strict, frozen=True, kw_only=True):
    """`reasoning`. No summaries are made here."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    summary: Literal["auto"] | None = None
    generate_summary: None = None


class ResponsesRequest(_Strict, frozen=True, kw_only=True):
    """`POST /v1/responses`. The last group is documented by OpenAI and not served."""

    model: Model
    input: Text | Annotated[list[Item], msgspec.Meta(min_length=1, max_length=2048)]
    instructions: Text | None = None
    previous_response_id: Short | None = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_output_tokens: TokenCount | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    tools: Annotated[list[Tool], msgspec.Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: Reasoning | None = None
    include: Annotated[list[Short], msgspec.Meta(max_length=16)] | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    metadata: (
        Annotated[dict[Short, Annotated[str, msgspec.Meta(max_length=512)]], msgspec.Meta(max_length=16)] | None
    ) = None
    user: Short | None = None
    safety_identifier: Short | None = None
    prompt_cache_key: Short | None = None

    access_programs: Any = None
    background: bool | None = None
    background_options: Any = None
    context_management: Any = None
    conversation: Any = None
    image: Any = None
    max_tool_calls: int | None = None
    moderation: Any = None
    prompt: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
    truncation: str | None = None


LOGPROBS: Final = "message.output_text.logprobs"
_UNSERVED: Final = (
    "access_programs", "background", "background_options", "context_management", "conversation", "image",
    "max_tool_calls", "moderation", "prompt", "prompt_cache_options", "prompt_cache_retention", "service_tier",
    "truncation",
)  # fmt: skip
_HARMLESS: Final[dict[str, tuple[object, ...]]] = {
    "background": (False,),
    "service_tier": ("auto", "default"),
    "truncation": ("disabled",),
}


def unserved(body: ResponsesRequest) -> Iterator[str]:
    """Yield the documented fields that are set to something Strongroom does not serve."""
    for field in _UNSERVED:
        value = getattr(body, field)
        if value is not None and value not in _HARMLESS.get(field, ()):
            yield field
    if any(wanted != LOGPROBS for wanted in body.include or ()):
        yield "include"
