"""Personal data and secrets in what is asked and answered, on the neutral form and so in every dialect.

Always true here:
- what is sent to a model, kept or told was looked at by the rules that hold for this caller and this model (`rules/privacy.py`);
- tool definitions, calls and answers in JSON stay JSON; of a stream nothing leaves that could still become part of a finding;
- a token is put back for the very request that it was made in, and stays what it is anywhere else;
- a canary, or too much of the model's instructions, ends an answer while what would show it is still held (`leaks.py`);
- of what was found types and numbers are told, never a piece of it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace as with_fields
from functools import partial
from typing import Final, TypeAlias

from msgspec.structs import replace as with_

from strongroom.gateway.exchange.answers import (
    Answer,
    Call,
    CallDelta,
    Choice,
    Event,
    Finished,
    Generation,
    Prediction,
    ReasoningDelta,
    TextDelta,
)
from strongroom.gateway.exchange.asks import Ask
from strongroom.gateway.guard_leaks import Watched, cut, says_plainly
from strongroom.gateway.guard_looks import CODE, JSON_BEGINS, Blocked, Count, Finder, Rules, Way, around, changed
from strongroom.gateway.guard_names import TOO_LONG, as_choice, must, unread
from strongroom.gateway.guard_scores import TokenScores
from strongroom.gateway.guard_windows import Text, Windowed
from strongroom.kernel.refusal import Refusal
from strongroom.privacy import Engine, Span
from strongroom.privacy.naming import Known, Listener
from strongroom.privacy.stream import REST, Held
from strongroom.privacy.tokens import Tokens, Vault, find
from strongroom.privacy.windows import Placed, Window
from strongroom.rules.privacy import Reading

__all__ = ["CODE", "Guard", "passing"]

_TOKEN: Final = "token"  # noqa: S105 - what a token in an answer is called among spans
Read: TypeAlias = Mapping[str, Sequence[Span]]
Sealer: TypeAlias = Callable[[str, Vault], Awaitable[bytes | Refusal]]
Reader: TypeAlias = Callable[[Collection[str], bool], Awaitable[Read | None]]
"""Reads texts for names; the second says whether none may pass unread, and nothing comes back where one would."""


def uncounted(direction: str, kind: str, action: str) -> None:
    del direction, kind, action


def passing() -> Guard:
    """Return a guard that lets everything pass: for tests of what stands beside it."""
    return Guard(Rules(None, None, unchecked=True, tokens=False), uncounted, lambda: Vault(Tokens(bytes(32))))


class Guard(Watched):
    """Looks at one request and its answer."""

    __slots__ = (
        "_scores",
        "_seal",
        "_windowed",
        "due",
        "held",
        "reading",
        "reads_input",
        "reads_output",
        "tokens",
        "waits",
    )

    def __init__(self, rules: Rules, count: Count, make_vault: Callable[[], Vault]) -> None:
        super().__init__(rules, count, make_vault)
        self.leaks, self.word = None, ""
        self.held: dict[tuple[int, type[TextDelta | ReasoningDelta]], Held] = {}
        self._scores: dict[int, TokenScores] = {}
        self._json = False
        self._windowed: Windowed | None = None
        self.due = False
        """Whether some of a stream is to be read now (`windows`)."""
        self.reads_input = rules.input is not None and rules.input.reading is not Reading.OFF
        """Whether the ask is to be read for names before it is looked at (`Guards.read_ask`)."""
        self.reads_output = rules.output is not None and rules.output.reading is not Reading.OFF
        """Whether the answer is (`read_answer`, `released`)."""
        self.reading: Reader | None = None
        self.tokens = rules.tokens
        """Whether tokens may be made: it is to be unlocked then (`Guards.unlock`)."""
        self.waits = self.tokens or self.reads_input
        """Whether anything of these is to be done before it looks."""
        self._seal: Sealer | None = None

    def use(self, vault: Vault, seal: Sealer) -> None:
        """Take the vault for tokens of this request, which may know some of earlier ones of its conversation."""
        self._make_vault = lambda: vault
        self._seal = seal
        if len(vault):
            self._vault = vault

    async def kept_tokens(self, response: str) -> bytes | Refusal:
        """Return what the conversation's tokens stand for, sealed, to be kept with a response; empty where there are none."""
        if self._seal is None or self._vault is None or not len(self._vault):
            return b""
        return await self._seal(response, self._vault)

    def heard_ask(self, ask: Ask, own: object) -> Collection[str]:
        """Return the texts of an ask that `ask` and `echo` will look at."""
        way = self._rules.input
        assert way is not None  # noqa: S101 - `reads_input` was asked
        listener = Listener()
        twin = Guard(with_fields(self._rules, input=with_fields(way, engine=listener)), uncounted, self._make_vault)
        twin.ask(ask)
        twin.echo(own)
        return listener.texts

    async def read_input(self, reader: Reader, texts: Collection[str], *, kept: bool) -> Refusal | None:
        """Have the texts of an ask read; return why it may not pass."""
        way = self._rules.input
        assert way is not None  # noqa: S101 - `reads_input` was asked
        read = await reader(texts, must(way.reading, kept=kept))
        if read is None:
            return unread("what is asked")
        self._rules = with_fields(self._rules, input=_knowing(way, read))
        return None

    async def read_answer(self, answer: Answer, *, kept: bool) -> Refusal | None:
        """Have a whole answer read for names before `answer` looks at it; return why it may not be told."""
        way = self._rules.output
        if way is None or self.reading is None:
            return None
        listener = Listener()
        twin = Guard(with_fields(self._rules, output=with_fields(way, engine=listener)), uncounted, self._make_vault)
        twin._json = self._json
        twin.answer(answer)
        read = await self.reading(listener.texts, must(way.reading, kept=kept))
        if read is None:
            return unread("what is answered")
        self._rules = with_fields(self._rules, output=_knowing(way, read))
        return None

    async def released(self, *, kept: bool) -> list[Event] | Refusal:
        """Return what was held of a stream to its end (`reads_output`), read and looked at, or why nothing of it is told."""
        windowed, self._windowed = self._windowed, None
        if windowed is None:
            return []
        passed = await self._read_windows(windowed, windowed.rest(), kept=kept)
        if isinstance(passed, Refusal):
            return passed
        events = windowed.whole.joined()
        no = await self.read_answer(Generation(choices=tuple(map(as_choice, events))), kept=kept)
        if no is not None:
            return no
        try:
            return [*passed, *(self._released(event) for event in events)]
        except Blocked as blocked:
            return cut(blocked.kind)

    async def windows(self, *, kept: bool) -> list[Event] | Refusal:
        """Return what may leave of a stream once its windows that are `due` were read, or why it ends here."""
        self.due = False
        windowed = self._windowed
        return [] if windowed is None else await self._read_windows(windowed, windowed.ready(), kept=kept)

    async def _read_windows(
        self, windowed: Windowed, ready: Sequence[tuple[Text, Window]], *, kept: bool
    ) -> list[Event] | Refusal:
        way = self._rules.output
        told: Read = {}
        if ready and way is not None and self.reading is not None:
            read = await self.reading({window.text for _, window in ready}, must(way.reading, kept=kept))
            if read is None:
                return unread("what is answered")
            told = read
        passed: list[Event] = []
        try:
            for text, window in ready:
                text.placed.add(window.placed(told.get(window.text, ()), text.held.gone))
                self._pass(text, text.held.feed(window.block), passed)
            for text in windowed.over():
                self._pass(text, text.held.finish(), passed)
                if text.place[1] is TextDelta:
                    self._scores.pop(text.place[0], None)
        except Blocked as blocked:
            return cut(blocked.kind)
        return passed

    def _pass(self, text: Text, told: str, passed: list[Event]) -> None:
        self._settle(text.held)
        if told:
            passed.append(self._event(*text.place, told, text.held))

    def _read_along(self, placed: Placed) -> Held:
        """Return what holds a text that a model reads along, of which it knows what that told."""
        way = self._rules.output
        assert way is not None  # noqa: S101 - `reads_output` was asked
        assert isinstance(way.engine, Engine)  # noqa: S101 - a listener's guard reads no streams
        engine = way.engine.plus(placed)
        return Held(partial(self._found_by, engine), self._replacement)

    def _released(self, event: Event) -> Event:
        if isinstance(event, TextDelta):
            text = self._out_json(event.text)
            return event if text == event.text else TextDelta(event.choice, text)
        if isinstance(event, ReasoningDelta):
            return changed(event, text=self._out(event.text))
        return self._called(event) if isinstance(event, CallDelta) else event

    def _called(self, event: CallDelta) -> CallDelta:
        if self._rules.output is not None:
            self._named(event.id or "", self._rules.output, "output", whole=True)
            self._named(event.name or "", self._rules.output, "output")
        return changed(event, arguments=self._out_json(event.arguments))

    def answer(self, answer: Answer) -> Answer | Refusal:
        """Return what of a whole answer may be told, or why nothing of it is."""
        way = self._rules.output
        no = None if self.leaks is None else self.leaks.whole(answer)
        if no is not None or (way is None and self._vault is None):
            return answer if no is None else self._leaked(no)
        try:
            if isinstance(answer, Generation):
                if self._vault is None and way is not None and says_plainly(answer, way.engine):
                    return answer
                choices = tuple([self._choice(each) for each in answer.choices])
                return answer if choices == answer.choices else with_(answer, choices=choices)
            if isinstance(answer, Prediction) and way is not None:
                for each in answer.outputs:
                    self._named(each.name, way, "output")
                outputs = tuple([self._tensor(each, way, "output") for each in answer.outputs])
                return changed(answer, outputs=outputs, parameters=self._object(answer.parameters, way, "output"))
        except Blocked as blocked:
            return cut(blocked.kind)
        return answer

    def events(self, events: list[Event]) -> list[Event] | Refusal:
        """Return what of a stream may leave now, or why it ends here."""
        leaks = self.leaks
        if leaks is not None and (no := leaks.feed(events)) is not None:
            return self._leaked(no)
        if self._rules.output is None and self._vault is None and (leaks is None or not leaks.holds):
            return events
        if self.reads_output:
            windowed = self._windowed
            if windowed is None:
                windowed = self._windowed = Windowed(self._read_along, self._score, json=self._json)
            self.due = True
            return [] if windowed.take(events) else TOO_LONG
        passed: list[Event] = []
        try:
            for event in events:
                if isinstance(event, TextDelta | ReasoningDelta):
                    passed += self._delta(event)
                elif isinstance(event, CallDelta):
                    passed += self._rest(event.choice)  # what was said before a call is told before it
                    passed.append(self._called(event))
                elif isinstance(event, Finished):
                    passed += self._rest(event.choice)
                    passed.append(event)
                else:
                    passed.append(event)
        except Blocked as blocked:
            return cut(blocked.kind)
        return passed

    def hasten(self) -> list[Event]:
        """Return what may leave of a stream that has come to a stop: words, and no part of anything that is open."""
        passed: list[Event] = []
        if self.leaks is not None and not self.leaks.may_hasten():
            return passed
        for (choice, kind), held in self.held.items():
            text = held.hasten()
            self._settle(held)
            if text:
                passed.append(self._event(choice, kind, text, held))
        return passed

    def rest(self) -> list[Event]:
        """Return what is still held of a stream that ends here, for whatever reason."""
        passed: list[Event] = []
        if self.leaks is not None and (no := self.leaks.end()) is not None:
            self._leaked(no)  # nothing is held then, and nothing more leaves
        try:
            for choice in sorted({place[0] for place in self.held}):
                passed += self._rest(choice)
        except Blocked:  # what ends the answer says so already
            return passed
        return passed

    def _leaked(self, no: Refusal) -> Refusal:
        self.held.clear()
        self._windowed = None
        self._tell("output", no.signal, "cut")
        return no

    def _choice(self, choice: Choice) -> Choice:
        text = None if choice.text is None else self._out_json(choice.text)
        reasoning = None if choice.reasoning is None else self._out(choice.reasoning)
        calls = tuple([self._call(each) for each in choice.calls]) if choice.calls else choice.calls
        scores = choice.scores if text == choice.text else None  # they would spell out what was replaced
        return changed(choice, text=text, reasoning=reasoning, calls=calls, scores=scores)

    def _call(self, call: Call) -> Call:
        if self._rules.output is not None:
            self._named(call.id, self._rules.output, "output", whole=True)
            self._named(call.name, self._rules.output, "output")
        return changed(call, arguments=self._out_json(call.arguments))

    def _out(self, text: str, name: str = "") -> str:
        way = self._rules.output
        masked = text if way is None else self._look(text, way, "output", name)
        return masked if self._vault is None else self._vault.restore(masked)

    def _out_json(self, text: str) -> str:
        return self._json_text(text, self._told)

    def _told(self, text: str, *, name: str = "") -> str:
        return self._out(text, name)

    def _delta(self, event: TextDelta | ReasoningDelta) -> list[Event]:
        place = event.choice, type(event)
        held = self.held.get(place)
        if held is None:
            json = isinstance(event, TextDelta) and (self._json or event.text.lstrip()[:1] in JSON_BEGINS)
            held = Held(self._found, self._replacement, json=json)
            self.held[place] = held
        if isinstance(event, TextDelta) and (event.scores is not None or event.choice in self._scores):
            self._score(event, held.begun)
        text = held.feed(event.text)
        if not text:
            return []
        if held.met:
            self._settle(held)
        return [self._event(event.choice, type(event), text, held)]

    def _score(self, event: TextDelta, begun: bool) -> None:
        scores = self._scores.get(event.choice)
        if scores is None:
            if event.scores is None:
                return
            scores = self._scores[event.choice] = TokenScores(lost=begun)
        scores.take(event.scores or (), event.text)

    def _rest(self, choice: int) -> list[Event]:
        passed: list[Event] = []
        for place in [each for each in self.held if each[0] == choice]:
            held = self.held.pop(place)
            text = held.finish()
            self._settle(held)
            if text:
                passed.append(self._event(choice, place[1], text, held))
        self._scores.pop(choice, None)  # what comes behind is counted anew
        return passed

    def _event(self, choice: int, kind: type[TextDelta | ReasoningDelta], text: str, held: Held) -> Event:
        if kind is ReasoningDelta:
            return ReasoningDelta(choice, text)
        scores = self._scores.get(choice)
        return TextDelta(choice, text, None if scores is None else scores.give(held.gone))

    def _found(self, text: str) -> Sequence[Span]:
        way = self._rules.output
        return self._found_by(None if way is None else way.engine, text)

    def _found_by(self, engine: Finder | None, text: str) -> Sequence[Span]:
        spans = [] if engine is None else list(engine.find(text))
        if self._vault is None:
            return spans
        tokens = [Span(start, end, _TOKEN, 1.0, "a token") for start, end, _ in find(text)]
        return sorted([*around(spans, tokens, text), *tokens]) if tokens else spans

    def _replacement(self, kind: str, value: str) -> str:
        if kind == _TOKEN:
            return value if self._vault is None else self._vault.restore(value)
        way = self._rules.output
        return value if way is None else self._stand_in(way, kind, value)

    def _settle(self, held: Held) -> None:
        if held.met:
            spans = [span for span in held.met if span.kind != _TOKEN and span.reason != REST]
            if self._rules.output is not None:
                self._count(spans, self._rules.output, "output")
            for scores in self._scores.values():
                scores.hide(held.met)
            held.met = []


def _knowing(way: Way, read: Read) -> Way:
    assert isinstance(way.engine, Engine)  # noqa: S101 - a listener's guard is never told what was read
    return with_fields(way, engine=way.engine.plus(Known(read)))
