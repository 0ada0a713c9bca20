"""What must not come out of an answer although it is nobody's data: canaries, and the instructions that a model was given.

Always true here:
- everything that leaves is looked at, whole or in pieces, text, reasoning and the arguments of calls alike;
- a stream is looked at every `canaries.STRIDE` characters from its start, however it was cut, before any of them leaves what is
  held back (`guard.py`): no fragment of a canary goes out;
- instructions count for the whole answer, in however many parts: once enough of their runs were said, it ends;
- what the caller's own turns say of them is looked up once an answer at most; of a long request before the answer, beside the loop
  (`look_up`);
- one sighting ends an answer that is to be cut; where it is only to be told, it is told once an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from msgspec.structs import replace

from strongroom.canaries import Planted
from strongroom.gateway.exchange.answers import (
    Answer,
    CallDelta,
    Event,
    Finished,
    Generation,
    Prediction,
    ReasoningDelta,
    TextDelta,
)
from strongroom.gateway.exchange.asks import (
    Ask,
    ChatAsk,
    CompletionAsk,
    CountAsk,
    InferAsk,
    Message,
    ResultPart,
    TextPart,
)
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.privacy import canaries, prompts
from strongroom.privacy.canaries import Canary
from strongroom.privacy.views import stepped_words
from strongroom.rules.privacy import Leak

CODE: Final = "leak_stopped"
CANARY: Final = "canary-leak"
INSTRUCTIONS: Final = "prompt-leak"
_PIECE: Final = 2048
"""Characters of a text that are looked at at a time."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something was seen in an answer. `reason` names canaries by what they are called and quotes nothing."""

    signal: str
    reason: str


class _Place:
    """One text on its way: what was looked at last, and what is to be looked at next."""

    __slots__ = ("fresh", "room", "said", "tail", "unsaid")

    def __init__(self) -> None:
        self.room = canaries.STRIDE  # characters until the next look for canaries
        self.tail = ""  # the end of what was looked at for canaries
        self.fresh = ""  # what was not
        self.said = ""  # the end of what was looked at for instructions
        self.unsaid = ""  # what was not


class LeakWatch:
    """Watches one answer.

    Args:
        ask: what was asked, as it was sent: its instructions are what is watched for.
        planted: the canaries.
        canary: what is done about a canary.
        instructions: what is done about instructions.
        tenant: whose answer it is.
        pinned: the deployment's own instructions, which stand before those of the caller.
    """

    __slots__ = (
        "_ask", "_canary", "_left", "_met", "_no", "_places", "_planted", "_runs", "_tenant", "_told", "_words", "seen",
    )  # fmt: skip

    def __init__(
        self, ask: Ask, planted: Planted, canary: Leak, instructions: Leak, tenant: TenantId, pinned: str = ""
    ) -> None:
        self._ask = ask
        self._planted = planted
        self._canary = canary if len(planted.all) else Leak.OFF
        words = "" if instructions is Leak.OFF else "\n".join(filter(None, [pinned, instructions_of(ask)]))
        self._words = instructions if words else Leak.OFF
        self._runs: prompts.Instructions | None = prompts.instructions(words) if words else None
        if self._runs is not None and not self._runs.watched:
            self._runs, self._words = None, Leak.OFF
        self._met: frozenset[bytes] = frozenset()
        self._told: frozenset[bytes] | None = (
            None  # of the runs, those of the caller's own turns; None: not looked up yet
        )
        self._left: frozenset[bytes] | None = None  # the others, once that counts
        self._places: dict[object, _Place] = {}
        self._tenant = tenant
        self._no: Refusal | None = None
        self.seen: list[Sighting] = []
        """What was seen and let through, to be told."""

    @property
    def watches(self) -> bool:
        """Whether there is anything to watch for."""
        return self._canary is not Leak.OFF or self._words is not Leak.OFF

    @property
    def holds(self) -> bool:
        """Whether text must be held back until it was looked at."""
        return self._canary is Leak.CUT

    def feed(self, events: Sequence[Event]) -> Refusal | None:
        """Take more of a stream; return why the answer ends here."""
        for event in events:
            if isinstance(event, TextDelta | ReasoningDelta):
                no = self.take((event.choice, type(event)), event.text)
            elif isinstance(event, CallDelta):  # it is whole, and lets go of what was held before it
                no = self.take((event.choice, event.index), f"{event.name or ''} {event.arguments}") or self.end()
            elif isinstance(event, Finished):
                no = self.end()
            else:
                continue
            if no is not None:
                return no
        return self._no

    def take(self, place: object, text: str) -> Refusal | None:
        """Take more of one text; return why the answer ends here."""
        if len(text) > _PIECE:
            for first in range(0, len(text), _PIECE):
                if (no := self.take(place, text[first : first + _PIECE])) is not None:
                    return no
            return None
        at = self._places.get(place)
        if at is None:
            at = self._places[place] = _Place()
        if self._canary is not Leak.OFF:
            at.fresh += text
            at.room -= len(text)
            if at.room <= 0:  # at fixed distances from the start, where what is held back is looked at too
                at.room = canaries.STRIDE - -at.room % canaries.STRIDE
                if (no := self._look(at)) is not None:
                    return no
        if self._runs is not None:
            at.unsaid += text
            if len(at.unsaid) >= prompts.STRIDE:
                return self._count(at)
        return None

    def end(self) -> Refusal | None:
        """Look at the rest of every text of a stream; return why nothing of it may leave."""
        for at in self._places.values():
            no = (self._look(at) if at.fresh else None) or (self._count(at) if at.unsaid else None)
            if no is not None:
                return no
        return self._no

    def may_hasten(self) -> bool:
        """Say whether words may leave although no more has come: not where a canary has begun, and not after one."""
        if self._canary is not Leak.CUT:
            return True
        if self.end() is not None:
            return False
        return not any(self._planted.all.rising(at.tail) for at in self._places.values())

    def whole(self, answer: Answer) -> Refusal | None:
        """Look at a whole answer; return why nothing of it may leave."""
        for place, text in enumerate(_texts_of(answer)):
            no = self.take(place, text)
            if no is not None:
                return no
        return self.end()

    def _look(self, at: _Place) -> Refusal | None:
        text = at.tail + at.fresh
        at.tail, at.fresh = text[-canaries.REACH :], ""
        found = self._planted.all.among(stepped_words(text))
        return self._sighted(found) if found else None

    def _sighted(self, found: Sequence[Canary]) -> Refusal | None:
        foreign = any(self._planted.owners.get(each.id) != self._tenant for each in found)
        names = ", ".join(sorted(self._named(each) for each in found))
        return self._judge(self._canary, CANARY, f"a canary in the answer: {names}", always=foreign)

    def _named(self, canary: Canary) -> str:
        own = self._planted.owners.get(canary.id) == self._tenant
        name = self._planted.names.get(canary.id, "")
        return f"{canary.id} ({name})" if own and name else canary.id if own else f"{canary.id}, of another tenant"

    def _count(self, at: _Place) -> Refusal | None:
        runs = self._runs
        if runs is None:
            return None
        text = at.said + at.unsaid
        at.said, at.unsaid = text[-prompts.REACH :], ""
        self._met |= runs.met(text)
        if self._left is None:
            if len(self._met) < runs.enough:
                return None
            # What the caller's own turns say is known to whoever wrote them; looked up only now, since it is nearly never needed.
            self._left = runs.runs - self._said_by_caller(runs)
        self._met &= self._left
        left, of = len(self._met), len(self._left)
        enough = max(prompts.LEAST, min(runs.enough, round(prompts.SHARE * of)))
        if left < enough:
            if of < enough:
                self._runs = None  # the caller knows them: there is nothing left to be given away
            return None
        self._runs = None  # said once
        share = f"{left} of {of} runs of {prompts.GRAM} letters"
        return self._judge(self._words, INSTRUCTIONS, f"the model's instructions in the answer: {share}")

    def look_up(self) -> None:
        """Look up now what the caller's own turns say of the instructions: for a thread, where they are long."""
        if self._runs is not None:
            self._said_by_caller(self._runs)

    def _said_by_caller(self, runs: prompts.Instructions) -> frozenset[bytes]:
        if self._told is None:
            self._told = prompts.said_in(_turns(self._ask), runs)
        return self._told

    def _judge(self, action: Leak, signal: str, reason: str, *, always: bool = False) -> Refusal | None:
        if action is Leak.CUT or always:
            self._no = Refusal(
                kind=RefusalKind.FORBIDDEN,
                reason=reason,
                tell="The answer began to give away what it was told to keep. It ends here.",
                code=CODE,
                signal=signal,
            )
            return self._no
        if all(each.reason != reason for each in self.seen):
            self.seen.append(Sighting(signal, reason))
        return None


def _texts_of(answer: Answer) -> Iterator[str]:
    if isinstance(answer, Generation):
        for choice in answer.choices:
            calls = [f"{call.name} {call.arguments}" for call in choice.calls]
            # In the order in which they are read, as one: a half in the reasoning and a half in the text are a whole.
            yield "\n".join([choice.reasoning or "", choice.text or "", *calls])
    elif isinstance(answer, Prediction):
        for tensor in answer.outputs:
            yield "\n".join([each for each in tensor.data if isinstance(each, str)])


def watch(
    ask: Ask, planted: Planted, canary: Leak, instructions: Leak, tenant: TenantId, pinned: str
) -> LeakWatch | None:
    """Return what watches the answer to an ask, if there is anything that it could give away."""
    if not isinstance(ask, ChatAsk | CompletionAsk | InferAsk):
        return None
    made = LeakWatch(ask, planted, canary, instructions, tenant, pinned)
    return made if made.watches else None


def has_instructions(ask: Ask) -> bool:
    """Say whether an ask has a system turn. One call: every request comes by here."""
    messages: tuple[Message, ...] = getattr(ask, "messages", ())
    for message in messages:  # noqa: SIM110 - `any` would be two calls more
        if message.role == "system":
            return True
    return False


def instructions_of(ask: Ask) -> str:
    """Return the instructions in an ask: what its system turns say."""
    if not isinstance(ask, ChatAsk):
        return ""
    return "\n".join(_texts(each for each in ask.messages if each.role == "system"))


def plant(ask: Ask, word: str) -> Ask:
    """Return an ask with a canary in its instructions; one without any is as it was."""
    if not word or not isinstance(ask, ChatAsk | CountAsk):
        return ask
    for index in range(len(ask.messages) - 1, -1, -1):
        if ask.messages[index].role == "system":
            return _with(ask, index, word)
    return ask


def _with(ask: ChatAsk | CountAsk, index: int, word: str) -> Ask:
    message = ask.messages[index]
    planted = replace(message, parts=(*message.parts, TextPart(line(word))))
    return replace(ask, messages=(*ask.messages[:index], planted, *ask.messages[index + 1 :]))


@lru_cache(maxsize=256)
def line(word: str) -> str:
    """Return what is added to instructions."""
    return f"\n\n(Reference of these instructions, part of no answer: {word})"


def _turns(ask: Ask) -> list[str]:
    return _texts(each for each in ask.messages if each.role == "user") if isinstance(ask, ChatAsk) else []


def _texts(messages: Iterable[Message]) -> list[str]:
    return [
        part.text if isinstance(part, TextPart) else part.content
        for message in messages
        for part in message.parts
        if isinstance(part, TextPart | ResultPart)
    ]
