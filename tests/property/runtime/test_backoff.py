from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strongroom.runtime.backoff import Backoff, BackoffPolicy

POLICY = BackoffPolicy(first_s=0.25, cap_s=30, stable_s=60)


@given(st.lists(st.tuples(st.floats(0, 59.9), st.floats(0, 0.999)), min_size=1, max_size=40))
def test_waits_double_within_their_jitter_and_never_pass_the_cap(crashes: list[tuple[float, float]]) -> None:
    jitters = iter([jitter for _, jitter in crashes])
    backoff = Backoff(POLICY, jitter=lambda: next(jitters))
    for count, (ran_s, _) in enumerate(crashes):
        whole = min(0.25 * 2**count, 30)
        assert whole / 2 <= backoff.after(ran_s) <= whole


@given(st.integers(0, 20))
def test_a_stable_run_forgets(crashes: int) -> None:
    backoff = Backoff(POLICY, jitter=lambda: 1.0)
    for _ in range(crashes):
        backoff.after(0)
    assert backoff.after(60) == 0.25
