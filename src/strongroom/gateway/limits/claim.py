"""What a request may use at most, known before anything is asked of a model.

Always true here:
- input is bounded by the size of what was sent: every tokenizer in use makes at most one token of a byte, and the JSON
  around a message (`{"role":"user","content":""},`) is longer than the template's own tokens around it;
- output is bounded by what the answer may have (`max_output_tokens`), for each of the answers asked for;
- a batch asks a model as often as it has rows or texts: a cap for life is about what can be learnt, not about requests;
  so describing a model and counting tokens are no queries, since neither has an answer of the model's in it;
- a claim is never less than what is used, so settling gives back and hardly ever charges more.
"""

from __future__ import annotations

import math
from typing import Final, assert_never

from msgspec import Struct

from strongroom.gateway.exchange.asks import (
    Ask,
    ChatAsk,
    CompletionAsk,
    CountAsk,
    DescribeAsk,
    EmbeddingAsk,
    InferAsk,
    ModerationAsk,
)
from strongroom.rules.limits import FREE, Price

TEMPLATE_TOKENS: Final = 512
"""What a chat template may add by itself: a system prompt of its own, how tools are to be called."""


class Claim(Struct, frozen=True, gc=False):
    """An upper bound. `cost` is in millionths of a currency unit; `queries` is exact: how often the model is asked."""

    tokens: int = 0
    cost: int = 0
    queries: int = 1


NOTHING: Final = Claim(queries=0)
"""What a request uses beyond being one: that of a lookup."""


def queries_of(ask: Ask, *, outside: bool = False) -> int:
    """Return how often `ask` asks its model: each row of a prediction, and each text of a batch, is a query.

    Args:
        ask: what is asked.
        outside: whether a provider is asked it. What its dimensions mean is not known here, and any but the last may be a
            batch: all of them count.
    """
    match ask:
        case ChatAsk() | CompletionAsk():
            return 1
        case InferAsk():
            return max((_rows(tensor.shape, outside=outside) for tensor in ask.inputs), default=1)
        case EmbeddingAsk() | ModerationAsk():
            return max(1, len(ask.inputs))
        case DescribeAsk() | CountAsk():
            return 0
        case _:
            assert_never(ask)


def _rows(shape: tuple[int, ...], *, outside: bool) -> int:
    if not shape:
        return 1
    return max(shape[0], math.prod(shape[:-1])) if outside else shape[0]


def claim_of(body_bytes: int, output_tokens: int, *, answers: int = 1, queries: int = 1, price: Price = FREE) -> Claim:
    """Return what a request may use at most.

    Args:
        body_bytes: of the request as it goes to the model; what it refers to and brings along (an earlier conversation) is
            part of it.
        output_tokens: how long each answer may be, in tokens; 0 where there is none (embeddings).
        answers: how many are asked for.
        queries: how often the model is asked.
        price: what the model costs.
    """
    read, written = body_bytes + TEMPLATE_TOKENS, output_tokens * answers
    return Claim(read + written, 0 if price is FREE else price.of(read, written), queries)
