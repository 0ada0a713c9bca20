"""What is to be done to a file, as plain values that a worker process can be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from strongroom.app.redaction.names import reader
from strongroom.privacy import DEFAULT_KINDS, KINDS, Classification, Detector, Engine, Span
from strongroom.privacy.actions import Counts, Replacement, mask, partial, remove, replace
from strongroom.privacy.engine import DEFAULT_CONFIDENCE
from strongroom.privacy.fields import find_in_field
from strongroom.privacy.tokens import Tokens


class Format(StrEnum):
    """What a file is."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"


_BY_SUFFIX: Final = {
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".parquet": Format.PARQUET,
}

_PATHS: Final = 4096
# What may become of what is found. The last two need a key: one per run unless one is given.
ACTIONS: Final = ("mask", "partial", "remove", "tokenise", "synthetic")
FIELD_ACTIONS: Final = ("keep", "drop", *ACTIONS)
GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "default": DEFAULT_KINDS,
    "all": frozenset(KINDS),
    "secrets": frozenset(name for name, kind in KINDS.items() if kind.classification is Classification.SECRET),
    "personal": frozenset(name for name, kind in KINDS.items() if kind.classification is not Classification.SECRET),
}


def format_of(path: Path | None) -> Format:
    """Return what a file's name says it is; text unless it says so."""
    return Format.TEXT if path is None else _BY_SUFFIX.get(path.suffix.lower(), Format.TEXT)


@dataclass(frozen=True)
class FieldRule:
    """What is done to a field whatever stands in it."""

    action: str
    kind: str


@dataclass(frozen=True)
class Plan:
    """Everything that a run depends on.

    Attributes:
        kinds: the types to look for.
        action: what becomes of them.
        key: under which tokens and made-up values are drawn.
        least: how sure a finding must be.
        names: whether tier 1 runs.
        ner: whether a model of names (tier 2) reads along.
        locale: of made-up values.
        fields: fields that are treated as a whole, by name or path.
        header: whether a CSV file's first record names its columns.
    """

    kinds: frozenset[str]
    action: str
    key: bytes = field(repr=False)
    least: float = DEFAULT_CONFIDENCE
    names: bool = True
    locale: str = "en_US"
    fields: Mapping[str, FieldRule] = field(default_factory=dict[str, FieldRule])
    header: bool = True
    ner: bool = False


class Redactor:
    """A plan at work: rewrites values and counts what it met. One for each worker process."""

    def __init__(self, plan: Plan) -> None:
        more: tuple[Detector, ...] = (reader(),) if plan.ner else ()
        self._engine = Engine(plan.kinds, least=plan.least, lexicon=plan.names, more=more)
        self._plan = plan
        self._tokens = Tokens(plan.key)
        self._made: dict[str, Replacement] = {}
        self._replacement = self._replace(plan.action)
        self.counts = Counts()
        self._paths: dict[str, str] = {}

    def find(self, text: str) -> Sequence[Span]:
        """Return the spans of a text."""
        return self._engine.find(text)

    def text(self, value: str, name: str = "", path: str = "") -> str:
        """Return a value with what is found in it replaced; `name` is its field, `path` where the field is."""
        self.counts.characters += len(value)
        rule = self.has(path) or self.has(name)
        if rule is not None:
            return self._whole(rule, value, self.where(path or name))
        spans = find_in_field(self._engine.find, name, value)
        if not spans:
            return value
        self.counts.add(spans, self.where(path or name))
        return replace(value, spans, self._replacement)

    def member(self, name: str, path: str) -> str:
        """Return the name of a member, with what is found in it replaced; `path` is its object's."""
        self.has(name)
        self.has(f"{path}.{name}" if path else name)
        self.counts.characters += len(name)
        spans = self._engine.find(name)
        if not spans:
            return name
        self.counts.add(spans, self.where(path))
        return replace(name, spans, self._replacement)

    def has(self, field_: str) -> FieldRule | None:
        """Return the plan's word on a field that the file has."""
        rule = self._plan.fields.get(field_)
        if rule is not None:
            self.counts.fields.add(field_)
        return rule

    def where(self, path: str) -> str:
        """Return a field as a report may name it: a member's name may be somebody's address."""
        if not path or path in self._plan.fields:
            return path
        told = self._paths.get(path)
        if told is None:
            if len(self._paths) >= _PATHS:
                self._paths.clear()
            told = self._paths[path] = replace(path, self._engine.find(path), mask)
        return told

    def peek(self, value: str, name: str) -> bool:
        """Say whether anything would be replaced in a value, and count nothing."""
        return name in self._plan.fields or bool(find_in_field(self._engine.find, name, value))

    def _whole(self, rule: FieldRule, value: str, where: str) -> str:
        if rule.action == "keep" or not value:
            return value
        self.counts.add([Span(0, len(value), rule.kind, 1.0, "a field named in the plan")], where)
        return "" if rule.action == "drop" else self._replace(rule.action)(rule.kind, value)

    def _replace(self, action: str) -> Replacement:
        made = self._made.get(action)
        if made is None:
            made = self._made[action] = self._make(action)
        return made

    def _make(self, action: str) -> Replacement:
        match action:
            case "mask":
                return mask
            case "partial":
                return partial
            case "remove":
                return remove
            case "tokenise":
                return self._tokens.token
            case _:
                from strongroom.privacy.synthetic import Synthetic  # noqa: PLC0415 - comes late: only who needs it waits

                return Synthetic(self._tokens, self._plan.locale)
