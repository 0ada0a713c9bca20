"""Tools on the way in and out: what is not declared, not offered or not whole does not pass."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.gateway import tools
from strongroom.gateway.exchange.answers import Call, CallDelta, Choice, Event, Finished, Generation, TextDelta
from strongroom.gateway.exchange.asks import CallPart, ChatAsk, Message, ResultPart, TextPart, Tool, ToolChoice
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.rules.tools import Tools

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
NONE, ANY, DECLARED = Tools(), Tools(any=True), Tools(declared={"get_weather": WEATHER, "now": None})
NOTED = {
    **WEATHER,
    "title": "Weather",
    "properties": {**WEATHER["properties"], "city": {"description": "Where.", "maxLength": 20, "type": "string"}},
}
HELLO = Message(role="user", parts=(TextPart("hello"),))


def ask(*offered: Tool, history: tuple[Message, ...] = (), choice: ToolChoice | None = None) -> ChatAsk:
    return ChatAsk(model="m", messages=(HELLO, *history), tools=offered, choice=choice)


def weather(schema: dict[str, Any] | None = WEATHER, name: str = "get_weather") -> Tool:
    return Tool(name=name, parameters=schema)


def called(arguments: str, name: str = "get_weather") -> Message:
    return Message(role="assistant", parts=(CallPart("c1", name, arguments),))


def answered(call: str = "c1") -> Message:
    return Message(role="user", parts=(ResultPart(call, "sunny"),))


def test_a_declared_tool_may_be_offered_with_its_own_schema() -> None:
    for offered in (weather(), weather(NOTED), weather(None, "now"), weather({"type": "object"}, "now")):
        assert tools.check(ask(offered), DECLARED) is None
    assert tools.check(ask(), NONE) is None
    assert tools.check(ask(weather({"type": "object"}, "whatever")), ANY) is None


@pytest.mark.parametrize(
    ("offered", "terms"),
    [
        (weather(), NONE),
        (weather(name="get_wheather"), DECLARED),
        (weather(None), DECLARED),
        (weather({**WEATHER, "additionalProperties": True}), DECLARED),
        (weather({**WEATHER, "required": []}), DECLARED),
        (weather({**WEATHER, "properties": {**WEATHER["properties"], "title": {"type": "string"}}}), DECLARED),
        (weather(name="rm -rf"), ANY),
        (weather({"type": "object", "pattern": "(a+)+$"}), ANY),
        (weather({"type": "thing"}), ANY),
        (weather({"$ref": "#"}), ANY),
        (weather({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}), ANY),
    ],
)
def test_an_undeclared_or_malformed_definition_is_refused(offered: Tool, terms: Tools) -> None:
    no = tools.check(ask(weather(None, "now") if terms is DECLARED else Tool(name="ok"), offered), terms)
    if terms is NONE:
        no = tools.check(ask(offered), terms)
    assert no is not None
    assert (no.kind, no.code) == (RefusalKind.INVALID, "tool_denied")
    assert no.param == ("tools[0]" if terms is NONE else "tools[1]")


@pytest.mark.parametrize(
    ("history", "terms", "allowed"),
    [
        ((called('{"city":"Ulm"}'), answered()), DECLARED, True),
        ((called("{}", "now"), answered()), DECLARED, True),
        ((called('{"x":1}', "other"), answered()), ANY, True),
        ((called('{"city":"Ulm"}'), answered()), NONE, False),
        ((called('{"city":"Ulm"}', "other"), answered()), DECLARED, False),
        ((called('{"city":5}'), answered()), DECLARED, False),
        ((called('{"city":"Ulm"', "get_weather"), answered()), ANY, False),
        ((called('{"city":"Ulm"}'), answered("c2")), DECLARED, False),
        ((answered(),), ANY, False),
        ((called("{}", "no such name!"),), ANY, False),
    ],
)
def test_calls_of_the_history_are_held_to_the_same(history: Any, terms: Tools, allowed: bool) -> None:
    no = tools.check(ask(history=history), terms)
    assert (no is None) == allowed
    assert no is None or (no.code, no.kind) == ("tool_denied", RefusalKind.INVALID)


BAD = [
    "",  # as if it were {}: the city is missing
    "{",
    '{"city":"Ulm"}x',
    '{"city":"Ulm","city":"Bonn"}',
    '{"city":"Ulm","days":0}',
    '{"city":"Ulm","days":1.5}',
    '{"city":"Ulm","days":true}',
    '{"city":"Ulm","days":NaN}',
    '{"city":"Ulm","more":1}',
    '{"city":"a city with too long a name"}',
    '{"city":"\\ud800"}',
    '["Ulm"]',
    "null",
    "[" * 5000 + "]" * 5000,
    '{"city":' + "[" * 3000 + "]" * 3000 + "}",
]
GOOD = ['{"city":"Ulm"}', ' {"days": 2, "city": "Ulm"} ', '{"city":"Ulm","days":2.0}']


@pytest.mark.parametrize("arguments", BAD, ids=lambda text: text[:24])
def test_a_call_that_does_not_fit_does_not_leave(arguments: str) -> None:
    answer = Generation(choices=(Choice(text="x", calls=(Call(id="1", name="get_weather", arguments=arguments),)),))
    no = tools.check_answer(answer, ask(weather()))
    assert no is not None
    assert no.code == "tool_denied"
    assert "Ulm" not in no.reason + no.tell
    streamed = tools.Watch(ask(weather())).feed(pieces(arguments))
    assert isinstance(streamed, Refusal)


@pytest.mark.parametrize("arguments", GOOD)
def test_a_call_that_fits_leaves_whole(arguments: str) -> None:
    answer = Generation(choices=(Choice(calls=(Call(id="1", name="get_weather", arguments=arguments),)),))
    assert tools.check_answer(answer, ask(weather())) is None
    passed = tools.Watch(ask(weather())).feed(pieces(arguments))
    assert passed == [CallDelta(0, 0, "1", "get_weather", arguments), Finished(0, "tool")]


def pieces(arguments: str, name: str = "get_weather", choice: int = 0) -> list[Event]:
    parts = [arguments[start : start + 3] for start in range(0, len(arguments), 3)]
    return [
        CallDelta(choice, 0, "1", name),
        *(CallDelta(choice, 0, arguments=part) for part in parts),
        Finished(choice, "tool"),
    ]


@pytest.mark.parametrize(
    "asked",
    [
        ask(),
        ask(weather(name="other")),
        ask(weather(), choice=ToolChoice(mode="none")),
    ],
)
def test_what_was_not_offered_in_this_request_is_not_called(asked: ChatAsk) -> None:
    assert isinstance(tools.Watch(asked).feed(pieces('{"city":"Ulm"}')), Refusal)


def test_text_flows_on_while_a_call_is_held_and_nothing_of_it_leaves_before_its_end() -> None:
    watch = tools.Watch(ask(weather()))
    assert watch.feed([TextDelta(0, "a")]) == [TextDelta(0, "a")]
    assert watch.feed([CallDelta(0, 0, "1", "get_weather", '{"ci'), TextDelta(0, "b")]) == [TextDelta(0, "b")]
    assert watch.feed([CallDelta(0, 0, arguments='ty":"Ulm"}')]) == []
    assert watch.end() is not None
    last = watch.feed([CallDelta(0, 1, "2", "get_weather", '{"city":"Bonn"}'), Finished(0, "tool")])
    assert last == [
        CallDelta(0, 0, "1", "get_weather", '{"city":"Ulm"}'),
        CallDelta(0, 1, "2", "get_weather", '{"city":"Bonn"}'),
        Finished(0, "tool"),
    ]
    assert watch.end() is None


@pytest.mark.parametrize(
    "events",
    [
        [CallDelta(0, 0, "1", "get_weather"), CallDelta(0, 0, "1", "other", '{"city":"Ulm"}')],
        [CallDelta(0, 0, "1", "get_weather"), CallDelta(0, 0, "2", None, '{"city":"Ulm"}')],
        [*pieces('{"city":"Ulm"}'), CallDelta(0, 0, arguments=" ")],
        [CallDelta(0, 0, None, "get_weather", '{"city":"Ulm"}'), Finished(0, "tool")],
        [CallDelta(0, index, str(index), "get_weather", "{}") for index in range(tools.MAX_CALLS + 1)],
        [CallDelta(0, 0, "1", "get_weather", '"' + "x" * tools.MAX_ARGUMENTS)],
    ],
    ids=["renamed", "another id", "goes on", "no id", "too many", "too long"],
)
def test_pieces_that_make_no_call_end_the_answer(events: list[Event]) -> None:
    assert isinstance(tools.Watch(ask(weather())).feed(events), Refusal)


def test_one_choices_call_does_not_hide_behind_anothers_end() -> None:
    watch = tools.Watch(ask(weather()))
    assert watch.feed([CallDelta(1, 0, "1", "get_weather", "{"), Finished(0, "stop")]) == [Finished(0, "stop")]
    assert isinstance(watch.end(), Refusal)
