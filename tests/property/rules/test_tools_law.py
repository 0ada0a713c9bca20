"""Laws of tools: our reading of a schema is the standard's, narrowing only narrows, and cutting never matters."""

from __future__ import annotations

import json
import sys
from itertools import pairwise
from types import FrameType
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.exchange.answers import CallDelta, Event, Finished
from strongroom.gateway.exchange.asks import ChatAsk, Message, TextPart, Tool
from strongroom.gateway.tools import Watch
from strongroom.kernel.refusal import Refusal
from strongroom.rules import schema as reading
from strongroom.rules.schema import canonical, compiled
from strongroom.rules.tools import TOOLS, DeclaredTool, Tools, ToolsRule
from strongroom.rules.work import MAX_LOOKS, TooMuchWorkError, Work

NAMES = st.sampled_from(["a", "b", "title", "type", "enum"])
SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 1.0, -2.0]) | st.text("ab1", max_size=3)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "null", "object", "array"])


def schemas(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    few = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": TYPES | st.lists(TYPES, min_size=1, max_size=3, unique=True),
            "enum": st.lists(SCALARS, min_size=1, max_size=3),
            "const": SCALARS,
            "required": st.lists(NAMES, max_size=2, unique=True),
            "properties": st.dictionaries(NAMES, inner, max_size=3),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": few,
            "anyOf": few,
            "oneOf": few,
            "allOf": few,
            "minimum": st.integers(-2, 2),
            "exclusiveMaximum": st.integers(-2, 2),
            "minLength": st.integers(0, 3),
            "maxLength": st.integers(0, 3),
            "minItems": st.integers(0, 3),
            "maxItems": st.integers(0, 3),
            "description": st.text(max_size=3),
        },
    )


SCHEMAS: st.SearchStrategy[Any] = st.recursive(st.booleans() | schemas(st.booleans()), schemas, max_leaves=6)
OBJECTS = SCHEMAS.filter(lambda schema: isinstance(schema, dict))


@given(OBJECTS, VALUES)
def test_a_schema_means_here_what_the_standard_says(schema: dict[str, Any], value: Any) -> None:
    standard = jsonschema_rs.validator_for(schema | {"$schema": "https://json-schema.org/draft/2020-12/schema"})
    assert compiled(schema)(value, Work()) == standard.is_valid(value)
    assert compiled(msgspec.json.decode(canonical(schema)))(value, Work()) == standard.is_valid(value)


@given(OBJECTS, VALUES, st.integers(0, 60), st.integers(1, 40))
def test_no_check_does_more_than_its_budget_has(schema: dict[str, Any], value: Any, looks: int, size: int) -> None:
    """Count what Python itself ran of the reading, whatever that says it spent, in a value `size` times as large."""
    many = {"type": "array", "items": {"anyOf": [schema, {**schema, "title": "once more"}, True]}}
    check, work, calls = compiled(many), Work(looks), 0

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code.co_filename == reading.__file__

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        fits = check([value] * size, work)
    except TooMuchWorkError:
        assert work.left < 0
    else:
        assert work.left >= 0
        assert fits == check([value] * size, Work())
    finally:
        sys.setprofile(before)
    assert calls <= 5 * (looks + 8) + 40


@given(
    st.integers(2, 240),
    st.integers(1, 20_000),
    st.sampled_from([{"const": 0}, {"type": ["null"]}, {"minimum": 10}, {"enum": ["9"]}]),
)
def test_what_would_cost_more_than_anybody_may_is_refused(alternatives: int, items: int, no: dict[str, Any]) -> None:
    schema = {"items": {"anyOf": [*[no] * alternatives, True]}}
    work, value = Work(), [9] * items
    if alternatives * items > MAX_LOOKS:
        with pytest.raises(TooMuchWorkError):
            compiled(schema)(value, work)
    elif 10 * (alternatives + 1) * items < MAX_LOOKS:
        assert compiled(schema)(value, work)


DECLARED = st.builds(DeclaredTool, name=NAMES, parameters=st.none() | st.sampled_from([{}, {"type": "object"}]))
SAID = st.builds(
    ToolsRule,
    any=st.sampled_from([None, True, False]),
    tools=st.none() | st.lists(DECLARED, max_size=3, unique_by=lambda tool: tool.name).map(tuple),
    models=st.sampled_from([(), ("m",)]),
).filter(lambda rule: not (rule.any and rule.tools is not None))
TERMS = st.lists(SAID, max_size=3).map(TOOLS.own)


def within(inner: Tools, outer: Tools) -> bool:
    if outer.any:
        return True
    return not inner.any and all(
        name in outer.declared and (outer.declared[name] is None or schema == outer.declared[name])
        for name, schema in inner.declared.items()
    )


@given(TERMS, TERMS, TERMS)
def test_meeting_allows_what_both_allow_and_no_more(one: Tools, other: Tools, third: Tools) -> None:
    both = TOOLS.meet(one, other)
    assert within(both, one)
    assert within(both, other)
    assert both == TOOLS.meet(other, one)
    assert TOOLS.meet(both, both) == both
    assert TOOLS.meet(both, third) == TOOLS.meet(one, TOOLS.meet(other, third))


ASK = ChatAsk(
    model="m",
    messages=(Message(role="user", parts=(TextPart("x"),)),),
    tools=(Tool(name="f", parameters={"type": "object", "properties": {"a": {"type": "integer"}}}),),
)


@given(st.text('{"a":1}[, x', max_size=14) | VALUES.map(json.dumps), st.lists(st.integers(0, 20), max_size=4))
def test_how_a_call_is_cut_never_matters(arguments: str, places: list[int]) -> None:
    edges = [0, *sorted(min(place, len(arguments)) for place in places), len(arguments)]
    parts = [arguments[start:end] for start, end in pairwise(edges)]
    cut: list[Event] = [CallDelta(0, 0, "1", "f"), *(CallDelta(0, 0, arguments=part) for part in parts)]
    whole = Watch(ASK).feed([CallDelta(0, 0, "1", "f", arguments), Finished(0, "tool")])
    watch = Watch(ASK)
    held = [watch.feed([event]) for event in cut]
    assert all(each == [] for each in held)
    last = watch.feed([Finished(0, "tool")])
    assert isinstance(last, Refusal) == isinstance(whole, Refusal)
    assert isinstance(last, Refusal) or last == whole
