"""The product's own attacker against the real product: every case that takes no long look at the clock."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeAlias

import pytest

from strongroom.attack import Case, Target
from strongroom.attack.isolation import CASES

MakeTarget: TypeAlias = Callable[[], AbstractContextManager[Target]]

TIMED = {55, 56}
"""See `tests/isolation/oracles`."""


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.number not in TIMED], ids=lambda case: f"{case.number}"
)
def test_the_walls_hold(case: Case, target: Target) -> None:
    verdict = case(target)
    assert verdict.passed, f"{verdict.case} {verdict.title}: {verdict.seen}"


@pytest.mark.parametrize("number", [1, 2, 3, 5, 57])
def test_a_case_sees_when_there_is_no_wall(number: int, make_target: MakeTarget) -> None:
    # An attacker who holds B's credentials gets what is B's: as if A's were good for it.
    with make_target() as target:
        verdict = next(case for case in CASES if case.number == number)(replace(target, a=target.b))
    assert not verdict.passed
    assert not any("could not be carried out" in each for each in verdict.seen), verdict.seen


def test_what_is_seen_holds_no_secret(make_target: MakeTarget) -> None:
    with make_target() as target:
        broken = replace(target, a=target.b)
        said = " ".join(" ".join(case(broken).seen) for case in CASES if case.number in {1, 3, 5})
    keys = [key for tenant in (target.a, target.b) for key in (*tenant.keys.values(), tenant.evaluator, tenant.admin)]
    assert said
    assert target.canary not in said
    assert not any(key.secret in said for key in keys)
    assert not any(key.secret in repr(target) for key in keys)
