"""Answers of the OpenAI API: decoded from an engine into known fields, given the gateway's own names, written anew."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

TokenCount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A worker's figure, held to what a record can keep."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange used, in tokens. How much of it a cache held is not told."""

    prompt_tokens: TokenCount = 0
    completion_tokens: TokenCount = 0
    total_tokens: TokenCount = 0


class _CalledFunction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    name: str | None = None
    arguments: str | None = None


class CalledTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool call, whole or a piece of one."""

    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: _CalledFunction | None = None


class AnswerMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The message of a whole chat answer."""

    role: Literal["assistant"] = "assistant"
    content: str | None = None
    tool_calls: list[CalledTool] | msgspec.UnsetType = msgspec.UNSET
    refusal: None = None


class ChatChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of a whole chat answer."""

    index: int = 0
    message: AnswerMessage
    finish_reason: str | None = None
    logprobs: None = None


class ChatAnswer(msgspec.Struct, kw_only=True):
    """A whole chat answer."""

    id: str = ""
    object: Literal["chat.completion"] = "chat.completion"
    created: int = 0
    model: str = ""
    choices: Annotated[list[ChatChoice], msgspec.Meta(min_length=1)]
    usage: Usage = Usage()


class Delta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a chunk adds to the message."""

    role: str | None = None
    content: str | None = None
    tool_calls: list[CalledTool] | None = None


class ChunkChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of a chat chunk."""

    index: int = 0
    delta: Delta = Delta()
    finish_reason: str | None = None
    logprobs: None = None


class ChatChunk(msgspec.Struct, kw_only=True):
    """A chunk of a streamed chat answer. With `include_usage` every chunk has `usage`, null but in the last.

    `choices` must be there, if empty: an engine's error in mid-stream is an event without it.
    """

    id: str = ""
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    created: int = 0
    model: str = ""
    choices: list[ChunkChoice]
    usage: Usage | msgspec.UnsetType | None = msgspec.UNSET


class CompletionChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One choice of a plain completion, whole or a chunk."""

    text: str = ""
    index: int = 0
    logprobs: None = None
    finish_reason: str | None = None


class CompletionAnswer(msgspec.Struct, kw_only=True):
    """A plain completion, whole or a chunk: OpenAI gives both the same shape."""

    id: str = ""
    object: Literal["text_completion"] = "text_completion"
    created: int = 0
    model: str = ""
    choices: list[CompletionChoice]
    usage: Usage | msgspec.UnsetType | None = msgspec.UNSET


class EmbeddingUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What an embedding request used, in tokens."""

    prompt_tokens: TokenCount = 0
    total_tokens: TokenCount = 0


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """One vector: numbers, or little-endian float32 in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9+/]*={0,2}$")]


class EmbeddingAnswer(msgspec.Struct, kw_only=True):
    """A whole embedding answer."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str = ""
    usage: EmbeddingUsage = EmbeddingUsage()


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """A model that this key may ask."""

    id: str
    created: int
    owned_by: str
    object: Literal["model"] = "model"


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """The models that this key may ask, and no others."""

    data: list[ModelCard]
    object: Literal["list"] = "list"


Answer = ChatAnswer | CompletionAnswer | EmbeddingAnswer
Chunk = ChatChunk | CompletionAnswer

encode = msgspec.json.Encoder().encode


def total(usage: Any) -> tuple[int, int]:
    """Return (input tokens, output tokens) of a usage value; zeros when there is none."""
    if isinstance(usage, Usage):
        return usage.prompt_tokens, usage.completion_tokens
    if isinstance(usage, EmbeddingUsage):
        return usage.prompt_tokens, 0
    return 0, 0
