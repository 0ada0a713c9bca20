"""Providers that speak OpenAI's API: OpenAI itself, vLLM, and the many that are compatible.

Always true here:
- a prompt cache that callers share is salted for each workload, where the engine can be told (vLLM's `cache_salt`); the
  salt is ours, and a caller's own has no name in an ask, so it never gets here;
- what a provider says of a request it refused stays here: it may quote our account.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import msgspec

from strongroom.gateway.exchange.answers import Answer, Judgement, Judgements
from strongroom.gateway.exchange.asks import Ask, ChatAsk, CompletionAsk, ModerationAsk
from strongroom.gateway.exchange.ports import Outgoing
from strongroom.gateway.protocols import openai_asks, provider_noes
from strongroom.gateway.protocols.openai import OpenAIEngine
from strongroom.kernel.refusal import Refusal

_JSON: Final = ((b"content-type", b"application/json"), (b"accept-encoding", b"identity"))


class _Judgement(msgspec.Struct, frozen=True):
    flagged: bool
    categories: dict[str, bool | None] = {}
    category_scores: dict[str, float | None] = {}


class _Judgements(msgspec.Struct, frozen=True):
    results: list[_Judgement]


_JUDGED: Final = msgspec.json.Decoder(_Judgements)


class Compatible(OpenAIEngine):
    """A server that is compatible with OpenAI's API."""

    def cannot(self, ask: Ask) -> Refusal | None:
        """Return why this API has no words for `ask`. It has some for moderations."""
        return None if isinstance(ask, ModerationAsk) else super().cannot(ask)

    def outgoing(self, ask: Ask, model: str) -> Outgoing:
        """Write `ask`."""
        if isinstance(ask, ModerationAsk):
            return Outgoing("/v1/moderations", _JSON, msgspec.json.encode({"model": model, "input": ask.inputs}))
        path, body = openai_asks.write(ask, model)
        self._adapt(ask, body)
        return Outgoing(path, _JSON, msgspec.json.encode(body))

    def whole(self, ask: Ask, body: bytes) -> Answer:
        """Decode a whole answer."""
        if isinstance(ask, ModerationAsk):
            return _judgements(ask, _JUDGED.decode(body))
        return super().whole(ask, body)

    def no(self, status: int, body: bytes) -> Refusal:
        """Return what an answer other than 200 means; the provider's words stay here."""
        del body
        return provider_noes.meaning(status)

    def _adapt(self, ask: Ask, body: dict[str, Any]) -> None:
        """Change `body` to what this kind of engine calls things."""


class OpenAIItself(Compatible):
    """OpenAI: its newer models refuse `max_tokens`, and the older ones take its successor."""

    def _adapt(self, ask: Ask, body: dict[str, Any]) -> None:
        if isinstance(ask, ChatAsk) and "max_tokens" in body:
            body["max_completion_tokens"] = body.pop("max_tokens")


class Vllm(Compatible):
    """VLLM, asked for one workload, whose prompts meet no other's in its prefix cache."""

    extras: ClassVar[frozenset[str]] = frozenset({"top_k"})

    def __init__(self, salt: str) -> None:
        self._salt: Final = salt

    def _adapt(self, ask: Ask, body: dict[str, Any]) -> None:
        if isinstance(ask, ChatAsk | CompletionAsk):
            body["cache_salt"] = self._salt


def _judgements(ask: ModerationAsk, answer: _Judgements) -> Judgements:
    if len(answer.results) != len(ask.inputs):
        raise ValueError("not one judgement for each input")
    return Judgements(
        results=tuple(
            Judgement(
                flagged=each.flagged,
                categories={name: value for name, value in each.categories.items() if value is not None},
                scores={name: value for name, value in each.category_scores.items() if value is not None},
            )
            for each in answer.results
        )
    )
