"""What looking at a text comes to, in either direction: spans found, counted, and what stands in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace as with_

from strongroom.gateway.exchange.asks import Tensor
from strongroom.privacy import CUSTOM, KINDS, Detector, Engine, Span, Tier, naming
from strongroom.privacy.actions import Action, mask, replace
from strongroom.privacy.custom import CustomDetector, CustomPattern, HashedValues
from strongroom.privacy.fields import find_in_field
from strongroom.privacy.jsontext import Leaf, NotJson, rewrite
from strongroom.privacy.tokens import Vault
from strongroom.rules.privacy import Leak, Privacy, Reading, action_on, strictness

Count: TypeAlias = Callable[[str, str, str], None]
"""Is told of each finding: direction, type and action."""

CODE: Final = "privacy_blocked"
_Struct = TypeVar("_Struct", bound=Struct)
JSON_BEGINS: Final = ("{", "[", '"')


class Finder(Protocol):
    """What a guard asks of an engine."""

    def find(self, text: str) -> list[Span]:
        """Return the spans of a text."""
        ...

    def quiet(self, text: str) -> bool:
        """Say whether there is surely none."""
        ...

    def resolve(self, spans: Iterable[Span]) -> list[Span]:
        """Return spans that do not overlap: where some do, the strictest goes for all of it."""
        ...


@dataclass(frozen=True, slots=True)
class Way:
    """What is looked for in one direction, and what becomes of it; nothing is looked for that would pass.

    Attributes:
        engine: finds it.
        actions: what becomes of it, by type.
        reading: whether a model of names reads along; off where nothing of what it tells is acted on.
    """

    engine: Finder
    actions: Mapping[str, Action]
    reading: Reading = Reading.OFF


@dataclass(frozen=True, slots=True)
class Rules:
    """What the privacy terms of one caller and one model come to."""

    input: Way | None
    output: Way | None
    unchecked: bool
    tokens: bool
    canaries: Leak = Leak.OFF
    instructions: Leak = Leak.OFF


def rules_of(terms: Privacy, lists: Sequence[HashedValues] = ()) -> Rules:
    """Return what the terms come to, with a tenant's own lists."""
    own = [CustomPattern(each.name, each.pattern, each.validator) for each in terms.patterns]
    names = [*KINDS, *(CUSTOM + each.name for each in own), *(each.kind for each in lists)]
    made = [
        _way({name: action_on(actions, name) for name in names}, own, lists, reading)
        for actions, reading in ((terms.input, terms.input_names), (terms.output, terms.output_names))
    ]
    tokens = any(way is not None and Action.TOKENISE in way.actions.values() for way in made)
    return Rules(made[0], made[1], terms.unchecked, tokens, terms.canaries, terms.instructions)


def _way(
    actions: Mapping[str, Action], own: Sequence[CustomPattern], lists: Sequence[HashedValues], reading: Reading
) -> Way | None:
    acting = {name: action for name, action in actions.items() if action is not Action.ALLOW}
    if not acting:
        return None
    more: list[Detector] = [each for each in lists if each.kind in acting]
    if patterns := [each for each in own if CUSTOM + each.name in acting]:
        more.insert(0, CustomDetector(patterns))
    engine = Engine(acting, more=more, strictness=partial(strictness, acting))
    return Way(engine, acting, reading if naming.KINDS & acting.keys() else Reading.OFF)


class Blocked(Exception):  # noqa: N818 - never leaves the guard
    """Something was found for which the whole is refused."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Looks:
    """Looks at texts by the rules of one request; the asking and the answering side share it."""

    __slots__ = ("_make_vault", "_rules", "_tell", "_vault", "found")

    def __init__(self, rules: Rules, count: Count, make_vault: Callable[[], Vault]) -> None:
        self._rules = rules
        self._tell = count
        self._make_vault = make_vault
        self._vault: Vault | None = None
        self.found: dict[tuple[str, str], int] = {}
        """How often what was met, by direction and type; never a piece of it."""

    def _tensor(self, tensor: Tensor, way: Way, direction: str) -> Tensor:
        if not any(isinstance(each, str) for each in tensor.data):
            return tensor
        data = [
            self._look(each, way, direction, tensor.name) if isinstance(each, str) else each for each in tensor.data
        ]
        return tensor if data == tensor.data else with_(tensor, data=data)

    def _look(self, text: str, way: Way, direction: str, name: str = "") -> str:
        spans = find_in_field(way.engine.find, name, text) if name else way.engine.find(text)
        if not spans:
            return text
        self._count(spans, way, direction)
        return replace(text, spans, partial(self._stand_in, way))

    def _named(self, name: str, way: Way, direction: str = "input", *, whole: bool = False) -> None:
        """Refuse for what was found in a name or a number: another in its place would break what refers to it.

        By patterns alone: of words, any parameter may be called `paris`. `whole`: only if it is nothing but what was found, since
        one in some thousand ids made by chance holds the digits of a card or an account.
        """
        spans = [span for span in way.engine.find(name) if span.tier is Tier.PATTERN]
        if whole:
            spans = [span for span in spans if span.end - span.start == len(name)]
        self._count(spans, way, direction)
        for span in spans:
            if way.actions.get(span.kind, Action.MASK) is not Action.ALERT:
                raise Blocked(span.kind)

    def _json_text(self, text: str, look: Callable[..., str]) -> str:
        if text.lstrip()[:1] in JSON_BEGINS:
            try:
                return rewrite(text, lambda leaf: _leaf(leaf, look))
            except NotJson:
                pass
        return look(text)

    def _stand_in(self, way: Way, kind: str, value: str) -> str:
        match way.actions.get(kind, Action.MASK):
            case Action.ALLOW | Action.ALERT:
                return value
            case Action.TOKENISE:
                if self._vault is None:
                    self._vault = self._make_vault()
                return self._vault.put(kind, value)
            case _:
                return mask(kind, value)

    def _count(self, spans: Sequence[Span], way: Way, direction: str) -> None:
        for span in spans:
            action = way.actions.get(span.kind, Action.MASK)
            self.found[direction, span.kind] = self.found.get((direction, span.kind), 0) + 1
            self._tell(direction, span.kind if span.kind in KINDS else "custom", action)
            if action is Action.BLOCK:
                raise Blocked(span.kind)


def _leaf(leaf: Leaf, look: Callable[..., str]) -> str:
    return look(leaf.value) if leaf.is_name else look(leaf.value, name=leaf.name)


def changed(value: _Struct, **fields: Any) -> _Struct:
    """Return a struct with fields in their new values, or the very same where none is new."""
    new = {name: field for name, field in fields.items() if getattr(value, name) != field}
    return with_(value, **new) if new else value


def said_of(kind: str) -> str:
    """Return what a type is, in words for whoever is refused."""
    known = KINDS.get(kind)
    return "what the tenant's own rules name" if known is None else known.says


def around(spans: Iterable[Span], tokens: Sequence[Span], text: str) -> Iterable[Span]:
    """Yield what of each span stands beside tokens and says something: what is about a token is the token's, and no more is."""
    for span in spans:
        at = span.start
        for token in tokens:
            if token.end > at and token.start < span.end:
                yield from _saying(span, at, token.start, text)
                at = token.end
        yield from _saying(span, at, span.end, text)


def _saying(span: Span, start: int, end: int, text: str) -> Iterable[Span]:
    if start < end and any(each.isalnum() for each in text[start:end]):
        yield span._replace(start=start, end=end)
