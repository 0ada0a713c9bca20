"""The asking side of the guard: every text of an ask, wherever it stands."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import groupby
from typing import Any, Final, cast

from msgspec import Struct, ValidationError, convert, to_builtins
from msgspec.structs import replace as with_

from strongroom.gateway.exchange.asks import (
    Ask,
    CallPart,
    ChatAsk,
    CompletionAsk,
    CountAsk,
    EmbeddingAsk,
    InferAsk,
    Message,
    ModerationAsk,
    Part,
    ResultPart,
    TextPart,
    Tool,
)
from strongroom.gateway.guard_looks import CODE, Blocked, Looks, Way, changed, said_of
from strongroom.kernel.refusal import Refusal, RefusalKind, invalid
from strongroom.privacy.actions import Action

_NOBODYS: Final = 1_000_000  # a number with fewer digits is nobody's


class Asked(Looks):
    """Looks at one ask."""

    __slots__ = ("_json",)

    _json: bool

    def ask(self, ask: Ask) -> Ask | Refusal:
        """Return what may be sent to a model, or why nothing of it is."""
        way = self._rules.input
        self._json = isinstance(ask, ChatAsk) and ask.format is not None and ask.format.kind != "text"
        if way is None:
            return ask
        texts = _texts_of(ask)
        if texts is not None and len(texts) > 1 and way.engine.quiet("\n".join(texts)):  # one look for all of them
            return ask
        try:
            if texts is None or not isinstance(ask, ChatAsk):
                return self._asked(ask, way)
            return self._said(ask, texts, way)
        except Blocked as blocked:
            tell = f"The privacy rules do not let this be sent: it holds {said_of(blocked.kind)}."
            return Refusal(
                kind=RefusalKind.INVALID,
                reason=f"privacy: {blocked.kind} in the request",
                tell=tell,
                code=CODE,
                met=tuple((*place, often) for place, often in self.found.items()),
            )

    def echo(self, own: object) -> object | Refusal:
        """Return what a dialect kept of the request, to tell it again and to keep it, without what may not be sent."""
        way = self._rules.input
        if way is None or not isinstance(own, Struct):
            return own
        given, met = to_builtins(own), self.found.copy()  # what is told again was met before
        try:
            changed = self._object(given, Way(way.engine, _echoed(way.actions)))
            return own if changed is given else convert(changed, type(own))
        except (Blocked, ValidationError):  # in a name; or a mask is longer than what its field may hold
            tell = "The privacy rules replace a part of this request that must not change. Leave personal data out of its names."
            return invalid(tell, code=CODE)
        finally:
            self.found.clear()
            self.found.update(met)

    def _asked(self, ask: Ask, way: Way) -> Ask | Refusal:
        match ask:
            case ChatAsk() | CountAsk():
                return self._chat(ask, way)
            case CompletionAsk():
                return changed(ask, prompt=self._in(ask.prompt, way), sampling=self._sampling(ask, way))
            case EmbeddingAsk():
                return self._embedding(ask, way)
            case ModerationAsk():
                return changed(ask, inputs=tuple([self._in(each, way) for each in ask.inputs]))
            case InferAsk():
                for name in (*(each.name for each in ask.inputs), *ask.outputs):
                    self._named(name, way)
                self._named(ask.id, way, whole=True)
                return changed(ask, inputs=tuple([self._tensor(each, way, "input") for each in ask.inputs]))
            case _:
                return ask

    def _said(self, ask: ChatAsk, texts: list[str], way: Way) -> Ask:
        """Return what `_chat` does of an ask that is `texts` alone, one a message: most are."""
        looked = [self._look(text, way, "input") for text in texts]
        if looked == texts:
            return ask
        messages = [
            with_(message, parts=(with_(cast("TextPart", message.parts[0]), text=text),))
            for message, text in zip(ask.messages, looked, strict=True)
        ]
        return with_(ask, messages=tuple(messages))

    def _chat(self, ask: ChatAsk | CountAsk, way: Way) -> Ask:
        messages = ask.messages
        looked = [self._message(each, way) for each in messages]
        if any(one is not other for one, other in zip(looked, messages, strict=True)):
            messages = tuple(looked)
        tools = tuple([self._tool(each, way) for each in ask.tools]) if ask.tools else ask.tools
        if isinstance(ask, CountAsk):
            return changed(ask, messages=messages, tools=tools)
        form = ask.format
        if form is not None and form.name:
            self._named(form.name, way)
        if form is not None and (form.schema is not None or form.description):
            description = None if form.description is None else self._in(form.description, way)
            form = changed(form, schema=self._object(form.schema, way), description=description)
        return changed(ask, messages=messages, tools=tools, format=form, sampling=self._sampling(ask, way))

    def _sampling(self, ask: ChatAsk | CompletionAsk, way: Way) -> Any:
        stop = ask.sampling.stop
        return ask.sampling if not stop else changed(ask.sampling, stop=tuple([self._in(each, way) for each in stop]))

    def _message(self, message: Message, way: Way) -> Message:
        parts = tuple(self._parts(message.parts, way))
        same = all(one is other for one, other in zip(parts, message.parts, strict=True))
        named = message.name is not None and bool(way.engine.find(message.name))
        if same and not named:
            return message
        return with_(message, parts=parts, name=None if named else message.name)

    def _parts(self, parts: tuple[Part, ...], way: Way) -> list[Part]:
        looked: list[Part] = []
        for are_texts, group in groupby(parts, key=lambda part: isinstance(part, TextPart)):
            run = list(group)
            if (
                are_texts and len(run) > 1
            ):  # a model reads them as one text, and so a value may go on from one to the next
                looked += self._run(cast("list[TextPart]", run), way)
            else:
                looked += [self._part(each, way) for each in run]
        return looked

    def _run(self, parts: list[TextPart], way: Way) -> list[TextPart]:
        """Look at parts as one text and each alone; a stand-in stands where its value begins, and the rest of that is cut."""
        whole = "".join([part.text for part in parts])
        found = list(way.engine.find(whole))
        at = 0
        for part in parts:
            found += [s._replace(start=s.start + at, end=s.end + at) for s in way.engine.find(part.text)]
            at += len(part.text)
        if not found:
            return parts
        spans = way.engine.resolve(found)
        self._count(spans, way, "input")
        looked: list[TextPart] = []
        stood = [(span, self._stand_in(way, span.kind, whole[span.start : span.end])) for span in spans]
        kept = {span for span, said in stood if said == whole[span.start : span.end]}
        stood = [(span, said) for span, said in stood if span not in kept]
        at = 0
        for part in parts:
            begin, end = at, at + len(part.text)
            out: list[str] = []
            for span, said in stood:
                if span.start < end and at < span.end:
                    out.append(whole[at : max(at, span.start)])
                    out.append(said if span.start >= begin else "")
                    at = min(span.end, end)
            out.append(whole[at:end])
            at = end
            looked.append(changed(part, text="".join(out)))
        return looked

    def _part(self, part: Part, way: Way) -> Part:
        match part:
            case TextPart():
                return changed(part, text=self._in(part.text, way))
            case CallPart():
                self._named(part.id, way, whole=True)
                self._named(part.name, way)
                return changed(part, arguments=self._in_json(part.arguments, way))
            case ResultPart():
                self._named(part.call, way, whole=True)
                return changed(part, content=self._in_json(part.content, way))

    def _tool(self, tool: Tool, way: Way) -> Tool:
        description = None if tool.description is None else self._in(tool.description, way)
        self._named(tool.name, way)
        return changed(tool, description=description, parameters=self._object(tool.parameters, way))

    def _object(self, value: Any, way: Way, direction: str = "input") -> Any:
        """Return what JSON came to, with the texts in it looked at; the very same where nothing was found."""
        whole: Any = value
        match value:
            case str():
                return self._look(value, way, direction)
            case list():
                items = [self._object(each, way, direction) for each in whole]
                return whole if all(a is b for a, b in zip(items, whole, strict=True)) else items
            case dict():
                for key in whole:
                    self._named(str(key), way, direction)
                members = {
                    str(key): self._object(each, way, direction) for key, each in cast("dict[Any, Any]", whole).items()
                }
                return whole if all(members[str(key)] is whole[key] for key in whole) else members
            case int() if abs(value) >= _NOBODYS:
                self._named(str(abs(value)), way, direction)
                return value
            case _:
                return value

    def _embedding(self, ask: EmbeddingAsk, way: Way) -> EmbeddingAsk | Refusal:
        if ask.inputs and not isinstance(ask.inputs[0], str):
            if self._rules.unchecked:
                return ask
            return invalid(
                "Lists of tokens cannot be looked into, and are not taken here. Send texts.", param="inputs", code=CODE
            )
        texts = cast("tuple[str, ...]", ask.inputs)
        return changed(ask, inputs=tuple([self._in(each, way) for each in texts]))

    def _in(self, text: str, way: Way) -> str:
        return self._look(text, way, "input")

    def _in_json(self, text: str, way: Way) -> str:
        return self._json_text(text, partial(self._look, way=way, direction="input"))


def _texts_of(ask: Ask) -> list[str] | None:
    """Return the texts of a chat that is nothing else, one a message; nothing where there is more to look at."""
    if not isinstance(ask, ChatAsk) or ask.tools or ask.format is not None or ask.sampling.stop:
        return None
    texts: list[str] = []
    for message in ask.messages:
        if (
            message.name is not None or len(message.parts) != 1
        ):  # of many parts, what goes on from one to the next counts
            return None
        part = message.parts[0]
        if not isinstance(part, TextPart):
            return None
        texts.append(part.text)
    return texts


def _echoed(actions: Mapping[str, Action]) -> dict[str, Action]:
    """Return actions for what is told again: tokens would be put back at once, so they are masks; what blocks has blocked."""
    return {kind: Action.MASK if action is Action.TOKENISE else action for kind, action in actions.items()}
