"""The accountant against published figures, and the laws that it must keep."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.training.private import epsilon, noise_for


@pytest.mark.parametrize(
    ("sampling", "noise", "steps", "delta", "published"),
    [
        # Abadi et al. 2016, §5.2: q = .01, sigma = 4, delta = 1e-5, 10,000 steps: 1.26 by the moments accountant, which
        # converts more loosely; what is told here is never more.
        (0.01, 4.0, 10_000, 1e-5, (0.90, 1.26)),
        # TensorFlow Privacy's tutorial on MNIST: 60,000 rows, batches of 256, 60 epochs, noise 1.1: 3.0 (with older words 3.1).
        (256 / 60_000, 1.1, 60 * 60_000 // 256, 1e-5, (2.5, 3.0)),
        # No sampling: the Gaussian mechanism, whose exact figure for sigma = 1 and delta = 1e-5 is 4.377 (Balle & Wang 2018).
        (1.0, 1.0, 1, 1e-5, (4.377, 4.76)),
    ],
)
def test_what_is_spent_is_what_was_published(
    sampling: float, noise: float, steps: int, delta: float, published: tuple[float, float]
) -> None:
    low, high = published
    assert low <= epsilon(sampling=sampling, noise=noise, steps=steps, delta=delta) <= high


@pytest.mark.parametrize(
    ("sampling", "noise", "steps", "delta", "library"),
    [
        # What dp-accounting 0.6.0 says of the same runs, with its orders between the whole ones.
        (0.01, 4.0, 10_000, 1e-5, 1.0354900660362436),
        (256 / 60_000, 1.1, 14_062, 1e-5, 2.5965558697943036),
        (1.0, 1.0, 1, 1e-5, 4.728507067217623),
        (0.05, 1.5, 400, 1e-6, 4.1337683246204),
    ],
)
def test_no_less_is_told_than_a_library_of_accountants_tells_and_hardly_more(
    sampling: float, noise: float, steps: int, delta: float, library: float
) -> None:
    told = epsilon(sampling=sampling, noise=noise, steps=steps, delta=delta)
    assert library * (1 - 1e-9) <= told <= library * 1.01


@settings(max_examples=25)
@given(sampling=st.floats(0.001, 0.5), noise=st.floats(0.6, 8), steps=st.integers(1, 2000), delta=st.floats(1e-9, 1e-3))
def test_more_noise_spends_less_and_more_steps_more(sampling: float, noise: float, steps: int, delta: float) -> None:
    spent = epsilon(sampling=sampling, noise=noise, steps=steps, delta=delta)
    assert epsilon(sampling=sampling, noise=noise * 1.5, steps=steps, delta=delta) <= spent
    assert epsilon(sampling=sampling, noise=noise, steps=steps * 2, delta=delta) >= spent
    assert epsilon(sampling=sampling, noise=noise, steps=steps, delta=delta / 10) >= spent


@pytest.mark.parametrize("target", [0.5, 1.0, 3.0, 10.0])
def test_the_noise_that_is_found_spends_no_more_than_was_asked_for_and_hardly_less(target: float) -> None:
    noise = noise_for(sampling=0.05, steps=400, target=target, delta=1e-5)
    spent = epsilon(sampling=0.05, noise=noise, steps=400, delta=1e-5)
    assert 0.95 * target < spent <= target
