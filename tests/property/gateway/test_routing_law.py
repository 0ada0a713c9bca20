"""Every target comes once, in fallback order, and as often first as its weight says."""

from __future__ import annotations

from collections import Counter
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from strongroom.gateway.routing import in_order
from strongroom.registry import TargetDocument

TARGETS = st.lists(
    st.builds(
        TargetDocument,
        provider=st.integers(0, 9).map(lambda n: UUID(int=n)),
        model=st.just("m"),
        weight=st.integers(1, 1000),
        fallback=st.integers(0, 3),
    ),
    min_size=1,
    max_size=16,
)


@given(targets=TARGETS, draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=16, max_size=16))
def test_every_target_comes_once_and_none_before_its_order(targets: list[TargetDocument], draws: list[float]) -> None:
    found = list(in_order(targets, iter(draws).__next__))
    assert Counter(map(id, found)) == Counter(map(id, targets))
    assert [target.fallback for target in found] == sorted(target.fallback for target in targets)


def test_who_comes_first_follows_the_weights() -> None:
    targets = [TargetDocument(provider=UUID(int=n), model="m", weight=w, fallback=0) for n, w in enumerate((1, 3, 6))]
    random = Random(1)  # noqa: S311 - a figure, no secret
    first = Counter(next(in_order(targets, random.random)).weight for _ in range(10_000))
    assert abs(first[1] - 1000) < 150
    assert abs(first[3] - 3000) < 200
    assert abs(first[6] - 6000) < 200
