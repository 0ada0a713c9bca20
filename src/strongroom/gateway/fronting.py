"""System prompts before asks: what a deployment tells its model first.

Always true here:
- it is put in where the request is written for the engine, behind everything that looks at what the caller said: no dialect
  ever has it, so none can tell it, keep it or let a caller change it;
- it comes first, a caller's own instructions after it;
- what has no place for instructions is refused, and not answered without them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, Self

from msgspec import Struct, structs

from strongroom.gateway.exchange.asks import Ask, ChatAsk, CountAsk, Message, TextPart
from strongroom.kernel.refusal import Refusal, invalid

_PLACE: Final = re.compile(r"messages\[(\d+)\]")
_NO: Final = invalid("The model behind this name is asked for chat only.", param="model")


class SystemPrompt(Struct, frozen=True):
    """The system prompt of a deployment.

    Attributes:
        digest: what it is pinned by.
        text: what the model is told.
        size: of the text, bytes in UTF-8.
        message: the turn that is put before a conversation.
    """

    digest: str
    text: str
    size: int
    message: Message

    @classmethod
    def of(cls, digest: str, text: str) -> Self:
        """Return a prompt, ready to be put before asks."""
        return cls(digest, text, len(text.encode()), Message(role="system", parts=(TextPart(text),)))

    def before(self, ask: Ask) -> Ask | Refusal:
        """Return `ask` with this before all that it says, or the no to one that has no place for it."""
        if isinstance(ask, ChatAsk | CountAsk):
            return structs.replace(ask, messages=(self.message, *ask.messages))
        return _NO


def as_counted_by_the_caller(refusal: Refusal) -> Refusal:
    """Return a refusal that names a turn by its place, counted without the prompt that the caller did not send."""
    if refusal.param is None or _PLACE.match(refusal.param) is None:
        return refusal
    return replace(refusal, param=_back(refusal.param), tell=_back(refusal.tell))


def _back(text: str) -> str:
    return _PLACE.sub(lambda found: f"messages[{max(0, int(found[1]) - 1)}]", text)
