"""Workers of this machine: OpenAI's API on a unix socket, with the few things that they do not do said beforehand."""

from __future__ import annotations

from typing import ClassVar

from strongroom.gateway.exchange.asks import Ask, ChatAsk, CompletionAsk
from strongroom.gateway.protocols.noes import no_word
from strongroom.gateway.protocols.openai import OpenAIEngine
from strongroom.kernel.refusal import Refusal, invalid


class Worker(OpenAIEngine):
    """A worker of ours."""

    extras: ClassVar[frozenset[str]] = frozenset({"top_k"})
    counts: ClassVar[bool] = True

    def cannot(self, ask: Ask) -> Refusal | None:
        """Return what a worker cannot do: one request makes one generation, in the slot of its own caller."""
        no = super().cannot(ask)
        if no is not None or not isinstance(ask, ChatAsk | CompletionAsk):
            return no
        if ask.n > 1:
            return invalid("The model behind this name gives one answer a request: `n` is 1.", param="n")
        if isinstance(ask, ChatAsk) and ask.reasoning is not None and ask.reasoning != "none":
            return no_word("reasoning")
        return None
