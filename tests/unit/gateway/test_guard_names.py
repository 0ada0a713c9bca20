"""A model of names in the gateway: read before the guard looks; refused where it must be read and cannot be."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest

from strongroom.gateway.exchange.answers import (
    Call,
    CallDelta,
    Choice,
    Event,
    Finished,
    Generation,
    ReasoningDelta,
    TextDelta,
    Usage,
    Used,
)
from strongroom.gateway.exchange.asks import Ask, ChatAsk, EmbeddingAsk, Message, TextPart
from strongroom.gateway.guard import Guard
from strongroom.gateway.guard_names import MOST_HELD, TOO_LONG, NameReader, NamesAway, names_socket
from strongroom.gateway.guards import Guards
from strongroom.gateway.testing import Asked, WorkerDouble, whole
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.privacy.actions import Action
from strongroom.rules import Terms
from strongroom.rules.privacy import PRIVACY, Privacy, Reading

NAME = "Quorvex Thalassian"
"""In no list, and without a cue: only somebody who reads finds it."""
MASKED: dict[str, Action] = {"secret": Action.MASK, "identifier": Action.MASK, "indirect": Action.ALLOW}


def who(tenant: int = 1) -> Principal:
    return Principal(
        role=Role.INFERENCE, name="w", credential=KeyId("k"), tenant=TenantId(UUID(int=tenant)), environment=Environment.DEV,
        workload=WorkloadId(UUID(int=7)),
    )  # fmt: skip


def terms(input_names: Reading = Reading.OFF, output_names: Reading = Reading.OFF, **actions: Action) -> Terms:
    said = MASKED | actions
    made = Privacy(input=said, output=said, input_names=input_names, output_names=output_names)
    return Terms({PRIVACY.name: made}, "v")


async def reads(asked: Asked) -> None:
    """Answer as the worker for names does, of one name."""
    spans = [
        [[text.index(NAME), text.index(NAME) + len(NAME), "person", 0.9]] if NAME in text else []
        for text in asked.body["texts"]
    ]
    await asked.say(whole({"spans": spans}))


class Room:
    """Guards, the worker for names behind them, and what they told."""

    def __init__(self, home: Path, worker: WorkerDouble) -> None:
        self.worker = worker
        self.told: Counter[str] = Counter()
        self.names = NameReader(home, lambda *parts: "/".join(parts).encode(), timeout_s=0.3)
        self.guards = Guards(None, lambda *_: None, self.names, lambda outcome: self.told.update([outcome]))

    def guard(self, terms_: Terms, tenant: int = 1) -> Guard:
        return self.guards.of(terms_, who(tenant))

    async def ask(self, terms_: Terms, ask: Ask, *, kept: bool = False, tenant: int = 1) -> Ask | Refusal:
        guard = self.guard(terms_, tenant)
        assert guard.reads_input
        no = await self.guards.read_ask(guard, who(tenant), ask, None, kept=kept, long=False)
        return guard.ask(ask) if no is None else no


@asynccontextmanager
async def room(home: Path, *, away: bool = False) -> AsyncGenerator[Room]:
    worker = WorkerDouble(reads)
    made = Room(home, worker)
    try:
        if away:
            yield made
        else:
            async with worker.listening(names_socket(home, Environment.DEV)):
                yield made
    finally:
        await made.names.close()


def spoken(text: str) -> ChatAsk:
    return ChatAsk(model="m", messages=(Message(role="user", parts=(TextPart(text),)),))


def said(ask: Ask | Refusal) -> str:
    assert isinstance(ask, ChatAsk), ask
    part = ask.messages[0].parts[0]
    assert isinstance(part, TextPart)
    return part.text


async def test_what_only_the_model_knows_is_masked_and_what_patterns_find_too(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        asked = await made.ask(terms(Reading.ON), spoken(f"Then {NAME} wrote to a.b@example.com"))
        assert said(asked) == "Then [PERSON] wrote to [EMAIL]"
        assert made.told == {"read": 1}


async def test_where_nothing_of_it_is_acted_on_the_model_is_not_asked(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        passing = dict.fromkeys(("person", "street_address"), Action.ALLOW)
        assert not made.guard(terms(Reading.REQUIRED, Reading.REQUIRED, **passing)).reads_input
        assert made.guard(terms(Reading.REQUIRED)).reads_input, "the control"


async def test_a_worker_that_is_away_is_a_no_where_it_must_read_and_counted_where_not(tmp_path: Path) -> None:
    async with room(tmp_path, away=True) as made:
        refused = await made.ask(terms(Reading.REQUIRED), spoken(f"Then {NAME} came"))
        assert isinstance(refused, Refusal)
        assert (refused.kind, refused.code) == (RefusalKind.UNAVAILABLE, "privacy_unavailable")
        assert NAME not in refused.reason + refused.tell
        passed = await made.ask(terms(Reading.ON), spoken(f"Then {NAME} wrote to a.b@example.com"))
        assert said(passed) == f"Then {NAME} wrote to [EMAIL]"
        assert made.told == {"refused": 1, "passed": 1}


async def test_what_is_embedded_or_kept_must_be_read_where_the_rules_say_kept(tmp_path: Path) -> None:
    vectors = EmbeddingAsk(model="m", inputs=(f"Then {NAME} came",))
    async with room(tmp_path, away=True) as made:
        assert said(await made.ask(terms(Reading.KEPT), spoken("hello"))) == "hello"
        assert isinstance(await made.ask(terms(Reading.KEPT), spoken("hello"), kept=True), Refusal)
        assert isinstance(await made.ask(terms(Reading.KEPT), vectors), Refusal)
    async with room(tmp_path) as made:
        read = await made.ask(terms(Reading.KEPT), vectors)
        assert isinstance(read, EmbeddingAsk)
        assert read.inputs == ("Then [PERSON] came",)


WRONG: dict[str, bytes | None] = {
    "late": None,
    "an error": whole({"error": "x"}, status=503),
    "no JSON": whole(b"{"),
    "fewer texts": whole({"spans": []}),
    "beyond the text": whole({"spans": [[[0, 999, "person", 0.9]]]}),
    "backwards": whole({"spans": [[[3, 1, "person", 0.9]]]}),
}


@pytest.mark.parametrize("how", WRONG)
async def test_a_worker_that_is_late_or_wrong_is_as_one_that_is_away(tmp_path: Path, how: str) -> None:
    async with room(tmp_path) as made:
        wrong = WRONG[how]

        async def behave(asked: Asked) -> None:
            await (asked.left() if wrong is None else asked.say(wrong))

        made.worker.behaviour = behave
        assert isinstance(await made.ask(terms(Reading.REQUIRED), spoken("hello")), Refusal)
        assert said(await made.ask(terms(Reading.ON), spoken("hello"))) == "hello"
        made.worker.behaviour = reads
        assert said(await made.ask(terms(Reading.REQUIRED), spoken(f"hello {NAME}"))) == "hello [PERSON]"


async def test_what_was_read_is_remembered_for_its_own_tenant_alone(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        for _ in range(3):
            assert said(await made.ask(terms(Reading.ON), spoken(f"It was {NAME}"))) == "It was [PERSON]"
        assert len(made.worker.asked) == 1
        await made.ask(terms(Reading.ON), spoken(f"It was {NAME}"), tenant=2)
        assert len(made.worker.asked) == 2
        assert NAME not in repr(vars(made.names))


def answer(text: str) -> Generation:
    return Generation(choices=(Choice(text=text, calls=(Call(id="c", name="f", arguments=json.dumps({"to": text})),)),))


async def test_an_answer_is_read_before_it_is_told(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        guard = made.guard(terms(output_names=Reading.REQUIRED))
        given = answer(f"It was {NAME}")
        assert await guard.read_answer(given, kept=False) is None
        told = guard.answer(given)
        assert isinstance(told, Generation)
        assert (told.choices[0].text, told.choices[0].calls[0].arguments) == (
            "It was [PERSON]",
            '{"to": "It was [PERSON]"}',
        )
    async with room(tmp_path, away=True) as made:
        no = await made.guard(terms(output_names=Reading.REQUIRED)).read_answer(given, kept=False)
        assert isinstance(no, Refusal)


STREAM: list[Event] = [
    ReasoningDelta(0, f"they mean {NAME[:4]}"),
    ReasoningDelta(0, NAME[4:]),
    *[TextDelta(0, piece) for piece in ("Ask ", NAME[:9], NAME[9:], " then.")],
    CallDelta(0, 0, "c", "f", json.dumps({"to": NAME})),
    TextDelta(0, f"Or {NAME}."),
    Finished(0, "stop"),
    Used(Usage(output_tokens=3)),
]


async def test_a_short_stream_is_told_at_its_end_as_a_whole_answer_is(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        guard = made.guard(terms(output_names=Reading.ON))
        for event in STREAM:
            assert guard.events([event]) == []
        assert guard.rest() == guard.hasten() == []
        assert await guard.released(kept=False) == [
            ReasoningDelta(0, "they mean [PERSON]"),
            TextDelta(0, "Ask [PERSON] then."),
            CallDelta(0, 0, "c", "f", '{"to": "[PERSON]"}'),
            TextDelta(0, "Or [PERSON]."),
            *STREAM[-2:],
        ]


async def test_of_a_stream_that_must_be_read_and_cannot_be_nothing_is_told(tmp_path: Path) -> None:
    async with room(tmp_path, away=True) as made:
        guard = made.guard(terms(output_names=Reading.REQUIRED))
        assert guard.events(STREAM) == []
        assert isinstance(await guard.released(kept=False), Refusal)
        assert guard.rest() == []
        optional = made.guard(terms(output_names=Reading.ON))
        optional.events([TextDelta(0, "to a.b@exam"), TextDelta(0, "ple.com")])
        assert await optional.released(kept=False) == [TextDelta(0, "to [EMAIL]")]


async def test_a_stream_that_is_too_long_to_be_held_ends(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        guard = made.guard(terms(output_names=Reading.ON))
        assert guard.events([TextDelta(0, "[" + "x" * MOST_HELD)]) == TOO_LONG
        calls = made.guard(terms(output_names=Reading.ON))
        assert calls.events([CallDelta(0, 0, "c", "f", "x" * (MOST_HELD - 1))]) == []
        assert isinstance(calls.events([CallDelta(0, 0, None, None, "x")]), Refusal)


@pytest.mark.parametrize(
    "nothing",
    [TextDelta(0, " " * 1024), TextDelta(0, ""), CallDelta(0, 0, None, None, "")],
    ids=["white space", "no text", "no arguments"],
)
async def test_a_stream_that_says_nothing_for_ever_is_not_held_for_ever(tmp_path: Path, nothing: Event) -> None:
    async with room(tmp_path) as made:
        guard = made.guard(terms(output_names=Reading.ON))
        some = [nothing] * 1024
        answers = (guard.events(some) for _ in range(MOST_HELD // 1024 + 1))
        assert next(each for each in answers if each != []) == TOO_LONG


PROSE = "This is what there is to say, and it is of nobody. "


async def through(guard: Guard, events: list[Event]) -> tuple[list[Event], list[Event]]:
    """Return what left before the stream's end, and what at it."""
    before: list[Event] = []
    for event in events:
        assert guard.events([event]) == []
        if guard.due:
            told = await guard.windows(kept=False)
            assert not isinstance(told, Refusal)
            before += told
    after = await guard.released(kept=False)
    assert not isinstance(after, Refusal)
    return before, after


def spoke(events: list[Event], kind: type[TextDelta | ReasoningDelta] = TextDelta) -> str:
    return "".join(each.text for each in events if isinstance(each, kind))


async def test_a_long_text_leaves_window_by_window_and_in_any_pieces_the_same(tmp_path: Path) -> None:
    text = f"{PROSE * 9}It was {NAME}. {PROSE * 12}"
    async with room(tmp_path) as made:
        outs: set[str] = set()
        for size in (3, 17, len(text)):
            events: list[Event] = [TextDelta(0, text[at : at + size]) for at in range(0, len(text), size)]
            before, after = await through(
                made.guard(terms(output_names=Reading.REQUIRED)), [*events, Finished(0, "stop")]
            )
            assert len(spoke(before)) > len(text) // 2, "most of it has left before its end"
            assert after[-1] == Finished(0, "stop")
            outs.add(spoke([*before, *after]))
        assert outs == {text.replace(NAME, "[PERSON]")}
        assert made.told["read"] > 3


async def test_reasoning_goes_before_the_answer_that_follows_it_and_json_waits(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        guard = made.guard(terms(output_names=Reading.ON))
        thought = [ReasoningDelta(0, f"{PROSE * 2}{NAME[:9]}"), ReasoningDelta(0, f"{NAME[9:]}?")]
        before, after = await through(guard, [*thought, TextDelta(0, "  "), TextDelta(0, "Yes: "), TextDelta(0, NAME)])
        assert spoke(before, ReasoningDelta) == f"{PROSE * 2}[PERSON]?", "it has ended where the answer begins"
        assert (spoke(before), spoke(after)) == ("", "  Yes: [PERSON]")
        json_text = json.dumps({"to": NAME, "said": PROSE * 20})
        guard = made.guard(terms(output_names=Reading.ON))
        before, after = await through(guard, [TextDelta(0, each) for each in (" ", *json_text)])
        assert spoke(before) == ""
        assert json.loads(spoke(after)) == {"to": "[PERSON]", "said": PROSE * 20}


async def test_a_choice_that_ends_does_not_hold_another_back(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        events: list[Event] = [TextDelta(0, f"I am {NAME}."), Finished(0, "stop")]
        events += [TextDelta(1, f"{PROSE}{NAME[:4]}"), TextDelta(1, f"{NAME[4:]} {PROSE * 20}"), Finished(1, "stop")]
        before, after = await through(made.guard(terms(output_names=Reading.ON)), events)
        first = "".join(each.text for each in before if isinstance(each, TextDelta) and each.choice == 0)
        assert first == "I am [PERSON]."
        other = "".join(each.text for each in [*before, *after] if isinstance(each, TextDelta) and each.choice == 1)
        assert other == f"{PROSE}[PERSON] {PROSE * 20}"
        assert [each for each in after if isinstance(each, Finished)] == [Finished(0, "stop"), Finished(1, "stop")]


async def test_a_window_that_must_be_read_and_cannot_be_ends_the_answer(tmp_path: Path) -> None:
    async with room(tmp_path, away=True) as made:
        guard = made.guard(terms(output_names=Reading.REQUIRED))
        assert guard.events([TextDelta(0, PROSE * 20)]) == []
        assert isinstance(await guard.windows(kept=False), Refusal)
        assert guard.rest() == []
        optional = made.guard(terms(output_names=Reading.ON))
        before, after = await through(
            optional, [TextDelta(0, f"{PROSE * 9}a.b@exam"), TextDelta(0, f"ple.com {PROSE * 9}")]
        )
        assert spoke([*before, *after]) == f"{PROSE * 9}[EMAIL] {PROSE * 9}", "patterns find across pieces all the same"


async def test_what_is_blocked_is_never_told_of_a_window(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        guard = made.guard(terms(output_names=Reading.ON, person=Action.BLOCK))
        assert guard.events([TextDelta(0, f"{PROSE * 9}{NAME} {PROSE * 9}")]) == []
        assert isinstance(await guard.windows(kept=False), Refusal)


async def test_a_long_ask_is_read_in_parts_and_one_text_that_no_worker_takes_is_unread(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        texts = [f"{number} " + "x" * 100_000 for number in range(4)]
        read = await made.names.read(who(), texts)
        assert set(read) == set(texts)
        assert len(made.worker.asked) == 2
        with pytest.raises(NamesAway):
            await made.names.read(who(), ["y" * 300_000])


async def test_callers_share_no_turn_and_the_loop_goes_on_meanwhile(tmp_path: Path) -> None:
    async with room(tmp_path) as made:
        await asyncio.gather(*(made.ask(terms(Reading.ON), spoken(f"{n} {NAME}"), tenant=n % 2 + 1) for n in range(8)))
        assert made.told == {"read": 8}
        heads = b"".join(asked.head for asked in made.worker.asked)
        assert str(UUID(int=1)).encode() in heads
        assert str(UUID(int=2)).encode() in heads
