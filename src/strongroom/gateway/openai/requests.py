"""Requests of the OpenAI API (reference of 2026-10), as far as they are served: every field is typed and bounded.

A field that OpenAI documents and Strongroom does not serve stands in the last group of its request and is refused in so
many words; one that nobody documents is refused as unknown. Silently ignoring either would answer a question that was not asked.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(max_length=1_000_000)]
Short = Annotated[str, msgspec.Meta(max_length=256)]
Model = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
TokenCount = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
Temperature = Annotated[float, msgspec.Meta(ge=0, le=2)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
Bias = Annotated[float, msgspec.Meta(ge=-100, le=100)]
Seed = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Stop = Short | Annotated[list[Short], msgspec.Meta(max_length=4)]
JsonObject = dict[str, Any]


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A request part: unknown fields are errors, unset fields are not sent on."""


class StreamOptions(_Strict, frozen=True, kw_only=True):
    """`stream_options`."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class TextPart(_Strict, frozen=True, kw_only=True):
    """A text part of a message's content."""

    type: Literal["text"]
    text: Text
    prompt_cache_breakpoint: None = None


class FunctionCall(_Strict, frozen=True, kw_only=True):
    """A call that an earlier answer made."""

    name: Short
    arguments: Text


class ToolCall(_Strict, frozen=True, kw_only=True):
    """A tool call in a message's history. `index` is of streams; clients that gather one send it back."""

    index: int | None = None
    id: Short
    type: Literal["function"]
    function: FunctionCall


class Message(_Strict, frozen=True, kw_only=True):
    """One turn of a conversation.

    The last group comes back unasked when a client repeats an answer as it got it. Empty it means nothing.
    """

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: Text | Annotated[list[TextPart], msgspec.Meta(max_length=1024)] | None = None
    name: Short | None = None
    tool_calls: Annotated[list[ToolCall], msgspec.Meta(max_length=128)] | None = None
    tool_call_id: Short | None = None
    refusal: Literal[""] | None = None

    annotations: Annotated[list[Any], msgspec.Meta(max_length=0)] | None = None
    audio: None = None
    function_call: None = None


class FunctionDefinition(_Strict, frozen=True, kw_only=True):
    """A function that the caller offers."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: Text | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class Tool(_Strict, frozen=True, kw_only=True):
    """A tool that the caller offers."""

    type: Literal["function"]
    function: FunctionDefinition


class _ChosenFunction(_Strict, frozen=True, kw_only=True):
    name: Short


class ToolChoice(_Strict, frozen=True, kw_only=True):
    """The one tool that must be called."""

    type: Literal["function"]
    function: _ChosenFunction


class JsonSchema(_Strict, frozen=True, kw_only=True):
    """`json_schema` of a response format."""

    name: Short = ""
    description: Text | None = None
    schema: JsonObject | None = None
    strict: bool | None = None


class ResponseFormat(_Strict, frozen=True, kw_only=True):
    """The shape that the answer must have."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class _Sampling(_Strict, frozen=True, kw_only=True):
    """What chat and plain completions share."""

    model: Model
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: TokenCount | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None
    stop: Stop | None = None
    seed: Seed | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    user: Short | None = None
    n: Annotated[int, msgspec.Meta(ge=1, le=128)] | None = None
    logit_bias: Annotated[dict[Short, Bias], msgspec.Meta(max_length=1024)] | None = None


class ChatRequest(_Sampling, frozen=True, kw_only=True):
    """`POST /v1/chat/completions`. The last group is documented by OpenAI and not served."""

    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=2048)]
    max_completion_tokens: TokenCount | None = None
    tools: Annotated[list[Tool], msgspec.Meta(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None
    metadata: dict[str, str] | None = None
    safety_identifier: Short | None = None
    prompt_cache_key: Short | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None

    audio: JsonObject | None = None
    functions: list[JsonObject] | None = None
    function_call: Any = None
    modalities: list[str] | None = None
    moderation: JsonObject | None = None
    prediction: JsonObject | None = None
    prompt_cache_options: JsonObject | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    verbosity: str | None = None
    web_search_options: JsonObject | None = None


class CompletionRequest(_Sampling, frozen=True, kw_only=True):
    """`POST /v1/completions`. The last group is documented by OpenAI and not served."""

    prompt: Text | Annotated[list[Text], msgspec.Meta(min_length=1, max_length=1)]
    logprobs: bool | Annotated[int, msgspec.Meta(ge=0, le=5)] | None = None

    best_of: int | None = None
    echo: bool | None = None
    suffix: str | None = None


Token = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class EmbeddingRequest(_Strict, frozen=True, kw_only=True):
    """`POST /v1/embeddings`."""

    model: Model
    input: Text | Annotated[list[Text | Token | list[Token]], msgspec.Meta(max_length=8192)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: TokenCount | None = None
    user: Short | None = None


class ModerationRequest(_Strict, frozen=True, kw_only=True):
    """`POST /v1/moderations`. Texts only; a model must be named, as everywhere here."""

    model: Model
    input: Text | Annotated[list[Text], msgspec.Meta(min_length=1, max_length=1024)]


_HARMLESS: dict[str, tuple[object, ...]] = {
    # What means "as usual" is no request for a feature: client libraries send these unasked.
    "best_of": (1,),
    "echo": (False,),
    "store": (False,),
    "modalities": (["text"],),
    "service_tier": ("auto", "default"),
    "suffix": ("",),
    "functions": ([],),
    "verbosity": ("medium",),
}
_UNSERVED_OF_CHAT = (
    "audio", "functions", "function_call", "modalities", "prediction", "prompt_cache_retention", "service_tier", "store",
    "verbosity", "web_search_options", "moderation", "prompt_cache_options",
)  # fmt: skip
_UNSERVED_OF_COMPLETION = ("best_of", "echo", "suffix")
_values_of_chat = attrgetter(*_UNSERVED_OF_CHAT)
_values_of_completion = attrgetter(*_UNSERVED_OF_COMPLETION)
_NONE_OF_CHAT = (None,) * len(_UNSERVED_OF_CHAT)
_NONE_OF_COMPLETION = (None,) * len(_UNSERVED_OF_COMPLETION)


def unserved_of_chat(body: ChatRequest) -> str | None:
    """Return a documented field that is set to something Strongroom does not serve."""
    values = _values_of_chat(body)
    return None if values == _NONE_OF_CHAT else _set(_UNSERVED_OF_CHAT, values)


def unserved_of_completion(body: CompletionRequest) -> str | None:
    """Return a documented field that is set to something Strongroom does not serve."""
    values = _values_of_completion(body)
    return None if values == _NONE_OF_COMPLETION else _set(_UNSERVED_OF_COMPLETION, values)


def _set(fields: tuple[str, ...], values: tuple[object, ...]) -> str | None:
    """Return the first of `fields` whose value asks for something; `values` are theirs."""
    for field, value in zip(fields, values, strict=True):
        if value is not None and not any(_same(value, usual) for usual in _HARMLESS.get(field, ())):
            return field
    return None


def _same(value: object, usual: object) -> bool:
    """Whether two values are one in JSON, where 0 is not false."""
    return type(value) is type(usual) and value == usual
