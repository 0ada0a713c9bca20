"""Asks: what a caller wants of a model. A dialect makes them, a protocol writes them."""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import msgspec

JsonObject: TypeAlias = dict[str, Any]


class TextPart(msgspec.Struct, frozen=True, tag="text"):
    """Text of a message."""

    text: str


class CallPart(msgspec.Struct, frozen=True, tag="call"):
    """A tool call that an earlier answer made. `arguments` is JSON text, as the model wrote it."""

    id: str
    name: str
    arguments: str


class ResultPart(msgspec.Struct, frozen=True, tag="result"):
    """What a tool answered to the call `call`."""

    call: str
    content: str
    failed: bool = False


Part: TypeAlias = TextPart | CallPart | ResultPart
Role: TypeAlias = Literal["system", "user", "assistant"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a conversation. A result of a tool is a user's turn, as Anthropic has it."""

    role: Role
    parts: tuple[Part, ...]
    name: str | None = None


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A function that the caller offers. `parameters` is a JSON Schema; None: it takes none."""

    name: str
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the model calls a tool; `name` goes with the mode `named`."""

    mode: Literal["auto", "none", "required", "named"]
    name: str = ""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """The form that the answer's text must have; `schema` goes with the kind `schema`."""

    kind: Literal["text", "json", "schema"]
    name: str = ""
    schema: JsonObject | None = None
    strict: bool | None = None
    description: str | None = None


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are drawn; None: as the model does by itself."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None


USUAL: Final = Sampling()
"""What most callers say of drawing: nothing. One object, so that this is seen by looking at which it is."""


class ChatAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The next turn of a conversation is wanted.

    Attributes:
        max_output_tokens: the caller's own bound; None: it names none.
        n: how many answers.
        logprobs: None: none; k: those of the chosen tokens, and of the k best alternatives.
        reasoning: how much the model is to think first (`none`, `low`, …; `enabled` with a bound); None: not said.
        reasoning_tokens: the bound that goes with `enabled`.
        continues: whether the last message is the answer's own beginning, to be continued.
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = USUAL
    max_output_tokens: int | None = None
    stream: bool = False
    tools: tuple[Tool, ...] = ()
    choice: ToolChoice | None = None
    parallel_calls: bool | None = None
    format: Format | None = None
    n: int = 1
    logprobs: int | None = None
    reasoning: str | None = None
    reasoning_tokens: int | None = None
    continues: bool = False


class CompletionAsk(msgspec.Struct, frozen=True, kw_only=True):
    """The continuation of a text is wanted. Fields as in `ChatAsk`."""

    model: str
    prompt: str
    sampling: Sampling = USUAL
    max_output_tokens: int | None = None
    stream: bool = False
    n: int = 1
    logprobs: int | None = None


class EmbeddingAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors are wanted: of texts, or of lists of tokens."""

    model: str
    inputs: tuple[str, ...] | tuple[tuple[int, ...], ...]
    encoding: Literal["float", "base64"] = "float"
    dimensions: int | None = None


class ModerationAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A judgement of texts is wanted."""

    model: str
    inputs: tuple[str, ...]


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """A named array, flat and row-major (Open Inference Protocol v2). `data` holds numbers, truths or texts."""

    name: str
    shape: tuple[int, ...]
    datatype: str
    data: list[Any]


class InferAsk(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction from tensors is wanted; `outputs`: which of the model's, none named: all."""

    model: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...] = ()
    id: str = ""


class DescribeAsk(msgspec.Struct, frozen=True, kw_only=True):
    """What tensors a model takes and gives is wanted."""

    model: str


class CountAsk(msgspec.Struct, frozen=True, kw_only=True):
    """How many tokens a conversation has is wanted, and no answer to it."""

    model: str
    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


GenerationAsk: TypeAlias = ChatAsk | CompletionAsk
Ask: TypeAlias = ChatAsk | CompletionAsk | EmbeddingAsk | ModerationAsk | InferAsk | DescribeAsk | CountAsk
