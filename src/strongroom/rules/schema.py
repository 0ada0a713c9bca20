"""Whether a value is what a JSON Schema says: an allow-list of keywords, no pattern, and a bound on the work.

Always true here (no I/O):
- a keyword that is not listed is refused when a schema is read, never ignored: what is ignored would let through what its
  author meant to stop (`runtime/schemas.py` lists the same for what an engine gets);
- there is no `pattern`: no expression of somebody else's runs here, so none can backtrack;
- a reference is followed while the schema is read, to a depth; one that refers to itself is too deep;
- what is left is a tree, and a value may cost its own size times that tree's. Both are a caller's, so each look is counted
  and a check ends when its caller's budget does (`work.py`); no look costs more than a text's or a list of types' length.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from itertools import islice
from typing import Any, Final, TypeAlias, cast

import msgspec

from strongroom.rules.work import Work

Check: TypeAlias = Callable[[Any, Work], bool]
"""Whether a decoded JSON value is as it should be. Raises `TooMuchWorkError` when that costs more than is left."""
_Plain: TypeAlias = Callable[[Any], bool]
"""The same of one keyword that leads to no other part of the schema."""

MAX_DEPTH: Final = 16
MAX_NODES: Final = 512
MAX_TEXT: Final = 16 * 1024
_MAX_FORMAT: Final = 64
"""Characters of a date, a time or an identifier; what is longer is none, and reading it would cost by its length."""
_READING: Final = 10
"""Looks that reading one costs: two microseconds and more."""

_NOTES: Final = frozenset({"title", "description", "default", "examples", "$schema", "$comment", "strict"})
_REFERENCE: Final = re.compile(r"#/(\$defs|definitions)/([A-Za-z0-9_.-]{1,64})")
_SHOWN: Final = re.compile(r"\$?[A-Za-z]{1,32}")
_encode = msgspec.json.Encoder(order="deterministic").encode


class SchemaError(ValueError):
    """A schema that is not taken; its text is a sentence and quotes keywords only."""


def canonical(schema: object) -> bytes:
    """Return what two schemas share that allow the same by the same words: without notes, members in one order."""
    return _encode(_without_notes(schema))


def compiled(schema: object) -> Check:
    """Return what tells whether a value is as `schema` says.

    Raises:
        SchemaError: for a schema that is not understood whole.
    """
    if not isinstance(schema, dict):
        raise SchemaError("A schema is an object.")
    if len(_encode(schema)) > MAX_TEXT:
        raise SchemaError(f"A schema has at most {MAX_TEXT // 1024} KiB.")
    read = cast("dict[str, object]", schema)
    return _Reader(read).node(read, 0)


def _without_notes(schema: object, *, named: bool = False) -> object:
    """Return `schema` without notes; in `named` (such as `properties`) every member is somebody's name."""
    if isinstance(schema, list):
        return [_without_notes(each) for each in cast("list[object]", schema)]
    if not isinstance(schema, dict):
        return schema
    kept: dict[str, object] = {}
    for name, value in cast("dict[str, object]", schema).items():
        if named or name not in _NOTES:
            as_is = name in {"enum", "const", "required"} and not named
            names = name in {"properties", "$defs", "definitions"} and not named
            kept[name] = value if as_is else _without_notes(value, named=names)
    return kept


class _Reader:
    """Reads one schema."""

    def __init__(self, schema: dict[str, object]) -> None:
        self._schema = schema
        self._left = MAX_NODES

    def node(self, schema: object, depth: int) -> Check:
        """Return the check that a schema or one of its parts comes to."""
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise SchemaError("The schema is too deep or has too many parts, its references followed.")
        if isinstance(schema, bool):
            return _always(schema)
        if not isinstance(schema, dict):
            raise SchemaError("Every part of a schema is an object.")
        given = cast("dict[str, Any]", schema)
        plain = [_PLAIN[name](value) for name, value in given.items() if name in _PLAIN]
        below = [
            check for name in given if name not in _PLAIN and (check := self._keyword(name, given, depth)) is not None
        ]
        return _all_of(plain, below, 1 + len(plain) + len(below) + _extra(given))

    def _keyword(self, name: str, given: dict[str, Any], depth: int) -> Check | None:
        value = given[name]
        if name in {"$defs", "definitions"} and depth == 0:
            for part in _named(name, value).values():
                self.node(part, depth + 1)  # one that nobody uses is read as well
            return None
        if name == "$ref":
            return self.node(self._target(value), depth + 1)
        if name in _ALTERNATIVES:
            return _ALTERNATIVES[name]([self.node(each, depth + 1) for each in _list(name, value)])
        return None if name in _NOTES else self._members(name, given, depth)

    def _members(self, name: str, given: dict[str, Any], depth: int) -> Check:
        value = given[name]
        if name == "properties":
            return _properties({key: self.node(each, depth + 1) for key, each in _named(name, value).items()})
        if name == "additionalProperties":
            return _others(frozenset(given.get("properties", ())), self.node(value, depth + 1))
        if name == "prefixItems":
            return _prefix([self.node(each, depth + 1) for each in _list(name, value)])
        if name == "items":
            return _items(len(given.get("prefixItems", ())), self.node(value, depth + 1))
        shown = f"The schema keyword `{name}`" if _SHOWN.fullmatch(name) else "A keyword of the schema"
        raise SchemaError(f"{shown} is not supported here.")

    def _target(self, value: object) -> object:
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        part = self._schema.get(found[1]) if found else None
        if found is None or not isinstance(part, dict) or found[2] not in part:
            raise SchemaError("A `$ref` names one of the schema's own `$defs`.")
        return cast("dict[str, object]", part)[found[2]]


def _extra(given: Mapping[str, Any]) -> int:
    """Return the looks that keywords cost beyond one each: every name, every type, and what is read as a date or the like."""
    types = given.get("type")
    named = len(given.get("required", ())) + len(given.get("properties", ()))
    return named + (len(cast("list[str]", types)) if isinstance(types, list) else 0) + _READING * ("format" in given)


def _is_integer(value: object) -> bool:
    # JSON has one kind of number: 1.0 is whole.
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, _Plain]] = {
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": _is_integer,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
}


def _type(value: object) -> _Plain:
    names = cast("list[object]", value) if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name in _TYPES for name in names):
        raise SchemaError("`type` is a JSON type or a list of them.")
    kinds = [_TYPES[str(name)] for name in dict.fromkeys(names)]
    return lambda found: any(kind(found) for kind in kinds)


def _one_of(values: list[object]) -> _Plain:
    if any(isinstance(each, dict | list) for each in values):
        raise SchemaError("The values of `enum` and `const` are texts, numbers, booleans or null.")
    allowed = {_kinded(each) for each in values}
    return lambda value: not isinstance(value, dict | list) and _kinded(value) in allowed


def _kinded(value: Any) -> tuple[str, Any]:
    """Return a value so that JSON's own difference between 1, true and "1" is kept."""
    kind = "number" if _is_number(value) else type(value).__name__
    return kind, value


def _required(value: object) -> _Plain:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in cast("list[object]", value)):
        raise SchemaError("`required` is a list of names.")
    names = frozenset(cast("list[str]", value))
    return lambda found: not isinstance(found, dict) or names <= found.keys()


def _bound(name: str, holds: Callable[[Any, Any], bool]) -> Callable[[Any], _Plain]:
    def read(bound: Any) -> _Plain:
        if not _is_number(bound):
            raise SchemaError(f"`{name}` is a number.")
        return lambda value: not _is_number(value) or holds(value, bound)

    return read


def _size(name: str, of: type[str | list[Any]], holds: Callable[[int, int], bool]) -> Callable[[Any], _Plain]:
    def read(bound: Any) -> _Plain:
        if isinstance(bound, bool) or not isinstance(bound, int) or bound < 0:
            raise SchemaError(f"`{name}` is a whole number from 0.")
        return lambda value: not isinstance(value, of) or holds(len(cast("str | list[object]", value)), bound)

    return read


def _read_as(read: Callable[[str], object]) -> _Plain:
    def check(value: object) -> bool:
        if not isinstance(value, str):
            return True
        if len(value) > _MAX_FORMAT:
            return False
        try:
            read(value)
        except ValueError:
            return False
        return True

    return check


_FORMATS: Final[Mapping[str, _Plain]] = {
    "date": _read_as(date.fromisoformat),
    "time": _read_as(time.fromisoformat),
    "date-time": _read_as(datetime.fromisoformat),
    "uuid": _read_as(uuid.UUID),
}


def _format(value: object) -> _Plain:
    found = _FORMATS.get(value) if isinstance(value, str) else None
    if found is None:
        raise SchemaError(f"`format` is one of {', '.join(_FORMATS)} here.")
    return found


_PLAIN: Final[Mapping[str, Callable[[Any], _Plain]]] = {
    "type": _type,
    "enum": lambda value: _one_of(_list("enum", value)),
    "const": lambda value: _one_of([value]),
    "required": _required,
    "format": _format,
    "minimum": _bound("minimum", lambda value, bound: value >= bound),
    "maximum": _bound("maximum", lambda value, bound: value <= bound),
    "exclusiveMinimum": _bound("exclusiveMinimum", lambda value, bound: value > bound),
    "exclusiveMaximum": _bound("exclusiveMaximum", lambda value, bound: value < bound),
    "minLength": _size("minLength", str, lambda size, bound: size >= bound),
    "maxLength": _size("maxLength", str, lambda size, bound: size <= bound),
    "minItems": _size("minItems", list, lambda size, bound: size >= bound),
    "maxItems": _size("maxItems", list, lambda size, bound: size <= bound),
}
_ALTERNATIVES: Final[Mapping[str, Callable[[list[Check]], Check]]] = {
    "anyOf": lambda checks: lambda value, work: any(check(value, work) for check in checks),
    "allOf": lambda checks: lambda value, work: all(check(value, work) for check in checks),
    "oneOf": lambda checks: lambda value, work: sum(check(value, work) for check in checks) == 1,
}


def _always(holds: bool) -> Check:
    def check(value: Any, work: Work) -> bool:
        del value
        work.spend()
        return holds

    return check


def _all_of(plain: list[_Plain], below: list[Check], looks: int) -> Check:
    def check(value: Any, work: Work) -> bool:
        work.spend(looks)
        for holds in plain:  # a generator would cost as much again
            if not holds(value):
                return False
        for fits in below:  # noqa: SIM110 - as above
            if not fits(value, work):
                return False
        return True

    return check


def _properties(checks: Mapping[str, Check]) -> Check:
    return lambda value, work: (
        not isinstance(value, dict) or all(check(value[name], work) for name, check in checks.items() if name in value)
    )


def _others(known: frozenset[str], check: Check) -> Check:
    def others(value: Any, work: Work) -> bool:
        if not isinstance(value, dict):
            return True
        members = cast("dict[str, Any]", value)
        work.spend(len(members))  # the known ones are passed over, and that is a look each
        return all(check(each, work) for name, each in members.items() if name not in known)

    return others


def _prefix(checks: list[Check]) -> Check:
    return lambda value, work: (
        not isinstance(value, list)
        or all(check(each, work) for check, each in zip(checks, cast("list[object]", value), strict=False))
    )


def _items(after: int, check: Check) -> Check:
    return lambda value, work: (
        not isinstance(value, list)
        or all(check(each, work) for each in islice(cast("list[object]", value), after, None))
    )


def _list(name: str, value: Any) -> list[object]:
    if not isinstance(value, list) or not value:
        raise SchemaError(f"`{name}` is a list that is not empty.")
    return cast("list[object]", value)


def _named(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SchemaError(f"`{name}` is an object.")
    return cast("dict[str, Any]", value)
