"""What a kind of document must be able to say, and a ready-made one for kinds whose rules speak field by field.

Always true here:
- `meet` takes away and never adds: what it returns allows nothing that either of its arguments does not;
- what a tenant writes goes through `meet`, so it narrows whatever it says;
- a document that this process cannot read counts as `unreadable`, never as absent: that would widen.

To add a kind: a `Rule` with its fields, a frozen struct of what holds, an instance of a subclass here, and its line in
`kinds.py`.
"""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from strongroom.rules.model import MAX_BYTES, DocumentError, Level, Rule, Subject, check_names, told_as

RuleT = TypeVar("RuleT", bound=Rule)
TermsT = TypeVar("TermsT")

_UNKNOWN: Final = re.compile(r"unknown field `([^`]{1,64})`")
_TYPES: Final = re.compile(r"Expected `([a-z| ]+)`, got `([a-z]+)`")
_WORDS: Final = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "array": "a list",
    "object": "a table",
    "null": "nothing",
}
_KEY: Final = re.compile(rb"srk_\w", re.IGNORECASE)


class Document(msgspec.Struct, Generic[RuleT], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document: its rules. An empty one says nothing, which is the least where an operator says it."""

    rules: tuple[RuleT, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Why one field is as it is.

    Attributes:
        field: its name.
        value: what holds.
        means: that, in plain words.
        by: the rules that said so, by name; empty: nobody spoke, and the product's own least holds.
    """

    field: str
    value: Any
    means: str
    by: tuple[str, ...] = ()


class Kind(ABC, Generic[RuleT, TermsT]):
    """A kind of document. Instances are constants; everything they do is pure.

    Attributes:
        name: as in a path and in a file.
        meaning: one sentence.
        rule: the struct of one rule.
        most_bytes: how much a document may have, as canonical JSON.
        levels: whose word a document of this kind may be.
    """

    name: str
    meaning: str
    rule: type[RuleT]
    most_bytes: int = MAX_BYTES
    levels: frozenset[Level] = frozenset(Level)

    @abstractmethod
    def ceiling(self, rules: Sequence[RuleT]) -> TermsT:
        """Return what an operator's document comes to; `rules` are those that fit. None fits: the least."""

    @abstractmethod
    def own(self, rules: Sequence[RuleT]) -> TermsT:
        """Return what a tenant's document comes to, before it meets the ceiling. None fits: everything."""

    @abstractmethod
    def meet(self, one: TermsT, other: TermsT) -> TermsT:
        """Return what both allow."""

    def is_narrower(self, old: TermsT, new: TermsT) -> bool:
        """Whether `new` surely allows nothing that `old` does not."""
        return self.meet(old, new) == new

    @abstractmethod
    def explain(self, rules: Sequence[tuple[str, RuleT]], terms: TermsT) -> Sequence[Said]:
        """Say why `terms` are as they are, field by field, by those of the named `rules` that fit."""

    @property
    def unreadable(self) -> TermsT:
        """What holds where a document is there and cannot be read."""
        return self.ceiling(())

    def say(self, rule: RuleT) -> Sequence[str]:
        """Return what one rule says, in plain words."""
        said = msgspec.to_builtins(rule)
        return [f"{name}: {value}" for name, value in said.items() if name not in Rule.__struct_fields__]

    def check(self, document: Document[RuleT]) -> None:
        """Refuse a document whose rules each make sense and together do not.

        Raises:
            DocumentError: naming the field.
        """
        check_names(document.rules)
        for index, rule in enumerate(document.rules):
            self.check_rule(rule, f"rules[{index}]")

    def check_rule(self, rule: RuleT, place: str) -> None:
        """Refuse a rule that its fields' types let pass and that makes no sense. By default there is none.

        Raises:
            DocumentError: naming the field below `place`.
        """

    def prove(self, document: Document[RuleT]) -> None:
        """Refuse a document that reads well and does not do what it says of itself; asked where one is written only.

        Raises:
            DocumentError: naming the field.
        """

    def read(self, document: object) -> Document[RuleT]:
        """Return a document from what JSON or TOML came to.

        Raises:
            DocumentError: naming the field.
        """
        try:
            read = msgspec.convert(document, Document[self.rule], strict=True)  # type: ignore[name-defined]
        except msgspec.ValidationError as error:
            raise _located(str(error)) from None
        except (TypeError, RecursionError):
            raise DocumentError("A document holds texts, numbers, truth values, lists and tables") from None
        body = encode(read)
        if len(body) > self.most_bytes:  # before anything that takes longer the more there is
            raise DocumentError(f"A document has at most {self.most_bytes // 1024} KiB")
        self.check(read)
        if _KEY.search(body):
            raise DocumentError("It looks like it holds a key; a key never goes into a document")
        return read

    def decode(self, body: bytes) -> Document[RuleT]:
        """Return a document that `encode` wrote.

        Raises:
            ValueError: when this version cannot read it (`DocumentError` and msgspec's errors are ones).
        """
        return self.read(msgspec.json.decode(body))


class FieldKind(Kind[RuleT, TermsT]):
    """A kind whose rules each speak of some fields and leave the others (None) to whoever speaks next.

    Of the rules that fit, the most closely aimed that speaks of a field decides it; of two aimed alike, the narrower.

    Args:
        name: as in a path and in a file.
        meaning: one sentence.
        rule: a struct with a field for each of the terms, None where it does not speak.
        least: what holds where nobody speaks.
        most: everything.
        narrower: for each field the function that picks the narrower of two values.
        words: for each field the function that says a value in plain words.
        unreadable: what holds where a document cannot be read, if that is not the least.
    """

    def __init__(
        self,
        name: str,
        meaning: str,
        rule: type[RuleT],
        *,
        least: TermsT,
        most: TermsT,
        narrower: Mapping[str, Callable[[Any, Any], Any]],
        words: Mapping[str, Callable[[Any], str]],
        unreadable: TermsT | None = None,
    ) -> None:
        self.name = name
        self.meaning = meaning
        self.rule = rule
        self.least: Final = least
        self.most: Final = most
        self.narrower: Final = narrower
        self._words: Final = words
        self._terms: Final = type(least)
        self._unreadable: Final = least if unreadable is None else unreadable

    @property
    def unreadable(self) -> TermsT:
        """What holds where a document is there and cannot be read."""
        return self._unreadable

    def ceiling(self, rules: Sequence[RuleT]) -> TermsT:
        """Return what the rules say, and the least where they say nothing."""
        return self._settled(rules, self.least)

    def own(self, rules: Sequence[RuleT]) -> TermsT:
        """Return what the rules say, and everything where they say nothing."""
        return self._settled(rules, self.most)

    def meet(self, one: TermsT, other: TermsT) -> TermsT:
        """Return the narrower of the two, field by field."""
        return self._terms(
            **{name: pick(getattr(one, name), getattr(other, name)) for name, pick in self.narrower.items()}
        )

    def explain(self, rules: Sequence[tuple[str, RuleT]], terms: TermsT) -> Sequence[Said]:
        """Name for each field the rules that set it."""
        return [
            Said(
                field=name,
                value=msgspec.to_builtins(getattr(terms, name)),
                means=self._words[name](getattr(terms, name)),
                by=tuple(told for told, rule in rules if rule in self._speakers([rule for _, rule in rules], name)),
            )
            for name in self.narrower
        ]

    def say(self, rule: RuleT) -> Sequence[str]:
        """Return what one rule says, in plain words."""
        spoken = {name: getattr(rule, name) for name in self.narrower}
        return [self._words[name](value) for name, value in spoken.items() if value is not None]

    def _settled(self, rules: Sequence[RuleT], base: TermsT) -> TermsT:
        if not rules:
            return base
        return self._terms(**{name: self._decided(rules, name, getattr(base, name)) for name in self.narrower})

    def _decided(self, rules: Sequence[RuleT], name: str, base: Any) -> Any:
        said = [getattr(rule, name) for rule in self._speakers(rules, name)]
        if not said:
            return base
        value = said[0]
        for other in said[1:]:
            value = self.narrower[name](value, other)
        return value

    def _speakers(self, rules: Sequence[RuleT], name: str) -> list[RuleT]:
        speaking = [rule for rule in rules if getattr(rule, name) is not None]
        closest = max((rule.aim for rule in speaking), default=0)
        return [rule for rule in speaking if rule.aim == closest]


def encode(document: Document[Any]) -> bytes:
    """Return a document as canonical JSON: fields in order of definition, those that do not speak left out."""
    return msgspec.json.encode(document)


def digest(body: bytes) -> str:
    """Return the digest of an encoded document: SHA-256, hex."""
    return hashlib.sha256(body).hexdigest()


def fitting(document: Document[RuleT], subject: Subject) -> list[tuple[str, RuleT]]:
    """Return the rules that are for `subject`, each with what it is called."""
    return [(told_as(rule, index), rule) for index, rule in enumerate(document.rules) if rule.fits(subject)]


def _located(said: str) -> DocumentError:
    """Return what msgspec said as our error: `… - at `$.rules[0].n``, or `… unknown field `x` - at …`."""
    tell, _, place = said.partition(" - at `$.")
    if tell.startswith("Invalid enum value"):  # it quotes what was sent, which is not said again
        tell = "This value is not one of those allowed"
    if "matching regex" in tell:
        tell = "This text has not the form of its field: names are of a-z, 0-9, '.' and '-', ids of keys have 16 of a-z and 0-9"
    unknown = _UNKNOWN.search(tell)
    if unknown is not None:
        tell = f"There is no field `{unknown[1]}` here; see the kind's page for those there are"
    wrong = _TYPES.fullmatch(tell)
    if wrong is not None:
        wanted = " or ".join(_WORDS.get(each, each) for each in wrong[1].split(" | ") if each != "null")
        tell = f"Here belongs {wanted}, and not {_WORDS.get(wrong[2], wrong[2])}"
    return DocumentError(tell, place.rstrip("`"))
