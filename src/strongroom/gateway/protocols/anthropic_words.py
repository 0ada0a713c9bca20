"""Words of Anthropic's Messages API that whole and streamed answers share."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec

from strongroom.gateway.exchange.answers import FinishReason, Usage

TokenCount: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
"""A provider's figure, held to what a record can keep."""

FINISHED: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool",
    "refusal": "filter",
}
"""`pause_turn` is not among them: it belongs to tools that the provider runs itself, which are never asked for."""


class UsageWords(msgspec.Struct, frozen=True):
    """What was used. `input_tokens` leaves out what a cache held or took up."""

    input_tokens: TokenCount = 0
    output_tokens: TokenCount = 0
    cache_creation_input_tokens: TokenCount | None = None
    cache_read_input_tokens: TokenCount | None = None


def usage_of(words: UsageWords) -> Usage:
    """Return what was used, counting as an exchange does: input with what a cache held."""
    read, made = words.cache_read_input_tokens, words.cache_creation_input_tokens
    return Usage(
        input_tokens=words.input_tokens + (read or 0) + (made or 0),
        output_tokens=words.output_tokens,
        cached_tokens=read,
    )
