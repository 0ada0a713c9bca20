"""Tools, on the way in and on the way out: nothing undeclared or malformed reaches a model, or whoever runs a call.

Always true here:
- a definition in a request is the declared one to the word, or nothing of the request is sent;
- a call leaves only when all of it was there, was JSON that every parser reads alike, and kept to the schema of a tool
  that this very request offered; until then its pieces are held, and text flows on;
- calls in a conversation's history are held to the same: a caller could write one that no model made; how many they are,
  how long, and what checking them costs is bounded for all of a request, and for all of an answer (`arguments.py`);
- one bad call ends the answer: what came before it may have been meant to prepare it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from strongroom.gateway.arguments import MAX_ARGUMENTS, MAX_CALLS, Arguments
from strongroom.gateway.exchange.answers import Answer, Call, CallDelta, Event, Finished, Generation
from strongroom.gateway.exchange.asks import Ask, CallPart, ChatAsk, CountAsk, Message, ResultPart, TextPart, Tool
from strongroom.kernel.refusal import Refusal, RefusalKind, invalid
from strongroom.rules.schema import Check, SchemaError, canonical, compiled
from strongroom.rules.tools import Tools

CODE: Final = "tool_denied"
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ANY_OBJECT: Final[dict[str, Any]] = {"type": "object"}


def check(ask: Ask, terms: Tools) -> Refusal | None:
    """Return the no to a definition that is not allowed, or to a call in the history that could not have been made."""
    if not isinstance(ask, ChatAsk | CountAsk) or (not ask.tools and _only_text(ask.messages)):
        return None
    try:
        return _denied_definitions(ask, terms) or _denied_history(ask.messages, _offered(ask), terms)
    except RecursionError:
        tell = "A tool's schema nests too deep."
        return _refused(tell, tell, "tools")


def _only_text(messages: Iterable[Message]) -> bool:
    """Whether a conversation has neither calls nor results, as most have not."""
    for message in messages:
        for part in message.parts:
            if not isinstance(part, TextPart):
                return False
    return True


def _denied_definitions(ask: ChatAsk | CountAsk, terms: Tools) -> Refusal | None:
    for index, tool in enumerate(ask.tools):
        no = _denied_definition(tool, terms)
        if no is not None:
            return _refused(f"`tools` cannot offer this: {no}", f"tool {_shown(tool.name)}: {no}", f"tools[{index}]")
    return None


def check_answer(answer: Answer, ask: Ask) -> Refusal | None:
    """Return the no to a whole answer with a call that may not leave."""
    if not isinstance(answer, Generation):
        return None
    watch: Watch | None = None
    for choice in answer.choices:
        for call in choice.calls:
            watch = watch or Watch(ask)
            no = watch.judge(call)
            if no is not None:
                return no
    return None


@dataclass(slots=True)
class _Held:
    """A call of which not all pieces are there."""

    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list[str])


class Watch:
    """Watches the calls of one streamed answer. After a refusal it is not asked again."""

    __slots__ = ("_arguments", "_ask", "_done", "_held", "_offered", "_size")

    def __init__(self, ask: Ask) -> None:
        self._ask: Final = ask
        self._held: dict[tuple[int, int], _Held] = {}
        self._done: set[tuple[int, int]] = set()
        self._size = 0
        # Made once there is a call: most answers have none.
        self._offered: dict[str, Check] | None = None
        self._arguments: Arguments | None = None

    def feed(self, events: list[Event]) -> list[Event] | Refusal:
        """Return what of `events` may leave now: text at once, a call when it is whole and as it should be."""
        if not self._held:
            for event in events:
                if isinstance(event, CallDelta):
                    break
            else:
                return events  # nearly always
        passed: list[Event] = []
        for event in events:
            if isinstance(event, CallDelta):
                no = self._take(event)
                if no is not None:
                    return no
                continue
            if isinstance(event, Finished):
                calls = self._whole(event.choice)
                if isinstance(calls, Refusal):
                    return calls
                passed += calls
            passed.append(event)
        return passed

    def end(self) -> Refusal | None:
        """Return the no to an answer that has ended, with a call of which the end never came."""
        return _bad_call("a call without an end") if self._held else None

    def judge(self, call: Call) -> Refusal | None:
        """Return why a whole call may not leave."""
        if self._offered is None or self._arguments is None:
            ask = self._ask
            self._offered = _offered(ask) if isinstance(ask, ChatAsk) and _may_call(ask) else {}
            self._arguments = Arguments()
        accepts = self._offered.get(call.name)
        if accepts is None:
            return _bad_call(f"a call of {_shown(call.name)}, which was not offered")
        why = self._arguments.unfit(call.arguments, accepts)
        return None if why is None else _bad_call(f"a call of {_shown(call.name)}: {why}")

    def _take(self, piece: CallDelta) -> Refusal | None:
        place = (piece.choice, piece.index)
        if place in self._done:
            return _bad_call("a call that goes on after its end")
        held = self._held.setdefault(place, _Held())
        if len(self._held) + len(self._done) > MAX_CALLS:
            return _bad_call(f"more than {MAX_CALLS} calls")
        if (piece.id and held.id and piece.id != held.id) or (piece.name and held.name and piece.name != held.name):
            return _bad_call("a call that changes its name")
        held.id, held.name = piece.id or held.id, piece.name or held.name
        self._size += len(piece.arguments)
        if self._size > MAX_ARGUMENTS:
            return _bad_call(f"calls of more than {MAX_ARGUMENTS} characters")
        held.pieces.append(piece.arguments)
        return None

    def _whole(self, choice: int) -> list[Event] | Refusal:
        """Let go of the calls of a choice that has ended, in order."""
        calls: list[Event] = []
        for place in sorted(each for each in self._held if each[0] == choice):
            held = self._held.pop(place)
            call = Call(id=held.id, name=held.name, arguments="".join(held.pieces))
            no = _bad_call("a call without an id") if not held.id else self.judge(call)
            if no is not None:
                return no
            self._done.add(place)
            calls.append(CallDelta(choice, place[1], call.id, call.name, call.arguments or "{}"))
        return calls


def _may_call(ask: ChatAsk) -> bool:
    return ask.choice is None or ask.choice.mode != "none"


def _denied_definition(tool: Tool, terms: Tools) -> str | None:
    """Return why a definition is not the declared one."""
    if not _NAME.fullmatch(tool.name):
        return "its name is not a tool's"
    if tool.parameters is not None:
        try:
            _reading(canonical(tool.parameters))
        except SchemaError as error:
            return str(error)
    if terms.any:
        return None
    if tool.name not in terms.declared:
        return "it is not declared for this workload."
    declared = terms.declared[tool.name]
    if declared is not None and (tool.parameters is None or canonical(tool.parameters) != canonical(declared)):
        return "the schema of its arguments is not the declared one."
    return None


def _denied_history(messages: Iterable[Message], offered: Mapping[str, Check], terms: Tools) -> Refusal | None:
    made: set[str] = set()
    arguments = Arguments()
    for index, message in enumerate(messages):
        for part in message.parts:
            if isinstance(part, CallPart):
                why = _denied_call(part, offered, terms, arguments)
                made.add(part.id)
            elif isinstance(part, ResultPart) and part.call not in made:
                why = "a result that answers no call of this conversation"
            else:
                continue
            if why is not None:
                tell = f"A message's part was refused: {why}."
                return _refused(tell, f"history: {why}", f"messages[{index}]")
    return None


def _denied_call(part: CallPart, offered: Mapping[str, Check], terms: Tools, arguments: Arguments) -> str | None:
    if not _NAME.fullmatch(part.name):
        return "a call whose name is not a tool's"
    if not terms.any and part.name not in terms.declared:
        return f"a call of `{part.name}`, which is not declared for this workload"
    declared = terms.declared.get(part.name)
    accepts = offered.get(part.name) or _reading(canonical(_ANY_OBJECT if declared is None else declared))
    why = arguments.unfit(part.arguments, accepts)
    return None if why is None else f"a call of `{part.name}`: {why}"


def _offered(ask: ChatAsk | CountAsk) -> dict[str, Check]:
    return {tool.name: _reading(canonical(tool.parameters or _ANY_OBJECT)) for tool in ask.tools}


@lru_cache(maxsize=1024)
def _reading(schema: bytes) -> Check:
    """Return the check of a schema, by its canonical text: a workload offers the same tools with each request."""
    return compiled(json.loads(schema))


def _shown(name: str) -> str:
    """Return a name for the log if it could be a tool's; a model may write anything there."""
    return f"`{name}`" if _NAME.fullmatch(name) else "a name that is not a tool's"


def _refused(tell: str, reason: str, param: str) -> Refusal:
    no = invalid(tell if tell.endswith(".") else f"{tell}.", param=param, code=CODE)
    return Refusal(kind=no.kind, reason=reason, tell=no.tell, param=param, code=CODE)


def _bad_call(reason: str) -> Refusal:
    """Return the no to a model's own call. The caller is told that there was one, and the log what was wrong with it."""
    return Refusal(
        kind=RefusalKind.FORBIDDEN,  # a client library tries a 5xx again, and would get the next bad call
        reason=f"tools: {reason}",
        tell="The model made a call that its tools do not allow. The answer ends here.",
        code=CODE,
    )
