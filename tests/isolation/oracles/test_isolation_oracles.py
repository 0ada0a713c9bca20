"""Cases 55 and 56: nothing tells what is forbidden from what is missing, not even time."""

from __future__ import annotations

import pytest

from strongroom.attack import Case, Target
from strongroom.attack.isolation import oracles


@pytest.mark.parametrize(
    "case", [oracles.missing_or_forbidden, oracles.unknown_or_wrong], ids=lambda case: f"{case.number}"
)
def test_no_oracle(case: Case, target: Target) -> None:
    verdict = case(target)
    assert verdict.passed, f"{verdict.case} {verdict.title}: {verdict.seen}"
