"""A deployment's system prompt comes first, before what the caller says, and what has no place for it is refused."""

from __future__ import annotations

import pytest

from strongroom.gateway.exchange.asks import ChatAsk, CompletionAsk, CountAsk, EmbeddingAsk, Message, TextPart
from strongroom.gateway.fronting import SystemPrompt, as_counted_by_the_caller
from strongroom.gateway.protocols.anthropic_asks import unsaid
from strongroom.kernel.refusal import Refusal, RefusalKind, invalid

PROMPT = SystemPrompt.of(f"sha256:{'a' * 64}", "Be kind. Ä")


def said(role: str, text: str) -> Message:
    return Message(role=role, parts=(TextPart(text),))  # type: ignore[arg-type]


def test_it_comes_before_the_callers_own_instructions() -> None:
    own = (said("system", "Be rude."), said("user", "Hi"))
    ask = ChatAsk(model="m", messages=own, n=2)
    fronted = PROMPT.before(ask)
    assert isinstance(fronted, ChatAsk)
    assert fronted.messages == (said("system", "Be kind. Ä"), *own)
    assert fronted.n == 2
    assert ask.messages == own
    counted = PROMPT.before(CountAsk(model="m", messages=own))
    assert isinstance(counted, CountAsk)
    assert counted.messages[0] == PROMPT.message
    assert PROMPT.size == 11


@pytest.mark.parametrize("ask", [CompletionAsk(model="m", prompt="x"), EmbeddingAsk(model="m", inputs=("x",))])
def test_what_has_no_place_for_it_is_refused(ask: CompletionAsk | EmbeddingAsk) -> None:
    no = PROMPT.before(ask)
    assert isinstance(no, Refusal)
    assert no.kind is RefusalKind.INVALID


def test_a_refusal_counts_turns_as_the_caller_sent_them() -> None:
    turns = (said("user", "Hi"), said("system", "late"))
    fronted = PROMPT.before(ChatAsk(model="m", messages=turns, max_output_tokens=1))
    assert isinstance(fronted, ChatAsk)
    no = unsaid(fronted)
    assert no is not None
    assert no.param == "messages[2].role"
    assert as_counted_by_the_caller(no).param == "messages[1].role"
    other = invalid("no `n`", param="n")
    assert as_counted_by_the_caller(other) is other
