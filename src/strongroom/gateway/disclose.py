"""What a caller may learn, enforced on the neutral form and so in every dialect: whole, streamed, and in a no.

Always true here:
- what is asked for beyond the terms is refused by the field's name, before any engine is asked;
- what comes unasked is cut: a field leaves only when it was asked for and the terms allow it;
- what a caller itself used, in total, stays: it is what it pays for.
"""

from __future__ import annotations

from typing import Final, assert_never

from msgspec.structs import replace

from strongroom.gateway import scores
from strongroom.gateway.exchange.answers import (
    Answer,
    Choice,
    Count,
    Description,
    Event,
    Finished,
    Generation,
    Judgements,
    Prediction,
    ReasoningDelta,
    TextDelta,
    TokenScore,
    Usage,
    Used,
    Vectors,
)
from strongroom.gateway.exchange.asks import (
    USUAL,
    Ask,
    ChatAsk,
    CompletionAsk,
    CountAsk,
    GenerationAsk,
    Sampling,
)
from strongroom.kernel.refusal import Refusal, RefusalKind, invalid
from strongroom.rules.disclosure import Disclosure

CODE: Final = "disclosure_denied"
_USUAL_TEMPERATURE: Final = 1.0  # what both OpenAI's and Anthropic's reference give to whoever names none
_UNSAID: Final = "The model cannot work with this request."


def check(ask: Ask, terms: Disclosure) -> Refusal | None:
    """Return the no to what is asked for beyond the terms; its `param` is the ask's own attribute."""
    if not isinstance(ask, ChatAsk | CompletionAsk):
        return _denied("tools") if isinstance(ask, CountAsk) and ask.tools and not terms.tools else None
    denied = _denied_form(ask, terms)
    if denied is None and ask.logprobs is not None:
        denied = _denied_scores(ask, terms)
    if denied is None and ask.sampling is not USUAL:
        denied = _denied_drawing(ask.sampling, terms)
    if denied is None and isinstance(ask, ChatAsk) and (ask.tools or ask.reasoning is not None):
        denied = _denied_chat(ask, terms)
    return denied


def shaped(ask: Ask, terms: Disclosure) -> Ask:
    """Return an ask that `check` let pass with what the caller left open drawn within the terms."""
    if not isinstance(ask, ChatAsk | CompletionAsk):
        return ask
    if ask.max_output_tokens is None or ask.max_output_tokens > terms.max_output_tokens:
        ask = replace(ask, max_output_tokens=terms.max_output_tokens)
    if terms.min_temperature > 0 and ask.sampling.temperature is None:
        # What a model draws at by itself is not known here, and may be less.
        drawn = max(_USUAL_TEMPERATURE, terms.min_temperature)
        ask = replace(ask, sampling=replace(ask.sampling, temperature=drawn))
    return ask


def strip_answer(answer: Answer, ask: Ask, terms: Disclosure) -> Answer:
    """Return `answer` without what was not asked for or is not to be told."""
    if isinstance(answer, Generation):
        choices = answer.choices
        for choice in choices:
            if choice.reasoning is not None or choice.stop_sequence is not None or choice.scores is not None:
                choices = tuple([_choice(each, ask, terms) for each in choices])
                break
        fingerprint = answer.fingerprint if terms.system_fingerprint else None
        return Generation(choices=choices, usage=_usage(answer.usage, terms), fingerprint=fingerprint)
    match answer:
        case Vectors():
            return replace(answer, usage=_usage(answer.usage, terms))
        case Judgements():
            results = tuple([scores.judgement(each, terms.scores) for each in answer.results])
            return Judgements(results=results, usage=_usage(answer.usage, terms))
        case Prediction():
            return scores.prediction(answer, terms.scores)
        case Description():
            return answer if terms.system_fingerprint else replace(answer, platform="")
        case Count():
            return answer
        case _:
            assert_never(answer)


def strip_events(events: list[Event], ask: Ask, terms: Disclosure) -> list[Event]:
    """Return `events` without what was not asked for or is not to be told."""
    for event in events:
        if not isinstance(event, TextDelta) or event.scores is not None:
            break
    else:
        return events  # nearly always: text, and nothing with it
    return [_event(event, ask, terms) for event in events if terms.reasoning or not isinstance(event, ReasoningDelta)]


def strip_no(refusal: Refusal, terms: Disclosure) -> Refusal:
    """Return an engine's no without what it said; whose fault it was, and a code that programs go by, stay."""
    if terms.error_detail or refusal.kind is not RefusalKind.INVALID:
        return refusal
    return Refusal(kind=refusal.kind, reason=refusal.reason, tell=_UNSAID, code=refusal.code)


def _denied_form(ask: GenerationAsk, terms: Disclosure) -> Refusal | None:
    if ask.stream and not terms.streaming:
        return _denied("stream")
    if ask.n > terms.n:
        return _denied("n", f" It is at most {terms.n} here.")
    if ask.max_output_tokens is not None and ask.max_output_tokens > terms.max_output_tokens:
        return _denied("max_output_tokens", f" It is at most {terms.max_output_tokens} here.")
    return None


def _denied_scores(ask: GenerationAsk, terms: Disclosure) -> Refusal | None:
    if not terms.logprobs:
        return _denied("logprobs")
    if ask.logprobs is not None and ask.logprobs > terms.top_logprobs:
        return _denied("top_logprobs", f" It is at most {terms.top_logprobs} here.")
    return None


def _denied_drawing(sampling: Sampling, terms: Disclosure) -> Refusal | None:
    if sampling.logit_bias is not None and not terms.logit_bias:
        return _denied("logit_bias")
    if sampling.seed is not None and not terms.seed:
        return _denied("seed")
    if terms.min_temperature == 0:
        return None
    if sampling.temperature is not None and sampling.temperature < terms.min_temperature:
        return _denied("temperature", f" It is at least {terms.min_temperature:g} here.")
    # Either picks the likeliest token however random the rest is.
    if sampling.top_k is not None:
        return _denied("top_k")
    return _denied("top_p", " It is 1 here.") if sampling.top_p is not None and sampling.top_p < 1 else None


def _denied_chat(ask: ChatAsk, terms: Disclosure) -> Refusal | None:
    if ask.tools and not terms.tools:
        return _denied("tools")
    if ask.reasoning is not None and ask.reasoning != "none" and not terms.reasoning:
        return _denied("reasoning")
    return None


def _denied(field: str, bound: str = "") -> Refusal:
    tell = f"The disclosure policy does not allow `{field}` with this value for this key and model.{bound}"
    return invalid(tell if bound else f"{tell} Leave it out.", param=field, code=CODE)


def _choice(choice: Choice, ask: Ask, terms: Disclosure) -> Choice:
    return Choice(
        index=choice.index,
        text=choice.text,
        reasoning=choice.reasoning if terms.reasoning else None,
        calls=choice.calls,
        finish=choice.finish,
        stop_sequence=choice.stop_sequence if terms.finish_detail else None,
        scores=None if choice.scores is None else _token_scores(choice.scores, ask, terms),
    )


def _event(event: Event, ask: Ask, terms: Disclosure) -> Event:
    if isinstance(event, TextDelta):
        return event if event.scores is None else TextDelta(
            event.choice, event.text, _token_scores(event.scores, ask, terms)
        )  # fmt: skip
    if isinstance(event, Finished) and event.stop_sequence is not None and not terms.finish_detail:
        return Finished(event.choice, event.reason)
    return Used(_usage(event.usage, terms)) if isinstance(event, Used) else event


def _token_scores(found: tuple[TokenScore, ...], ask: Ask, terms: Disclosure) -> tuple[TokenScore, ...] | None:
    if not terms.logprobs or not isinstance(ask, ChatAsk | CompletionAsk) or ask.logprobs is None:
        return None
    most = min(ask.logprobs, terms.top_logprobs)
    return tuple([TokenScore(token=each.token, logprob=each.logprob, top=each.top[:most]) for each in found])


def _usage(usage: Usage, terms: Disclosure) -> Usage:
    if terms.usage_detail or (usage.cached_tokens is None and usage.reasoning_tokens is None):
        return usage
    return Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
