"""Which schemas an engine is asked to turn into a grammar."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from strongroom.runtime.schemas import SchemaError, check_schemas


def object_of(count: int) -> dict[str, Any]:
    return {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(count)}}


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


def doubling(levels: int) -> dict[str, Any]:
    """Return a short schema whose references unfold into two to the power of `levels`."""
    refs = {f"a{n}": {"type": "array", "items": {"anyOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2}} for n in range(levels)}
    return {"$ref": "#/$defs/a0", "$defs": {**refs, f"a{levels}": {"type": "string"}}}


TREE = {"$defs": {"n": {"properties": {"l": {"$ref": "#/$defs/n"}}}}, "$ref": "#/$defs/n"}
REFUSED: dict[str, Any] = {
    "a pattern whose bounds cross": {"type": "string", "pattern": "^a{5,2}$"},
    "a pattern that backtracks": {"type": "string", "pattern": "^(" + "|".join(["a?"] * 100) + ")*$"},
    "a harmless pattern": {"type": "string", "pattern": "^a$"},
    "pattern properties": {"type": "object", "patternProperties": {"^a{5,2}$": {}}},
    "a pattern below": {"type": "array", "items": {"anyOf": [{"pattern": "a"}, {}]}},
    "a pattern in a definition that is not used": {"$defs": {"a": {"pattern": "a"}}},
    "a keyword nobody knows": {"x-engine": 1},
    "not": {"not": {"type": "string"}},
    "an unknown format": {"type": "string", "format": "regex"},
    "itself": TREE,
    "an unfolding reference": doubling(4) | {"anyOf": [doubling(4)["$ref"] and {"$ref": "#/$defs/a0"}] * 8},
    "a reference elsewhere": {"$ref": "https://example.org/schema.json"},
    "a reference to nothing": {"$ref": "#/$defs/x"},
    "many values": {"enum": list(range(257))},
    "long values": {"enum": ["x" * 9000]},
    "values that nest": {"enum": [[[1]]]},
    "many properties": object_of(129),
    "many nodes": {"prefixItems": [{}] * 300},
    "many alternatives": {"anyOf": [{"type": "string"}] * 129},
    "too deep": nested(13),
    "a huge minimum": {"type": "string", "minLength": 10**6},
    "many repetitions": {"prefixItems": [{"type": "string", "maxLength": 1000}] * 5},
    "crossed lengths": {"type": "string", "minLength": 5, "maxLength": 2},
    "crossed items": {"type": "array", "items": {}, "minItems": 5, "maxItems": 2},
    "crossed numbers": {"type": "integer", "minimum": 5, "exclusiveMaximum": 5},
    "an endless number": {"type": "integer", "minimum": 10**400},
    "a name that ends a class in a grammar": {"type": "object", "properties": {"a]{5,2}": {}}},
    "a name with an escape": {"type": "object", "properties": {"\\a": {}}, "additionalProperties": True},
    "not a number": {"type": "number", "minimum": float("nan")},
    "no number": {"type": "integer", "minimum": "5"},
    "no type": {"type": ["string", "colour"]},
    "no object": [],
    "no schema": None,
    "a schema that is none": {"items": [{"type": "string"}]},
    "a type twice over": {"type": ["string"] * 500},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_an_engine_cannot_bear_or_does_not_keep_is_refused(name: str) -> None:
    with pytest.raises(SchemaError) as caught:
        check_schemas([REFUSED[name]])
    assert str(caught.value).endswith(".")
    assert "example.org" not in str(caught.value)


TAKEN: dict[str, Any] = {
    "an object": {**object_of(128), "required": ["p1"], "additionalProperties": False},
    "what Pydantic writes": {
        "title": "Order",
        "type": "object",
        "$defs": {"Item": {"type": "object", "properties": {"sku": {"type": "string", "description": "d"}}}},
        "properties": {
            "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}, "minItems": 1, "maxItems": 20},
            "note": {"anyOf": [{"type": "string", "maxLength": 200}, {"type": "null"}], "default": None},
            "when": {"type": "string", "format": "date-time"},
            "kind": {"enum": ["a", "b", 1, None, True]},
            "count": {"type": ["integer", "null"], "minimum": 0, "exclusiveMaximum": 10},
        },
    },
    "properties that are called like keywords": {"type": "object", "properties": {"pattern": {"type": "string"}}},
    "anything": {},
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_people_ask_for_is_taken(name: str) -> None:
    check_schemas([TAKEN[name]])


def test_the_bounds_are_of_all_schemas_of_a_request_together() -> None:
    check_schemas([object_of(64)] * 2)
    with pytest.raises(SchemaError, match="properties"):
        check_schemas([object_of(64)] * 3)


@pytest.mark.parametrize("name", ["prefixItems", "properties", "$defs"])
def test_a_list_that_is_too_long_is_refused_before_it_is_looked_through(name: str) -> None:
    parts = [True] * 200_000 if name == "prefixItems" else dict.fromkeys(map(str, range(100_000)), True)
    tracemalloc.start()
    try:
        with pytest.raises(SchemaError, match="too many"):
            check_schemas([{name: parts}])
        assert tracemalloc.get_traced_memory()[1] < 2_000_000  # as places to look at they would be ten times that
    finally:
        tracemalloc.stop()
