"""Answers in OpenAI's words, whole: every field that a client may read, and the gateway's own names."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from strongroom.gateway.exchange.answers import (
    Answer,
    Choice,
    FinishReason,
    Generation,
    Judgements,
    TokenScore,
    Usage,
    Vectors,
)
from strongroom.gateway.exchange.asks import ChatAsk
from strongroom.gateway.exchange.ports import Naming

encode = msgspec.json.Encoder().encode

FINISHED: Final[dict[FinishReason, str]] = {
    "stop": "stop",
    "length": "length",
    "tool": "tool_calls",
    "filter": "content_filter",
}


def whole(answer: Answer, naming: Naming) -> bytes:
    """Return the body of a whole answer."""
    if isinstance(answer, Generation):
        return encode(_chat(answer, naming) if isinstance(naming.ask, ChatAsk) else _completion(answer, naming))
    if isinstance(answer, Vectors):
        return encode(_vectors(answer, naming))
    if isinstance(answer, Judgements):
        return encode(_judgements(answer, naming))
    raise TypeError("an answer that no endpoint of this dialect asks for")


def id_of(naming: Naming) -> str:
    """Return an answer's id: the request's, so that one leads to the other."""
    return ("chatcmpl-" if isinstance(naming.ask, ChatAsk) else "cmpl-") + naming.request_id.removeprefix("req_")


def usage_of(usage: Usage) -> dict[str, Any]:
    """Return what was used; details only where they are told."""
    told: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cached_tokens is not None:
        told["prompt_tokens_details"] = {"cached_tokens": usage.cached_tokens}
    if usage.reasoning_tokens is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return told


def chat_scores(scores: tuple[TokenScore, ...] | None) -> dict[str, Any] | None:
    """Return log-probabilities as chat has them. `bytes` are not told: a token's text is."""
    if scores is None:
        return None
    return {
        "content": [
            {
                "token": score.token,
                "logprob": score.logprob,
                "bytes": None,
                "top_logprobs": [{"token": a.token, "logprob": a.logprob, "bytes": None} for a in score.top],
            }
            for score in scores
        ],
        "refusal": None,
    }


def completion_scores(scores: tuple[TokenScore, ...] | None) -> dict[str, Any] | None:
    """Return log-probabilities as plain completions have them."""
    if scores is None:
        return None
    return {
        "tokens": [score.token for score in scores],
        "token_logprobs": [score.logprob for score in scores],
        "top_logprobs": [{a.token: a.logprob for a in score.top} for score in scores],
        "text_offset": None,
    }


class _Call(msgspec.Struct, gc=False):
    id: str
    function: dict[str, str]
    type: str = "function"


class _Message(msgspec.Struct, gc=False):
    content: str | None
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET  # not OpenAI's own; what open models' servers call it
    tool_calls: list[_Call] | msgspec.UnsetType = msgspec.UNSET
    role: str = "assistant"
    refusal: None = None


class _ChatChoice(msgspec.Struct, gc=False):
    index: int
    message: _Message
    finish_reason: str
    logprobs: dict[str, Any] | None


class _Chat(msgspec.Struct, gc=False):
    id: str
    created: int
    model: str
    choices: list[_ChatChoice]
    usage: dict[str, Any]
    system_fingerprint: str | msgspec.UnsetType = msgspec.UNSET
    object: str = "chat.completion"


def _chat(answer: Generation, naming: Naming) -> _Chat:
    return _Chat(
        id_of(naming),
        naming.created,
        naming.model,
        [_chat_choice(choice) for choice in answer.choices],
        usage_of(answer.usage),
        msgspec.UNSET if answer.fingerprint is None else answer.fingerprint,
    )


def _chat_choice(choice: Choice) -> _ChatChoice:
    return _ChatChoice(
        choice.index,
        _Message(
            choice.text,
            msgspec.UNSET if choice.reasoning is None else choice.reasoning,
            [_Call(call.id, {"name": call.name, "arguments": call.arguments}) for call in choice.calls]
            if choice.calls
            else msgspec.UNSET,
        ),
        FINISHED[choice.finish],
        None if choice.scores is None else chat_scores(choice.scores),
    )


def _completion(answer: Generation, naming: Naming) -> dict[str, Any]:
    return {
        "id": id_of(naming),
        "object": "text_completion",
        "created": naming.created,
        "model": naming.model,
        "choices": [
            {
                "text": choice.text or "",
                "index": choice.index,
                "logprobs": completion_scores(choice.scores),
                "finish_reason": FINISHED[choice.finish],
            }
            for choice in answer.choices
        ],
        "usage": usage_of(answer.usage),
    }


def _judgements(answer: Judgements, naming: Naming) -> dict[str, Any]:
    return {
        "id": "modr-" + naming.request_id.removeprefix("req_"),
        "model": naming.model,
        "results": [
            {"flagged": each.flagged, "categories": each.categories, "category_scores": each.scores}
            for each in answer.results
        ],
    }


def _vectors(answer: Vectors, naming: Naming) -> dict[str, Any]:
    used = answer.usage.input_tokens
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(answer.data)
        ],
        "model": naming.model,
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }
