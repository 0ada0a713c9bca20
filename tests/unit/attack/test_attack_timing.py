from __future__ import annotations

import math
import random
from types import SimpleNamespace

import pytest

from strongroom.attack import timing
from strongroom.attack.timing import PAIRS, Comparison, auc, compare


def test_auc_of_samples_that_are_known() -> None:
    assert auc([1, 2, 3], [4, 5, 6]) == 0
    assert auc([4, 5, 6], [1, 2, 3]) == 1
    assert auc([1, 1], [1, 1]) == 0.5
    assert auc([1, 3], [2, 4]) == 0.25


def test_the_stated_error_rate() -> None:
    # The docstring's standard deviation, held against samples without a difference.
    chance = random.Random(7)  # noqa: S311 - samples, no secret
    areas = [
        auc([chance.random() for _ in range(PAIRS)], [chance.random() for _ in range(PAIRS)]) - 0.5 for _ in range(60)
    ]
    measured = math.sqrt(sum(area * area for area in areas) / len(areas))
    stated = math.sqrt((2 * PAIRS + 1) / (12 * PAIRS**2))
    assert stated == pytest.approx(0.029, abs=0.0005)
    assert measured == pytest.approx(stated, rel=0.35)
    assert max(map(abs, areas)) < 0.1


def test_a_difference_is_believed_only_when_it_shows_twice_and_alike() -> None:
    assert not Comparison((0.5,), (1, 1)).apart
    assert not Comparison((0.7, 0.5), (1, 1)).apart
    assert not Comparison((0.7, 0.3), (1, 1)).apart
    assert Comparison((0.7, 0.65), (1, 1)).apart
    assert Comparison((0.3, 0.35), (1, 1)).apart


def test_a_real_difference_is_seen_and_none_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now, chance = [0.0], random.Random(3)  # noqa: S311 - samples, no secret
    monkeypatch.setattr(timing, "time", SimpleNamespace(perf_counter=lambda: now[0]))

    def takes(mean: float) -> None:
        now[0] += chance.gauss(mean, 1e-4)

    assert compare(lambda: takes(1e-3 + 1e-4), lambda: takes(1e-3)).apart
    assert not compare(lambda: takes(1e-3), lambda: takes(1e-3)).apart
