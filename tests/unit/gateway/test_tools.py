"""Tools on the way in and out: what is not declared, not offered or not whole does not pass."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.gateway import arguments, tools
from strongroom.gateway.exchange.answers import Call, CallDelta, Choice, Event, Finished, Generation, TextDelta
from strongroom.gateway.exchange.asks import (
    CallPart,
    ChatAsk,
    CountAsk,
    Message,
    ResultPart,
    TextPart,
    Tool,
    ToolChoice,
)
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
    '{"city":"Ulm","days":1e999}',
    '{"city":"Ulm","days":9007199254740993}',
    '{"city":"Ulm","days":1' + "0" * 5000 + "}",
    '{"city":"Ulm","days":1.00000000000000000001}',
    '{"city":"Ulm","days":9007199254740993.0}',
    "[" * 5000 + "]" * 5000,
    '{"city":' + "[" * 3000 + "]" * 3000 + "}",
]
GOOD = [
    '{"city":"Ulm"}',
    '{"city":"Ulm","days":1e1}',
    '{"city":"Ulm","days":9007199254740992}',
    ' {"days": 2, "city": "Ulm"} ',
    '{"city":"Ulm","days":2.0}',
]


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
        [CallDelta(0, index, str(index), "get_weather", "{}") for index in range(arguments.MAX_CALLS + 1)],
        [CallDelta(0, 0, "1", "get_weather", '"' + "x" * arguments.MAX_ARGUMENTS)],
        [
            CallDelta(0, index, str(index), "get_weather", "x" * (arguments.MAX_ARGUMENTS // 4 + 1))
            for index in range(4)
        ],
    ],
    ids=["renamed", "another id", "goes on", "no id", "too many", "too long", "too long together"],
)
def test_pieces_that_make_no_call_end_the_answer(events: list[Event]) -> None:
    assert isinstance(tools.Watch(ask(weather())).feed(events), Refusal)


def test_one_choices_call_does_not_hide_behind_anothers_end() -> None:
    watch = tools.Watch(ask(weather()))
    assert watch.feed([CallDelta(1, 0, "1", "get_weather", "{"), Finished(0, "stop")]) == [Finished(0, "stop")]
    assert isinstance(watch.end(), Refusal)


NUMBER = weather({"type": "object", "properties": {"n": {"type": "number", "minimum": 0, "maximum": 100}}})


@pytest.mark.parametrize(
    "number", ["1e999", "100.00000000000000001", "1e-999", "1e-99999999999999999999", "0." + "0" * 60 + "1"]
)
def test_a_number_that_two_parsers_read_differently_does_not_leave(number: str) -> None:
    assert tools.check(ask(NUMBER, history=(called(f'{{"n":{number}}}'),)), ANY) is not None
    assert isinstance(tools.Watch(ask(NUMBER)).feed(pieces(f'{{"n":{number}}}')), Refusal)


@pytest.mark.parametrize("number", ["0.1", "1.50", "1e2", "99.99999999999999", "5e-324", "-0.0", "25E-1"])
def test_a_number_that_all_parsers_read_alike_leaves_however_it_is_written(number: str) -> None:
    assert tools.check(ask(NUMBER, history=(called(f'{{"n":{number}}}'),)), ANY) is None


# A hundred and twenty alternatives for each of a hundred thousand items: both are the caller's to choose.
DEAR = weather(
    {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"anyOf": [{"const": 0}] * 119 + [{"const": 9}]}}},
    }
)
MANY = '{"a":[' + ",".join("9" * 4000) + "]}"
FEW = '{"a":[' + ",".join("9" * 100) + "]}"


def counted(asked: ChatAsk) -> CountAsk:
    return CountAsk(model=asked.model, messages=asked.messages, tools=asked.tools)


def test_what_costs_too_much_to_check_is_refused_by_name_and_not_checked_to_its_end() -> None:
    dear, cheap = (ask(DEAR, history=(called(text), answered())) for text in (MANY, FEW))
    for asked in (dear, counted(dear)):
        no = tools.check(asked, ANY)
        assert no is not None
        assert (no.kind, no.code, no.param) == (RefusalKind.INVALID, "tool_denied", "messages[1]")
        assert "too much work" in no.reason
        assert "too much work" in no.tell
    assert tools.check(cheap, ANY) is tools.check(counted(cheap), ANY) is None


def test_all_calls_of_a_request_and_of_an_answer_share_one_budget() -> None:
    history = (called(FEW),) * 5
    no = tools.check(ask(DEAR, history=history), ANY)
    assert no is not None
    assert "too much work" in no.reason
    calls = [Call(id=str(index), name="get_weather", arguments=FEW) for index in range(5)]
    assert tools.check_answer(Generation(choices=(Choice(calls=tuple(calls[:1])),)), ask(DEAR)) is None
    whole = tools.check_answer(Generation(choices=(Choice(calls=tuple(calls)),)), ask(DEAR))
    streamed = tools.Watch(ask(DEAR)).feed(pieces(MANY))
    for refused in (whole, streamed):
        assert isinstance(refused, Refusal)
        assert (refused.kind, refused.code) == (RefusalKind.FORBIDDEN, "tool_denied")
        assert "too much work" in refused.reason


NUMBERS = '{"n":[' + ",".join("7" * 60_000) + "]}"
OBJECTS = '{"n":[' + ",".join(["{}"] * 60_000) + "]}"


@pytest.mark.parametrize("text", [NUMBERS, OBJECTS], ids=["numbers", "objects"])
def test_reading_is_paid_for_too_where_the_schema_looks_at_nothing(text: str) -> None:
    no = tools.check(ask(history=(called(text),)), ANY)
    assert no is not None
    assert "too much work" in no.reason


def test_calls_of_a_history_are_bounded_in_number_and_length_all_together() -> None:
    half = '{"city":"' + "x" * (arguments.MAX_ARGUMENTS // 2 - 100) + '"}'
    fine = [(called("{}"),) * arguments.MAX_CALLS, (called(half),) * 2]
    over = [(called("{}"),) * (arguments.MAX_CALLS + 1), (called(half),) * 3]
    assert all(tools.check(ask(history=history), ANY) is None for history in fine)
    for history, said in zip(over, ("128 calls", "262144 characters"), strict=True):
        for asked in (ask(history=history), counted(ask(history=history))):
            no = tools.check(asked, ANY)
            assert no is not None
            assert said in no.tell


@pytest.mark.parametrize("text", ["{}", '{"city":"' + "x" * 4000 + '"}'], ids=["many", "long"])
def test_calls_of_a_whole_answer_are_bounded_all_together(text: str) -> None:
    calls = tuple(Call(id=str(index), name="f", arguments=text) for index in range(arguments.MAX_CALLS + 1))
    answer = Generation(choices=tuple(Choice(index=index, calls=(call,)) for index, call in enumerate(calls)))
    offered = ask(Tool(name="f"))
    assert tools.check_answer(answer, offered) is not None
    assert tools.check_answer(Generation(choices=answer.choices[:60]), offered) is None
