"""Answers: what a model said. A protocol decodes them, a dialect writes them.

A streamed answer is a sequence of events; a whole one is a value. Both carry the same things under the same names.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from strongroom.gateway.exchange.asks import Tensor

FinishReason: TypeAlias = Literal["stop", "length", "tool", "filter"]
"""Why an answer ended: by itself or at a stop sequence; at its bound; to have tools called; cut by a filter."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What an exchange used, in tokens; input counts what a cache held, too. Details are None where none were told."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """A token that might have stood there, with its log-probability (natural logarithm)."""

    token: str
    logprob: float


class TokenScore(msgspec.Struct, frozen=True, kw_only=True):
    """The token that stands there, with its log-probability and the best alternatives."""

    token: str
    logprob: float
    top: tuple[Alternative, ...] = ()


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call, whole. `arguments` is JSON text as the model wrote it, not yet trusted."""

    id: str
    name: str
    arguments: str


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a generation, whole."""

    index: int = 0
    text: str | None = None
    reasoning: str | None = None
    calls: tuple[Call, ...] = ()
    finish: FinishReason = "stop"
    stop_sequence: str | None = None
    scores: tuple[TokenScore, ...] | None = None


class Generation(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer to a chat or a completion. `fingerprint` is the engine's own name for its configuration."""

    choices: tuple[Choice, ...]
    usage: Usage = Usage()
    fingerprint: str | None = None


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """Embeddings in the order of the inputs: numbers, or little-endian float32 in base64."""

    data: tuple[list[float] | str, ...]
    usage: Usage = Usage()


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a moderation model says of one text."""

    flagged: bool
    categories: dict[str, bool]
    scores: dict[str, float]


class Judgements(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer to a moderation."""

    results: tuple[Judgement, ...]
    usage: Usage = Usage()


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer to an inference. `usage` counts rows: input rows in, output rows out."""

    outputs: tuple[Tensor, ...]
    parameters: dict[str, Any] | None = None
    usage: Usage = Usage()


class TensorForm(msgspec.Struct, frozen=True, kw_only=True):
    """A tensor that a model takes or gives: -1 stands for any length; `columns`: what the values of a row mean."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    columns: tuple[str, ...] = ()


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What tensors a model takes and gives."""

    inputs: tuple[TensorForm, ...]
    outputs: tuple[TensorForm, ...]
    platform: str = ""

    @property
    def usage(self) -> Usage:
        """Return nothing used: describing is not answering."""
        return Usage()


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens a conversation has."""

    input_tokens: int

    @property
    def usage(self) -> Usage:
        """Return nothing used: counting is not answering."""
        return Usage()


Answer: TypeAlias = Generation | Vectors | Judgements | Prediction | Description | Count


class TextDelta(msgspec.Struct, frozen=True):
    """More text of one choice, with the scores of its tokens where they were asked for."""

    choice: int
    text: str
    scores: tuple[TokenScore, ...] | None = None


class ReasoningDelta(msgspec.Struct, frozen=True):
    """More of what the model thinks before it answers."""

    choice: int
    text: str


class CallDelta(msgspec.Struct, frozen=True):
    """A piece of the `index`th tool call of one choice. The first piece has its id and name."""

    choice: int
    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Finished(msgspec.Struct, frozen=True):
    """One choice has ended."""

    choice: int
    reason: FinishReason
    stop_sequence: str | None = None


class Used(msgspec.Struct, frozen=True):
    """What was used so far; the last one counts."""

    usage: Usage


Event: TypeAlias = TextDelta | ReasoningDelta | CallDelta | Finished | Used
