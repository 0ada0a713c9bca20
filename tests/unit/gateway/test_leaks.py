"""What a caller reads of an answer that gives away a canary or its instructions, however it is cut and in whatever form."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from typing import Final, Literal
from uuid import UUID

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.privacy.test_canaries import VIEWS, WORD

from strongroom.canaries import Planted
from strongroom.gateway import leaks
from strongroom.gateway.exchange.answers import (
    Answer,
    Call,
    CallDelta,
    Choice,
    Event,
    Finished,
    Generation,
    Prediction,
    ReasoningDelta,
    TextDelta,
)
from strongroom.gateway.exchange.asks import Ask, ChatAsk, InferAsk, Message, Tensor, TextPart
from strongroom.gateway.guard import Guard
from strongroom.gateway.guard_looks import Rules
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal
from strongroom.privacy import prompts
from strongroom.privacy.canaries import FRAGMENT, Canaries, Canary
from strongroom.privacy.tokens import Tokens, Vault
from strongroom.rules.privacy import Leak

ACME, OTHER = TenantId(UUID(int=1)), TenantId(UUID(int=2))
PLANTED: Final = Planted(Canaries([Canary("c1", WORD)]), WORD, {"c1": ACME}, {"c1": "support"})
NOTHING: Final = Planted(Canaries([]))
INSTRUCTIONS: Final = (
    "You are the assistant of Harbor Bank and you are called Harbor. Greet people by their first name and stay polite. "
    "Never speak about the merger with Northern Trust before the board has published it on the ninth of March. "
    "Give a discount of eleven percent to whoever asks twice, and of four percent to everybody else, without saying why. "
    "If somebody is angry, offer a call by a supervisor within two hours and write the ticket with the priority orange. "
    "Accounts that begin with seven belong to staff: do not tell their balance, whatever is said about urgency or rank."
)
BENIGN: Final = (
    "Thank you for asking. The assistant of Harbor Bank can help with accounts, cards and loans. To see your balance, open "
    "the app, choose the account and scroll down. A supervisor can call you within two hours if you prefer to talk. We are "
    "sorry for the trouble. A discount is possible in some cases; the terms are in the brochure. Is there anything else? "
)


def ask(system: str = INSTRUCTIONS, user: str = "Hello, who are you?") -> ChatAsk:
    said: list[tuple[Literal["system", "user"], str]] = [("system", system)] if system else []
    said.append(("user", user))
    return ChatAsk(model="m", messages=tuple([Message(role=role, parts=(TextPart(text),)) for role, text in said]))


def guard(
    of: Ask | None = None,
    planted: Planted = PLANTED,
    *,
    canaries: Leak = Leak.CUT,
    instructions: Leak = Leak.CUT,
    tenant: TenantId = ACME,
) -> Guard:
    def told(direction: str, kind: str, action: str) -> None:
        del direction, kind, action

    rules = Rules(None, None, unchecked=True, tokens=False, canaries=canaries, instructions=instructions)
    made = Guard(rules, told, lambda: Vault(Tokens(bytes(32))))
    made.watch(of or ask(), planted, tenant)
    return made


def streamed(made: Guard, events: list[Event], *, stops: frozenset[int] = frozenset()) -> tuple[str, Refusal | None]:
    """Return all text that left, and why the stream ended; at `stops` it came to a stop for a while."""
    left: list[Event] = []
    no: Refusal | None = None
    for index, event in enumerate([*events, Finished(0, "stop")]):
        passed = made.events([event])
        if isinstance(passed, Refusal):
            no = passed
            break
        left += passed
        if index in stops:
            left += made.hasten()
    left += made.rest()
    return "".join([_said(each) for each in left]), no


def _said(event: Event) -> str:
    match event:
        case TextDelta() | ReasoningDelta():
            return event.text
        case CallDelta():
            return f"{event.name} {event.arguments}"
        case _:
            return ""


def pieces(text: str, cuts: list[int], kind: type[TextDelta | ReasoningDelta] = TextDelta) -> list[Event]:
    ends = sorted({*(cut % (len(text) + 1) for cut in cuts), 0, len(text)})
    return [kind(0, text[a:b]) for a, b in itertools.pairwise(ends)]


def fragments(view: str) -> list[str]:
    """Return what must not stand in what left: of a view, the shortest pieces that hold `FRAGMENT` letters of the canary."""
    size = len(view) * FRAGMENT // len(WORD)
    return [view[at : at + size] for at in range(len(view) - size + 1)]


@given(
    name=st.sampled_from(sorted(set(VIEWS) - {"base64 in lines", "base64 of more"})),
    before=st.integers(0, 260),
    cuts=st.lists(st.integers(0, 2000), max_size=60),
    stops=st.frozensets(st.integers(0, 60), max_size=8),
    kind=st.sampled_from([TextDelta, ReasoningDelta]),
)
@example(name="base64 spaced", before=0, cuts=[11], stops=frozenset({0}), kind=TextDelta)
@example(name="base64 spaced", before=0, cuts=[12], stops=frozenset({0}), kind=ReasoningDelta)
@example(name="html", before=0, cuts=list(range(0, 400, 3)), stops=frozenset(range(60)), kind=TextDelta)
@example(name="as it is", before=64, cuts=list(range(0, 400, 1)), stops=frozenset(range(0, 400, 7)), kind=TextDelta)
@settings(max_examples=250, deadline=None)
def test_no_fragment_of_a_canary_leaves_whatever_its_form_and_however_the_stream_is_cut(
    name: str, before: int, cuts: list[int], stops: frozenset[int], kind: type[TextDelta | ReasoningDelta]
) -> None:
    view = VIEWS[name](WORD)
    told, no = streamed(guard(), pieces(f"{BENIGN[:before]} {view} {BENIGN}", cuts, kind), stops=stops)
    assert no is not None
    assert no.code == leaks.CODE
    assert no.signal == leaks.CANARY
    assert WORD not in no.reason
    assert WORD not in no.tell
    benign = f"{BENIGN} {BENIGN}"
    assert not [each for each in fragments(view) if each in told and each not in benign]
    assert BENIGN.startswith(told.rstrip()[: len(BENIGN)][:before]), "what came before it is what was said"


@given(cuts=st.lists(st.integers(0, 2000), max_size=60), stops=st.frozensets(st.integers(0, 60), max_size=8))
@settings(max_examples=60, deadline=None)
def test_an_honest_answer_leaves_whole_however_it_is_cut(cuts: list[int], stops: frozenset[int]) -> None:
    assert streamed(guard(), pieces(BENIGN, cuts), stops=stops) == (BENIGN, None)


VERBATIM: Final[dict[str, Callable[[str], str]]] = {
    "as they are": str,
    "upper": str.upper,
    "without blanks": lambda text: re.sub(r"\W", "", text),
    "backwards": lambda text: text[::-1],
    **{name: VIEWS[name] for name in ("rot13", "caesar 3", "base64", "hexadecimal", "spaced", "every second")},
}


@pytest.mark.parametrize("name", VERBATIM)
@pytest.mark.parametrize("size", [1, 5, 40, 4000])
def test_instructions_are_stopped_within_the_stated_number_of_characters(name: str, size: int) -> None:
    letters = re.sub(r"[^a-z]", "", INSTRUCTIONS.lower())
    text = VERBATIM[name](letters if name in {"rot13", "caesar 3"} else INSTRUCTIONS)
    events: list[Event] = [TextDelta(0, text[at : at + size]) for at in range(0, len(text), size)]
    told, no = streamed(guard(planted=NOTHING), events)
    assert no is not None
    assert no.signal == leaks.INSTRUCTIONS
    wide = len(text) / len(INSTRUCTIONS)
    assert len(told) <= wide * len(INSTRUCTIONS) * prompts.SHARE + 2 * prompts.STRIDE * max(wide, 1.0)


def test_long_instructions_are_stopped_after_a_fixed_number_of_characters() -> None:
    made = random.Random(5)  # noqa: S311 - no secret
    words = ["".join(made.choices("etaoinshrdlu", k=made.randint(2, 9))) for _ in range(3000)]
    system = " ".join(words)
    told, no = streamed(
        guard(ask(system), NOTHING), [TextDelta(0, system[at : at + 5]) for at in range(0, len(system), 5)]
    )
    assert no is not None
    assert len(told) <= prompts.STOPPED < len(system) / 10


def test_instructions_in_parts_count_together() -> None:
    half = len(INSTRUCTIONS) // 6
    events: list[Event] = [ReasoningDelta(0, INSTRUCTIONS[:half]), TextDelta(0, INSTRUCTIONS[half : 2 * half] + BENIGN)]
    assert streamed(guard(planted=NOTHING), events)[1] is not None
    assert streamed(guard(planted=NOTHING), events[1:])[1] is None, "the control: one part is not enough"


def test_what_the_caller_said_itself_may_be_said_again() -> None:
    events: list[Event] = [TextDelta(0, INSTRUCTIONS)]
    known = ask(user=f"Shorten this: {INSTRUCTIONS}")
    assert streamed(guard(known, NOTHING), events) == (INSTRUCTIONS, None)
    assert streamed(guard(ask(user="Shorten this"), NOTHING), events)[1] is not None, "the control"


def test_instructions_of_one_sentence_and_honest_quotes_pass() -> None:
    short = "You are a helpful assistant of Harbor Bank."
    answer = f"I am a helpful assistant of Harbor Bank. You are welcome! {BENIGN}"
    assert streamed(guard(ask(short), NOTHING), [TextDelta(0, answer)]) == (answer, None)
    assert streamed(guard(planted=NOTHING), [TextDelta(0, answer)]) == (answer, None)


def test_a_canary_in_the_arguments_of_a_call_ends_the_answer_before_the_call() -> None:
    call = CallDelta(0, 0, "call_1", "search", f'{{"q": "{"-".join(WORD)}"}}')
    told, no = streamed(guard(), [TextDelta(0, "One moment. "), call])
    assert no is not None
    assert "search" not in told
    assert WORD[:4] not in told


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_a_whole_answer_with_a_canary_is_none_wherever_in_it_that_is(name: str) -> None:
    view = VIEWS[name](WORD)
    calls = (Call(id="1", name="f", arguments=view),)
    answers: list[Answer] = [
        Generation(choices=(Choice(text="well"), Choice(index=1, text=BENIGN + view))),
        Generation(choices=(Choice(text="well", reasoning=view),)),
        Generation(choices=(Choice(text=None, calls=calls),)),
        Prediction(outputs=(Tensor(name="t", datatype="BYTES", shape=(1,), data=[view]),)),
    ]
    for answer in answers:
        of: Ask = InferAsk(model="m", inputs=()) if isinstance(answer, Prediction) else ask("")
        no = guard(of).answer(answer)
        assert isinstance(no, Refusal)
        assert no.code == leaks.CODE
    assert guard().answer(Generation(choices=(Choice(text=BENIGN),))) == Generation(choices=(Choice(text=BENIGN),))


def test_one_in_a_whole_answers_reasoning_that_goes_on_in_its_text_is_found() -> None:
    no = guard().answer(Generation(choices=(Choice(text=WORD[6:], reasoning=WORD[:6]),)))
    assert isinstance(no, Refusal)


def test_where_it_is_only_to_be_told_the_answer_goes_on_and_it_is_told_once() -> None:
    made = guard(canaries=Leak.ALERT, instructions=Leak.ALERT)
    text = f"{WORD} {WORD} {INSTRUCTIONS} {INSTRUCTIONS}"
    assert streamed(made, [TextDelta(0, text[at : at + 9]) for at in range(0, len(text), 9)]) == (text, None)
    assert made.leaks is not None
    assert sorted(each.signal for each in made.leaks.seen) == [leaks.CANARY, leaks.INSTRUCTIONS]


def test_where_nothing_is_to_be_looked_for_nothing_is_and_nothing_is_planted() -> None:
    made = guard(canaries=Leak.OFF, instructions=Leak.OFF)
    assert made.leaks is None
    assert made.word == ""


def test_another_tenants_canary_ends_the_answer_even_where_ones_own_are_only_told() -> None:
    made = guard(canaries=Leak.ALERT, tenant=OTHER)
    _, no = streamed(made, [TextDelta(0, f"so {WORD}")])
    assert no is not None
    assert "of another tenant" in no.reason
    assert "support" not in no.reason, "what it is called is its owner's to know"


def test_a_canary_is_planted_in_the_last_of_the_instructions_and_nowhere_else() -> None:
    planted = leaks.plant(ask(), WORD)
    assert isinstance(planted, ChatAsk)
    system, user = planted.messages
    assert system.parts == (TextPart(INSTRUCTIONS), TextPart(leaks.line(WORD)))
    assert WORD in leaks.line(WORD)
    assert user == ask().messages[1]
    assert leaks.plant(ask(""), WORD) == ask("")
    assert guard().word == WORD
    assert guard(ask("")).word == ""


def test_a_deployments_own_instructions_are_watched_and_planted_in_without_any_of_the_callers() -> None:
    made = guard(ask(""))
    made.watch(ask(""), PLANTED, ACME, INSTRUCTIONS)
    assert made.word == WORD
    assert streamed(made, [TextDelta(0, INSTRUCTIONS)])[1] is not None
