"""What watching for canaries and instructions costs, and how often it is wrong: `.venv/bin/python -m bench.privacy.leaks`.

Wrong: an answer that gives nothing away is stopped. The benign texts are what the interpreter brings along: its language reference
(English, 0.6 Mchar) and its library (code, 4 Mchar cut off), and random bytes in base64, each looked at as an answer.
"""

from __future__ import annotations

import base64
import pydoc_data.topics
import random
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

from strongroom.canaries import Planted
from strongroom.gateway.exchange.answers import Choice, Event, Finished, Generation, TextDelta
from strongroom.gateway.exchange.asks import ChatAsk, Message, TextPart
from strongroom.gateway.guard import Guard
from strongroom.gateway.guard_looks import Rules
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal
from strongroom.privacy.canaries import Canaries, Canary, make
from strongroom.privacy.tokens import Tokens, Vault
from strongroom.rules.privacy import Leak

ACME: Final = TenantId(UUID(int=1))
EVENTS: Final = 200
PIECE: Final = 5
ROUNDS: Final = 30
MOST_CODE: Final = 4_000_000
TOPICS: Final = [each for each in pydoc_data.topics.topics.values() if len(each) > 2000]


def planted(count: int) -> Planted:
    """Return that many canaries."""
    made = [Canary(str(number), make()) for number in range(count)]
    return Planted(Canaries(made), made[0].word if made else "", {each.id: ACME for each in made}, {})


def ask(system: str) -> ChatAsk:
    """Return a question under instructions."""
    said = [Message(role="system", parts=(TextPart(system),))] if system else []
    return ChatAsk(model="m", messages=(*said, Message(role="user", parts=(TextPart("go on"),))))


def fresh(canaries: Leak, instructions: Leak) -> Guard:
    """Return the guard of a request of which nothing is known yet."""

    def told(direction: str, kind: str, action: str) -> None:
        del direction, kind, action

    rules = Rules(None, None, unchecked=True, tokens=False, canaries=canaries, instructions=instructions)
    return Guard(rules, told, lambda: Vault(Tokens(bytes(32))))


def guard(of: ChatAsk, known: Planted, canaries: Leak, instructions: Leak) -> Guard:
    """Return the guard of one request."""
    made = fresh(canaries, instructions)
    made.watch(of, known, ACME)
    return made


def per_event(made: Callable[[], Guard], text: str) -> float:
    """Return the least microseconds of CPU that an event of a stream cost."""
    pieces: list[list[Event]] = [[TextDelta(0, text[at * PIECE : at * PIECE + PIECE])] for at in range(EVENTS)]
    best = float("inf")
    for _ in range(ROUNDS):
        one = made()
        began = time.perf_counter()
        for each in pieces:
            one.events(each)
        one.events([Finished(0, "stop")])
        best = min(best, time.perf_counter() - began)
    return best / EVENTS * 1e6


def per_request(of: ChatAsk, known: Planted) -> float:
    """Return the least microseconds that a request costs before it is sent."""
    best = float("inf")
    for _ in range(ROUNDS * 10):
        made = fresh(Leak.CUT, Leak.CUT)
        began = time.perf_counter()
        made.watch(of, known, ACME)
        best = min(best, time.perf_counter() - began)
    return best * 1e6


def wrong(text: str, known: Planted, of: ChatAsk) -> int:
    """Return how many answers of 2,000 characters out of `text` were stopped."""
    stopped = 0
    for at in range(0, len(text), 2000):
        answer = Generation(choices=(Choice(text=text[at : at + 2000]),))
        stopped += isinstance(guard(of, known, Leak.CUT, Leak.CUT).answer(answer), Refusal)
    return stopped


def run() -> None:
    """Print every figure."""
    english = "\n".join(TOPICS)
    library = Path(sysconfig.get_path("stdlib"))
    code = "\n".join(each.read_text(encoding="utf-8", errors="replace") for each in sorted(library.glob("*.py")))[
        :MOST_CODE
    ]
    noise = base64.b64encode(random.Random(1).randbytes(750_000)).decode()  # noqa: S311 - no secret
    system = ask(TOPICS[0][:1500])
    text = english[5000 : 5000 + EVENTS * PIECE]
    none, one, thousand = planted(0), planted(1), planted(1000)
    print("microseconds per event of a stream (5 characters), the guard alone:")
    for name, of, known, canaries, instructions in (
        ("one canary, nothing else", ask(""), one, Leak.CUT, Leak.OFF),
        ("a thousand canaries", ask(""), thousand, Leak.CUT, Leak.OFF),
        ("instructions of 1,500 characters", system, none, Leak.OFF, Leak.CUT),
        ("both", system, thousand, Leak.CUT, Leak.CUT),
    ):
        print(f"  {name:<36}{per_event(lambda: guard(of, known, canaries, instructions), text):6.2f}")  # noqa: B023 - called here
    print("microseconds per request, before it is sent:")
    print(f"  {'with a canary and known instructions':<36}{per_request(system, thousand):6.1f}")
    began = time.perf_counter()
    planted(1000)
    print(f"  compiling a thousand canaries, once a change: {(time.perf_counter() - began) * 1e3:.0f} ms")
    print("answers of 2,000 characters that give nothing away, stopped all the same:")
    for name, benign in (("English", english), ("code", code), ("base64", noise)):
        asked = ask(code[:1500] if name != "code" else TOPICS[0][:1500])
        print(f"  {name:<10}{wrong(benign, thousand, asked):4d} of {-(-len(benign) // 2000)}")
    own = [wrong(TOPICS[at + 1][:2000], none, ask(TOPICS[at][:1500])) for at in range(len(TOPICS) - 1)]
    print(f"  {'English, under the instructions of its neighbour':<10} {sum(own)} of {len(own)}")


if __name__ == "__main__":
    run()
