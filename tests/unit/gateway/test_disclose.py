"""Disclosure on the neutral form: cutting twice is cutting once, and wider terms never show less."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.gateway import disclose, scores
from strongroom.gateway.exchange.answers import (
    Alternative,
    Choice,
    Finished,
    Generation,
    Judgement,
    Judgements,
    Prediction,
    ReasoningDelta,
    TextDelta,
    TokenScore,
    Usage,
    Used,
    Vectors,
)
from strongroom.gateway.exchange.asks import ChatAsk, EmbeddingAsk, Message, Sampling, Tensor, TextPart
from strongroom.kernel.refusal import Refusal, RefusalKind, invalid
from strongroom.rules.disclosure import LEAST, MOST, Disclosure

HELLO = (Message(role="user", parts=(TextPart("hello"),)),)
SCORE = TokenScore(
    token="a", logprob=-1.0, top=(Alternative(token="b", logprob=-2.0), Alternative(token="c", logprob=-3.0))
)
USAGE = Usage(input_tokens=5, output_tokens=2, cached_tokens=4, reasoning_tokens=1)
ALL = Generation(
    choices=(Choice(text="x", reasoning="thought", stop_sequence="END", scores=(SCORE,)),),
    usage=USAGE,
    fingerprint="engine",
)
TERMS = st.builds(
    Disclosure,
    logprobs=st.booleans(),
    top_logprobs=st.integers(0, 3),
    reasoning=st.booleans(),
    usage_detail=st.booleans(),
    finish_detail=st.booleans(),
    system_fingerprint=st.booleans(),
    min_temperature=st.sampled_from([0.0, 0.5]),
    max_output_tokens=st.integers(1, 100),
)
ASKS = st.builds(
    ChatAsk,
    model=st.just("m"),
    messages=st.just(HELLO),
    logprobs=st.none() | st.integers(0, 3),
    max_output_tokens=st.none() | st.integers(1, 100),
    sampling=st.builds(
        Sampling, temperature=st.none() | st.sampled_from([0.0, 0.5, 1.5]), top_k=st.sampled_from([None, 1])
    ),
)


@settings(max_examples=60)
@given(ASKS, TERMS)
def test_what_leaves_lies_within_the_terms_and_what_was_asked(ask: ChatAsk, terms: Disclosure) -> None:
    told = disclose.strip_answer(ALL, ask, terms)
    assert isinstance(told, Generation)
    assert disclose.strip_answer(told, ask, terms) == told
    [choice] = told.choices
    assert (choice.reasoning is not None) == terms.reasoning
    assert (choice.stop_sequence is not None) == terms.finish_detail
    assert (told.fingerprint is not None) == terms.system_fingerprint
    assert (told.usage == USAGE) == terms.usage_detail
    assert (told.usage.input_tokens, told.usage.output_tokens) == (5, 2)
    if ask.logprobs is None or not terms.logprobs:
        assert choice.scores is None
    else:
        assert choice.scores is not None
        assert len(choice.scores[0].top) == min(ask.logprobs, terms.top_logprobs, 2)
    events = disclose.strip_events(
        [ReasoningDelta(0, "thought"), TextDelta(0, "x", (SCORE,)), Finished(0, "stop", "END"), Used(USAGE)], ask, terms
    )
    assert any(isinstance(event, ReasoningDelta) for event in events) == terms.reasoning
    text = next(event for event in events if isinstance(event, TextDelta))
    assert text.scores == choice.scores
    assert next(event for event in events if isinstance(event, Used)).usage == told.usage


@settings(max_examples=60)
@given(ASKS, TERMS)
def test_what_was_let_pass_is_drawn_within_the_terms(ask: ChatAsk, terms: Disclosure) -> None:
    no = disclose.check(ask, terms)
    if no is not None:
        assert (no.kind, no.code) == (RefusalKind.INVALID, "disclosure_denied")
        assert no.param in {"logprobs", "top_logprobs", "max_output_tokens", "temperature", "top_k"}
        return
    drawn = disclose.shaped(ask, terms)
    assert isinstance(drawn, ChatAsk)
    assert drawn.max_output_tokens is not None
    assert drawn.max_output_tokens <= terms.max_output_tokens
    assert terms.min_temperature == 0 or (drawn.sampling.temperature or 0) >= terms.min_temperature
    assert disclose.check(drawn, terms) is None


def test_vectors_keep_what_was_used_and_a_no_keeps_its_code() -> None:
    ask = EmbeddingAsk(model="m", inputs=("x",))
    assert disclose.check(ask, LEAST) is None
    assert disclose.shaped(ask, LEAST) == ask
    vectors = disclose.strip_answer(Vectors(data=([0.5],), usage=USAGE), ask, LEAST)
    assert vectors.usage == Usage(input_tokens=5, output_tokens=2)
    no = invalid("This model's context has 77.", param="messages", code="context_length_exceeded")
    hidden = disclose.strip_no(no, LEAST)
    assert (hidden.tell, hidden.param, hidden.code) == (
        "The model cannot work with this request.",
        None,
        "context_length_exceeded",
    )
    assert disclose.strip_no(no, MOST) is no
    busy = Refusal(kind=RefusalKind.UNAVAILABLE, reason="r", tell="Busy.")
    assert disclose.strip_no(busy, LEAST) is busy


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("full", {"a": 0.123, "b": 0.456}),
        ("rounded", {"a": 0.12, "b": 0.46}),
        ("top1", {"b": 0.46}),
        ("label", {}),
    ],
)
def test_a_judgement_keeps_its_flags(told: Any, expected: dict[str, float]) -> None:
    found = Judgement(flagged=True, categories={"a": False, "b": True}, scores={"a": 0.123, "b": 0.456})
    answer = disclose.strip_answer(
        Judgements(results=(found,)), EmbeddingAsk(model="m", inputs=("x",)), Disclosure(scores=told)
    )
    assert isinstance(answer, Judgements)
    [kept] = answer.results
    assert (kept.flagged, kept.categories, kept.scores) == (True, found.categories, expected)


def tensor(name: str, shape: tuple[int, ...], data: list[Any], datatype: str = "FP32") -> Tensor:
    return Tensor(name=name, shape=shape, datatype=datatype, data=data)


WIDE = tensor("p", (2, 3), [0.123, 0.5, 0.377, 0.9, 0.051, 0.049])


def test_without_a_label_of_the_models_own_the_best_ones_place_is_the_label() -> None:
    best = tensor("p_label", (2, 1), [1, 0], "INT64")
    assert scores.prediction(Prediction(outputs=(WIDE,)), "label").outputs == (best,)
    assert scores.prediction(Prediction(outputs=(WIDE,)), "top1").outputs == (tensor("p", (2, 1), [0.5, 0.9]), best)
    own = tensor("label", (2,), ["a", "b"], "BYTES")
    assert scores.prediction(Prediction(outputs=(own, WIDE)), "label").outputs == (own,)


def test_a_number_by_itself_is_a_score() -> None:
    lone = Prediction(outputs=(tensor("y", (2,), [1.234, 5.678]), tensor("z", (2, 1), [0.111, 0.999])))
    assert [each.data for each in scores.prediction(lone, "top1").outputs] == [[1.23, 5.68], [0.11, 1.0]]
    assert scores.prediction(lone, "label").outputs == ()
    assert scores.prediction(lone, "full") is lone


def test_scores_that_do_not_fill_their_shape_are_not_told() -> None:
    with pytest.raises(ValueError, match="shape"):
        scores.prediction(Prediction(outputs=(tensor("p", (2, 3), [0.1] * 5),)), "top1")
    beside = Prediction(outputs=(WIDE,), parameters={"logits": [1, 2, 3]})
    assert scores.prediction(beside, "rounded").parameters is None
