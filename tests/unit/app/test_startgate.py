"""A worker starts by a yes, and where nobody can be asked by the last one, for a while; never without any."""

from __future__ import annotations

from strongroom.app.startgate import AGAIN_S, StartGate
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.store import Unavailable

NO = Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason="It was revoked.", tell="It was revoked."))
BELIEVED_S = 3600.0


class Hand(SystemClock):
    at = 1000.0

    def boottime(self) -> float:
        return self.at


class Asked:
    """Answers what it is told to, and remembers how it was asked."""

    def __init__(self) -> None:
        self.clock, self.said, self.lenient = Hand(), list[str](), list[bool]()
        self.answer: str | Exception = ""
        self.gate = StartGate(self._ask, self.clock, BELIEVED_S, self.said.append)

    async def _ask(self, lenient: bool) -> str:
        self.lenient.append(lenient)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def why(self) -> str:
        barred = await self.gate()
        return "" if barred is None else barred.why


async def test_without_a_yes_nothing_starts_whatever_kept_it_from_being_told() -> None:
    asked = Asked()
    for answer in (NO, Unavailable("away"), ValueError("a fault"), TimeoutError(), "What is revoked cannot be told."):
        asked.answer = answer
        assert await asked.why()
    assert asked.lenient == [False] * 5
    assert asked.said == []


async def test_the_last_yes_is_believed_for_a_while_and_said_so_and_no_longer() -> None:
    asked = Asked()
    assert await asked.why() == ""
    asked.answer = Unavailable("away")
    asked.clock.at += BELIEVED_S - 1
    assert await asked.why() == ""
    assert "by the last yes" in asked.said[0]
    asked.clock.at += 2
    assert await asked.why() == "It cannot be asked for now (Unavailable)."
    asked.answer = ""
    assert await asked.why() == ""


async def test_a_no_ends_what_was_believed_and_is_asked_for_again_ever_less() -> None:
    asked = Asked()
    assert await asked.why() == ""
    asked.answer = NO
    pauses = [0.0 if (barred := await asked.gate()) is None else barred.again_s for _ in range(12)]
    assert pauses[:3] == [AGAIN_S, 2 * AGAIN_S, 4 * AGAIN_S]
    assert pauses[-1] == 86_400
    asked.answer = Unavailable("away")
    assert await asked.why(), "what was said no to is not started in an outage"


async def test_what_was_asked_for_already_is_not_asked_twice() -> None:
    asked = Asked()
    asked.gate.asked_already()
    assert await asked.why() == ""
    assert asked.lenient == []
    asked.answer = NO
    assert await asked.why() == "It was revoked."
