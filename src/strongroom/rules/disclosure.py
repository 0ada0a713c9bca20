"""What an answer may reveal: the kind `disclosure`.

Always true here:
- nobody speaks: the least, which is an answer's text, whole or streamed, why it ended, and what the caller itself used;
- each field is of one caller and one model, and says the same in every dialect;
- wider is always more revealing, so the narrower of two values is well defined for every field.

Why these: logprobs, alternatives, logit bias and many answers to one question are how weights and prompts are copied
(ATLAS AML.T0024, T0063); exact scores invert a model; a seed and no temperature make probing repeatable.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from strongroom.rules.kind import FieldKind
from strongroom.rules.model import Rule

Scores: TypeAlias = Literal["label", "top1", "rounded", "full"]
"""Of a prediction: its label alone; the best score with two decimals; all with two decimals; all as they are."""

SCORES: Final[tuple[Scores, ...]] = ("label", "top1", "rounded", "full")
DECIMALS: Final = 2
MAX_ALTERNATIVES: Final = 20
MAX_ANSWERS: Final = 16
MAX_TOKENS: Final = 1_000_000
MAX_TEMPERATURE: Final = 2.0


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """What one caller may learn from one model's answers. The defaults are the least.

    Attributes:
        logprobs: the log-probabilities of the tokens of an answer.
        top_logprobs: of how many alternatives at each token, besides.
        n: how many answers to one question.
        logit_bias: whether the caller may push single tokens up and down.
        seed: whether it may ask for the same drawing again.
        min_temperature: how random drawing must at least be; above 0, `top_p` and `top_k` may not undo it.
        system_fingerprint: the engine's own name for its configuration, and of its kind (a model's `platform`).
        scores: of predictions and moderations.
        reasoning: what the model thought before it answered.
        usage_detail: beside the totals, what was cached and what was thought.
        finish_detail: beside why an answer ended, at which stop sequence.
        error_detail: what the engine said of a request that it refused.
        headers: header fields about limits and times.
        max_output_tokens: how long an answer may be.
        tools: whether a tool may be offered at all; which ones, is the kind `tools`' to say.
        streaming: whether an answer may come in pieces.
    """

    logprobs: bool = False
    top_logprobs: int = 0
    n: int = 1
    logit_bias: bool = False
    seed: bool = False
    min_temperature: float = 0.0
    system_fingerprint: bool = False
    scores: Scores = "top1"
    reasoning: bool = False
    usage_detail: bool = False
    finish_detail: bool = False
    error_detail: bool = False
    headers: bool = False
    max_output_tokens: int = 1024
    tools: bool = False
    streaming: bool = True


class DisclosureRule(Rule, frozen=True, kw_only=True):
    """One rule of a disclosure document; what it does not speak of is left to others."""

    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=MAX_ALTERNATIVES)] | None = None
    n: Annotated[int, Meta(ge=1, le=MAX_ANSWERS)] | None = None
    logit_bias: bool | None = None
    seed: bool | None = None
    min_temperature: Annotated[float, Meta(ge=0, le=MAX_TEMPERATURE)] | None = None
    system_fingerprint: bool | None = None
    scores: Scores | None = None
    reasoning: bool | None = None
    usage_detail: bool | None = None
    finish_detail: bool | None = None
    error_detail: bool | None = None
    headers: bool | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None = None
    tools: bool | None = None
    streaming: bool | None = None


LEAST: Final = Disclosure()
MOST: Final = Disclosure(
    logprobs=True,
    top_logprobs=MAX_ALTERNATIVES,
    n=MAX_ANSWERS,
    logit_bias=True,
    seed=True,
    min_temperature=0.0,
    system_fingerprint=True,
    scores="full",
    reasoning=True,
    usage_detail=True,
    finish_detail=True,
    error_detail=True,
    headers=True,
    max_output_tokens=MAX_TOKENS,
    tools=True,
    streaming=True,
)


def _both(one: bool, other: bool) -> bool:
    return one and other


def _coarser(one: Scores, other: Scores) -> Scores:
    return SCORES[min(SCORES.index(one), SCORES.index(other))]


def _may(what: str) -> Callable[[bool], str]:
    return lambda value: f"The caller {'may' if value else 'may not'} {what}."


def _shown(what: str) -> Callable[[bool], str]:
    return lambda value: f"{what} {'shown' if value else 'not shown'}."


def _alternatives(value: int) -> str:
    return f"At each token the caller sees at most {value} alternatives." if value else "No alternatives are shown."


def _floor(value: float) -> str:
    return f"Drawing is at least as random as temperature {value:g}." if value else "Drawing may be exact."


_SCORES_SAY: Final = {
    "label": "Of a prediction the label is shown, and no score.",
    "top1": f"Of a prediction the best score is shown, with {DECIMALS} decimals.",
    "rounded": f"Of a prediction all scores are shown, with {DECIMALS} decimals.",
    "full": "Of a prediction all scores are shown as they are.",
}

NARROWER: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "logprobs": _both,
    "top_logprobs": min,
    "n": min,
    "logit_bias": _both,
    "seed": _both,
    "min_temperature": max,
    "system_fingerprint": _both,
    "scores": _coarser,
    "reasoning": _both,
    "usage_detail": _both,
    "finish_detail": _both,
    "error_detail": _both,
    "headers": _both,
    "max_output_tokens": min,
    "tools": _both,
    "streaming": _both,
}

WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "logprobs": _may("ask for the log-probabilities of an answer's tokens"),
    "top_logprobs": _alternatives,
    "n": lambda value: f"One question has at most {value} answers." if value > 1 else "One question has one answer.",
    "logit_bias": _may("push single tokens up and down"),
    "seed": _may("name a seed, and so draw the same again"),
    "min_temperature": _floor,
    "system_fingerprint": _shown("The engine's own name for its configuration is"),
    "scores": lambda value: _SCORES_SAY[value],
    "reasoning": _shown("What the model thought before it answered is"),
    "usage_detail": _shown("Beside what the caller used in total, what of it was cached or thought is"),
    "finish_detail": _shown("Beside why an answer ended, the stop sequence that ended it is"),
    "error_detail": _shown("What the engine said of a request that it refused is"),
    "headers": _shown("Header fields about limits and times are"),
    "max_output_tokens": lambda value: f"An answer has at most {value} tokens.",
    "tools": _may("offer tools to the model"),
    "streaming": _may("have an answer in pieces as it comes"),
}

DISCLOSURE: Final[FieldKind[DisclosureRule, Disclosure]] = FieldKind(
    "disclosure",
    "What an answer may reveal.",
    DisclosureRule,
    least=LEAST,
    most=MOST,
    narrower=NARROWER,
    words=WORDS,
)
