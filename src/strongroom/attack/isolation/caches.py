"""Case 43: whether A's prompt makes B's answer come sooner.

How much of a prompt a cache held is told to nobody, so it is seen as an attacker sees it: by time. A hundred tokens take
the model long to read (seconds on a busy small machine) and a cache no time at all: the measured ratio is above 30.
"""

from __future__ import annotations

import secrets
import time
from typing import Final

from strongroom.attack.attempt import OK, Attempt, question
from strongroom.attack.http import Line
from strongroom.attack.target import Key, Target
from strongroom.attack.verdict import Notes, case

_WORDS: Final = 16
_ROUNDS: Final = 2
_SOONER: Final = 0.5
"""A cached answer takes less than this part of a cold one."""


@case(43, "the same prompt from A, then from B")
def shared_prompt(target: Target, notes: Notes) -> None:
    """Ask as A, as A again, then as B and as A's other workload: only A's second answer comes sooner."""
    at, a = Attempt(target, notes), target.a
    cold: list[float] = []
    again: list[float] = []
    strangers: list[float] = []
    siblings: list[float] = []
    for _ in range(_ROUNDS):
        prompt = " ".join(secrets.token_hex(2) for _ in range(_WORDS))
        for times, key in ((cold, a.dev), (again, a.dev), (strangers, target.b.dev), (siblings, a.evaluator)):
            times.append(_time(at, key, prompt))
    notes.hold(max(again) < min(cold) * _SOONER, "control: A's own second answer does not come sooner")
    for times, who in ((strangers, "B"), (siblings, "A's other workload")):
        notes.hold(min(times) > max(again) / _SOONER, f"{who} is answered sooner after A has asked")
    notes.say(
        f"seconds: A {min(cold):.2f}, A again {max(again):.2f}, B {min(strangers):.2f}, other workload {min(siblings):.2f}"
    )


def _time(at: Attempt, key: Key, prompt: str) -> float:
    began = time.perf_counter()
    with Line(at.target.gateway) as line:
        answer = line.ask("POST", "/v1/chat/completions", key=key.secret, data=question(at.target.chat, prompt))
    at.notes.hold(answer.status == OK, f"answered {answer.status}")
    return time.perf_counter() - began
