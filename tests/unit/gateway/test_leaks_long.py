"""What a caller's own turns say of the instructions is looked up once an answer, and of a long request beside the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
from bench.stages.rig import rig
from tests.unit.gateway.test_leaks import INSTRUCTIONS, NOTHING, ask, guard, streamed

from strongroom.gateway.exchange.answers import TextDelta
from strongroom.gateway.guards import AT_ONCE
from strongroom.privacy import prompts
from strongroom.wire import Request

REST = "Of that, tell a friend who waits in the hall what you know about the weather in the mountains and the price of bread. "


@dataclass
class Looks:
    """How often turns were looked up, and in which threads."""

    threads: list[int] = field(default_factory=list[int])

    def __call__(self, texts: Iterable[str], runs: prompts.Instructions) -> frozenset[bytes]:
        self.threads.append(threading.get_ident())
        return SAID_IN(texts, runs)


SAID_IN = prompts.said_in


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    made = Looks()
    monkeypatch.setattr(prompts, "said_in", made)
    return made


def words(text: str) -> list[TextDelta]:
    return [TextDelta(0, text[at : at + 16]) for at in range(0, len(text), 16)]


@pytest.mark.parametrize("user", [INSTRUCTIONS, INSTRUCTIONS[:-160]], ids=["all of them", "nearly all"])
def test_an_answer_that_says_again_what_was_asked_looks_it_up_once(user: str, looks: Looks) -> None:
    known = guard(ask(user=f"Say this again: {user} {REST * 20}"), NOTHING)
    text = f"{user} {user} {user}"
    assert streamed(known, [*words(text)]) == (text, None)
    assert len(looks.threads) == 1


def test_what_the_caller_did_not_say_still_counts_after_what_it_did(looks: Looks) -> None:
    half = len(INSTRUCTIONS) // 2
    known = guard(ask(user=f"Say this again: {INSTRUCTIONS[:half]}"), NOTHING)
    told, no = streamed(known, [*words(f"{INSTRUCTIONS[:half]} {INSTRUCTIONS}")])
    assert no is not None
    assert len(told) < 2 * half + prompts.STOPPED
    assert len(looks.threads) == 1


def test_what_was_looked_up_beforehand_is_not_looked_up_in_the_stream(looks: Looks) -> None:
    known = guard(ask(user=f"Say this again: {INSTRUCTIONS}"), NOTHING)
    assert known.echo_long(None) is None
    assert len(looks.threads) == 1
    assert streamed(known, [*words(INSTRUCTIONS)]) == (INSTRUCTIONS, None)
    assert len(looks.threads) == 1


@pytest.mark.parametrize(("size", "times"), [(AT_ONCE, 1), (100, 0)], ids=["long", "short"])
def test_turns_of_a_long_request_are_looked_up_beside_the_loop_and_of_a_short_one_when_needed(
    size: int, times: int, tmp_path: Path, looks: Looks
) -> None:
    async def asked() -> tuple[int, bytes]:
        with rig(tmp_path) as made:
            leasing = asyncio.create_task(made.leases.run())
            try:
                client = await made.ask(_with(made.whole, (REST * (size // len(REST) + 1))))
            finally:
                leasing.cancel()
            return client.status, b"".join(client.pieces)

    status, said = asyncio.run(asked())
    assert status == 200, said
    assert len(looks.threads) == times
    assert threading.get_ident() not in looks.threads


def _with(request: Request, user: str) -> Request:
    messages = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": user}]
    body = msgspec.json.encode({"model": "tiny", "max_tokens": 64, "messages": messages})
    fields = [each for each in request.headers if each[0] != b"content-length"]
    return Request(method="POST", path=request.path, headers=fields, body=body, peer=request.peer)


def test_turns_are_looked_up_in_pieces_as_they_are_in_one() -> None:
    runs = prompts.Instructions(INSTRUCTIONS)
    for before in (0, 8100, 8192, 16_000):
        assert prompts.said_in([f"{'z' * before}{INSTRUCTIONS}{REST}"], runs) == runs.runs
