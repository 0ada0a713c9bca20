"""Which JSON schemas may become a grammar: an allow-list of keywords, each with a bound.

Always true here (no I/O):
- a keyword that is not listed is refused, never passed on and never dropped: an engine turns some of them (`pattern`,
  `patternProperties`) into grammars that cost it gigabytes or minutes, in the process that every tenant shares, and
  ignores others, which would answer with a shape that was not asked for;
- references are counted as what they stand for, each time they are used: a short schema cannot unfold into a large one,
  and one that refers to itself is too deep;
- what is counted is what was measured to cost the engine: nodes, properties, alternatives, values, and their text. All
  bounds together cost it less than 0.3 s on one core.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

MAX_DEPTH: Final = 12
MAX_NODES: Final = 256
MAX_PROPERTIES: Final = 128
MAX_VALUES: Final = 256
MAX_ALTERNATIVES: Final = 128
MAX_REPEATS: Final = 4096
MAX_REPEAT: Final = 1024
MAX_TEXT: Final = 8192
_MAX_NUMBER: Final = 2**53

_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "null", "object", "array"})
_NOTES: Final = frozenset({"title", "description", "default", "examples", "$schema", "$comment", "strict"})
_ALTERNATIVES: Final = frozenset({"anyOf", "oneOf", "allOf"})
_REPEATS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength"})
_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_DEFINITIONS: Final = frozenset({"$defs", "definitions"})
_BELOW: Final = _ALTERNATIVES | {"items", "additionalProperties", "prefixItems", "$ref"}
_COUNTED: Final = frozenset({"required", "enum", "const"})
_FORMATS: Final = ("date", "time", "date-time", "uuid")
# llama.cpp writes the letters of names into its grammar as they are, and these mean something there.
_UNNAMEABLE: Final = re.compile(r'[\x00-\x1f\x7f\\\[\]^"]')
_SHOWN: Final = re.compile(r"\$?[A-Za-z]{1,32}")
_REFERENCE: Final = re.compile(r"#/(\$defs|definitions)/([A-Za-z0-9_.-]{1,64})")


class SchemaError(Exception):
    """A schema that is not taken; its text is a sentence for the caller and quotes keywords only."""


def check_schemas(schemas: Iterable[object]) -> None:
    """Make sure that an engine can afford the schemas of one request, all together.

    Raises:
        SchemaError: saying why not.
    """
    left = {
        "sub-schemas": MAX_NODES,
        "properties": MAX_PROPERTIES,
        "enum values": MAX_VALUES,
        "alternatives": MAX_ALTERNATIVES,
        "characters in names and values": MAX_TEXT,
        "repetitions": MAX_REPEATS,
    }
    for schema in schemas:
        _Walk(schema, left).run()


class _Walk:
    """One look at one schema; counts go up and never down."""

    def __init__(self, schema: object, left: dict[str, int]) -> None:
        self._schema: Any = schema
        self._left = left
        self._pending: list[tuple[object, int]] = []

    def run(self) -> None:
        if isinstance(self._schema, bool):
            raise SchemaError("A schema is an object.")
        self._pending.append((self._schema, 0))
        while self._pending:
            item, depth = self._pending.pop()
            self._node(item, depth)

    def _node(self, item: object, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise SchemaError(f"A schema may nest {MAX_DEPTH} deep at most, its references followed.")
        self._spend("sub-schemas", 1)
        if isinstance(item, bool):
            return
        if not isinstance(item, dict):
            raise SchemaError("Every part of a schema is an object.")
        schema: dict[str, Any] = item  # pyright: ignore[reportUnknownVariableType] - decoded JSON
        for name, value in schema.items():
            self._keyword(name, value, depth)
        _in_order(schema)

    def _keyword(self, name: str, value: Any, depth: int) -> None:
        if name in _NOTES:
            return
        if name in _PLAIN:
            _PLAIN[name](name, value)
        elif name in _BELOW:
            self._pending += [(each, depth + 1) for each in self._below(name, value)]
        elif name in _REPEATS:
            self._spend("repetitions", _whole(name, value))
        elif name in _COUNTED:
            self._counted(name, value)
        elif name == "properties" or (name in _DEFINITIONS and not depth):
            self._named(name, value, depth)
        else:
            shown = f"The schema keyword `{name}`" if _SHOWN.fullmatch(name) else "A keyword of the schema"
            raise SchemaError(f"{shown} is not supported here.")

    def _below(self, name: str, value: Any) -> list[Any]:
        """Return the schemas that a keyword leads to."""
        if name in {"items", "additionalProperties"}:
            return [value]
        if name == "$ref":
            return [self._target(value)]
        if name in _ALTERNATIVES:
            self._spend("alternatives", len(_list(name, value)))
        return _few(_list(name, value))

    def _counted(self, name: str, value: Any) -> None:
        if name == "required":
            self._text(_strings(name, value))
        else:
            self._values(_list(name, value) if name == "enum" else [value])

    def _named(self, name: str, value: Any, depth: int) -> None:
        if not isinstance(value, dict):
            raise SchemaError(f"`{name}` is an object.")
        named: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType] - decoded JSON
        if name == "properties":
            self._spend("properties", len(named))
            if any(_UNNAMEABLE.search(each) for each in named):
                raise SchemaError(
                    "A property's name here has no brackets, quotes, backslashes, circumflexes or controls."
                )
            self._text(list(named))
        # Definitions are counted where they are used, and once here: one that nobody uses is still read.
        self._pending += [(each, depth + 1) for each in _few([*named.values()])]

    def _target(self, value: Any) -> object:
        found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
        try:
            return self._schema[found[1]][found[2]] if found else None
        except (KeyError, TypeError):
            raise SchemaError("A `$ref` names one of the schema's own `$defs`.") from None

    def _values(self, values: list[Any]) -> None:
        self._spend("enum values", len(values))
        for value in values:
            if isinstance(value, dict | list):
                raise SchemaError("The values of `enum` and `const` are texts, numbers, booleans or null.")
        self._text([str(value) for value in values])

    def _text(self, texts: list[str]) -> None:
        self._spend("characters in names and values", sum(map(len, texts)))

    def _spend(self, what: str, amount: int) -> None:
        self._left[what] -= amount
        if self._left[what] < 0:
            raise SchemaError(f"The schema has too many {what}, its references followed.")


def _in_order(schema: dict[str, Any]) -> None:
    """Refuse bounds that cross: an engine unfolds "at least 5, at most 2" until its memory is gone."""
    low = max(schema.get("minimum", -math.inf), schema.get("exclusiveMinimum", -math.inf) + 1)
    high = min(schema.get("maximum", math.inf), schema.get("exclusiveMaximum", math.inf) - 1)
    items, length = ((schema.get(f"min{of}", 0), schema.get(f"max{of}", MAX_REPEAT)) for of in ("Items", "Length"))
    if any(least > most for least, most in ((low, high), items, length)):
        raise SchemaError("A minimum in the schema is above its maximum.")


def _types(name: str, value: Any) -> None:
    each_once: list[Any] = value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]
    if not 1 <= len(each_once) <= len(_TYPES) or not all(
        isinstance(each, str) and each in _TYPES for each in each_once
    ):
        raise SchemaError(f"`{name}` is a JSON type or a list of them.")


def _format(name: str, value: Any) -> None:
    if value not in _FORMATS:
        raise SchemaError(f"`{name}` is one of {', '.join(_FORMATS)} here.")


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise SchemaError(f"`{name}` is a list that is not empty.")
    return value  # pyright: ignore[reportUnknownVariableType] - decoded JSON


def _few(schemas: list[Any]) -> list[Any]:
    """Return them, unless they are so many that only to line them up would keep others waiting."""
    if len(schemas) > MAX_NODES:
        raise SchemaError("The schema has too many sub-schemas, its references followed.")
    return schemas


def _strings(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):  # pyright: ignore[reportUnknownVariableType]
        raise SchemaError(f"`{name}` is a list of names.")
    return value  # pyright: ignore[reportUnknownVariableType] - decoded JSON


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_REPEAT:
        raise SchemaError(f"`{name}` is a whole number from 0 to {MAX_REPEAT} here.")
    return value


def _number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MAX_NUMBER <= value <= _MAX_NUMBER:
        raise SchemaError(f"`{name}` is a number within 2 to the power of 53 here.")


_PLAIN: Final[dict[str, Callable[[str, Any], None]]] = {
    "type": _types,
    "format": _format,
    **dict.fromkeys(_NUMBERS, _number),
}
