"""Requests of Anthropic's Messages API (versions 2023-06-01 and 2026-10-21), as far as they are served: every field typed and bounded.

Hints that change no answer (`cache_control`, `metadata`, …) are taken and dropped: caches here are kept apart by what the
gateway knows of the caller, and nothing that names people is sent on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=1_000_000)]
Short: TypeAlias = Annotated[str, msgspec.Meta(max_length=256)]
Model: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
TokenCount: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Probability: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
JsonObject: TypeAlias = dict[str, Any]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request part: unknown fields are errors."""


class CacheControl(_Strict, frozen=True, kw_only=True):
    """A hint to a cache."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class TextBlock(_Strict, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """Text. `citations` comes back unasked when a client repeats an answer; empty it means nothing."""

    text: Text
    cache_control: CacheControl | None = None
    citations: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None


class _DirectCaller(_Strict, frozen=True, kw_only=True):
    type: Literal["direct"]


class ToolUse(_Strict, frozen=True, kw_only=True, tag_field="type", tag="tool_use"):
    """A tool call that an earlier answer made."""

    id: Short
    name: Short
    input: JsonObject
    cache_control: CacheControl | None = None
    caller: _DirectCaller | None = None
    toolset_name: None = None


class ToolResult(_Strict, frozen=True, kw_only=True, tag_field="type", tag="tool_result"):
    """What a tool answered."""

    tool_use_id: Short
    content: Text | Annotated[list[TextBlock], msgspec.Meta(max_length=1024)] = ""
    is_error: bool | None = None
    cache_control: CacheControl | None = None
    toolset_name: None = None


class Message(_Strict, frozen=True, kw_only=True):
    """One turn of a conversation."""

    role: Literal["user", "assistant"]
    content: Text | Annotated[list[TextBlock | ToolUse | ToolResult], msgspec.Meta(max_length=1024)]


class Tool(_Strict, frozen=True, kw_only=True):
    """A tool that the caller offers and executes itself."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    input_schema: JsonObject
    type: Literal["custom"] | None = None
    description: Text | None = None
    strict: bool | None = None
    cache_control: CacheControl | None = None
    eager_input_streaming: bool | None = None

    allowed_callers: list[str] | None = None
    defer_loading: bool | None = None
    input_examples: list[JsonObject] | None = None


class ToolChoice(_Strict, frozen=True, kw_only=True):
    """Whether a tool is called; `name` goes with the type `tool`."""

    type: Literal["auto", "any", "tool", "none"]
    name: Short | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(_Strict, frozen=True, kw_only=True):
    """Whether the model is to think first; `budget_tokens` goes with the type `enabled`."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: TokenCount | None = None
    display: Literal["summarized", "omitted"] | None = None


class JsonFormat(_Strict, frozen=True, kw_only=True):
    """The schema that the answer must have."""

    type: Literal["json_schema"]
    schema: JsonObject


class OutputConfig(_Strict, frozen=True, kw_only=True):
    """`output_config`."""

    format: JsonFormat | None = None
    effort: str | None = None


class CountRequest(_Strict, frozen=True, kw_only=True):
    """`POST /v1/messages/count_tokens`, and what it shares with the other. The last group is not served."""

    model: Model
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=2048)]
    system: Text | Annotated[list[TextBlock], msgspec.Meta(max_length=1024)] | None = None
    tools: Annotated[list[Tool], msgspec.Meta(max_length=128)] | None = None
    tool_choice: ToolChoice | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    cache_control: CacheControl | None = None

    speed: str | None = None
    user_profile_id: str | None = None
    workspace_id: str | None = None
    context_management: JsonObject | None = None
    mcp_servers: list[JsonObject] | None = None


class Metadata(_Strict, frozen=True, kw_only=True):
    """`metadata`."""

    user_id: Short | None = None


class MessagesRequest(CountRequest, frozen=True, kw_only=True):
    """`POST /v1/messages`. The last group is not served."""

    max_tokens: TokenCount
    stream: bool | None = None
    stop_sequences: Annotated[list[Short], msgspec.Meta(max_length=16)] | None = None
    temperature: Probability | None = None
    top_p: Probability | None = None
    top_k: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    metadata: Metadata | None = None

    container: Any = None
    diagnostics: Any = None
    inference_geo: str | None = None
    service_tier: str | None = None


_UNSERVED: Final = (
    "speed", "user_profile_id", "workspace_id", "context_management", "mcp_servers", "container", "diagnostics",
    "inference_geo", "service_tier",
)  # fmt: skip
_HARMLESS: Final[dict[str, tuple[object, ...]]] = {
    "speed": ("standard",),
    "service_tier": ("auto", "standard_only"),
    "mcp_servers": ([],),
    "context_management": ({},),
}


def unserved(body: CountRequest) -> Iterator[str]:
    """Yield the documented fields that are set to something Strongroom does not serve."""
    for field in _UNSERVED:
        value = getattr(body, field, None)
        if value is not None and value not in _HARMLESS.get(field, ()):
            yield field
    if body.output_config is not None and body.output_config.effort is not None:
        yield "output_config.effort"
    for index, tool in enumerate(body.tools or ()):
        if tool.input_examples or tool.defer_loading or (tool.allowed_callers or ["direct"]) != ["direct"]:
            yield f"tools[{index}]"
