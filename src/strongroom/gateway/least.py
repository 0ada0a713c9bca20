"""What a caller may learn where nobody said more: no probabilities, no alternatives, no thoughts, no engine's name.

Always true here: a field that tells more is refused by name when it is asked for, and cut when it comes unasked.
"""

from __future__ import annotations

from msgspec.structs import replace

from strongroom.gateway.exchange.answers import Answer, Event, Generation, ReasoningDelta, TextDelta, Usage, Used
from strongroom.gateway.exchange.asks import Ask, ChatAsk, CompletionAsk
from strongroom.kernel.refusal import Refusal, invalid


def check(ask: Ask) -> Refusal | None:
    """Return the no to what is asked for beyond the least."""
    if not isinstance(ask, ChatAsk | CompletionAsk):
        return None
    if ask.n > 1:
        return _unopened("n")
    if ask.logprobs is not None:
        return _unopened("logprobs")
    if ask.sampling.logit_bias is not None:
        return _unopened("logit_bias")
    if isinstance(ask, ChatAsk) and ask.reasoning not in {None, "none"}:
        return _unopened("reasoning")
    return None


def strip_answer(answer: Answer) -> Answer:
    """Return `answer` without what was not to be told."""
    if not isinstance(answer, Generation):
        return answer
    choices = tuple(
        [
            choice
            if choice.scores is None and choice.reasoning is None
            else replace(choice, scores=None, reasoning=None)
            for choice in answer.choices
        ]
    )
    return Generation(choices=choices, usage=_totals(answer.usage))


def strip_events(events: list[Event]) -> list[Event]:
    """Return `events` without what was not to be told."""
    return [_stripped(event) for event in events if not isinstance(event, ReasoningDelta)]


def _stripped(event: Event) -> Event:
    if isinstance(event, TextDelta):
        return event if event.scores is None else TextDelta(event.choice, event.text)
    return Used(_totals(event.usage)) if isinstance(event, Used) else event


def _totals(usage: Usage) -> Usage:
    return Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)


def _unopened(field: str) -> Refusal:
    return invalid(f"The field `{field}` is not supported here with this value. Leave it out.", param=field)
