"""A private run: multinomial logistic regression by DP-SGD (Abadi et al. 2016), and the accountant of what it spends.

Each step takes every row by chance (Poisson sampling), shortens each row's gradient to `clip`, and adds Gaussian noise of
`noise` times `clip`. What T such steps spend is Rényi differential privacy of the sampled Gaussian mechanism at integer
orders (Mironov, Talwar & Zhang 2019, §3.3), told as (ε, δ) by Canonne, Kamath & Steinke 2020 (proposition 12).
The noise is never drawn from a seed that anybody was told.
"""

from __future__ import annotations

import importlib
import math
import secrets
from typing import Any, Final, NamedTuple

import numpy as np

from strongroom.training.model import Private

ORDERS: Final = (*range(2, 65), 72, 80, 96, 128, 160, 192, 256, 384, 512)
_WIDEST: Final = 1e4
_STEPS: Final = 60
_PRECISION: Final = 1e-3


class Spent(NamedTuple):
    """What a run has spent, and how."""

    epsilon: float
    delta: float
    noise: float
    steps: int
    sampling: float


def epsilon(*, sampling: float, noise: float, steps: int, delta: float) -> float:
    """Return what `steps` steps spend at `delta`.

    Args:
        sampling: the chance of a row to be in a step.
        noise: the noise's standard deviation, in lengths of the longest gradient.
        steps: how many.
        delta: the chance with which more may be spent.
    """
    told: list[float] = [
        steps * _rdp(sampling, noise, order)
        + math.log((order - 1) / order)
        - (math.log(delta) + math.log(order)) / (order - 1)
        for order in ORDERS
    ]
    return max(0.0, min(told))


def noise_for(*, sampling: float, steps: int, target: float, delta: float) -> float:
    """Return the least noise with which `steps` steps spend no more than `target`, rounded up.

    Raises:
        ValueError: when no noise does.
    """
    low, high = 0.2, 1.0
    while epsilon(sampling=sampling, noise=high, steps=steps, delta=delta) > target:
        high *= 2
        if high > _WIDEST:
            raise ValueError("no noise is enough")
    for _ in range(_STEPS):
        if high - low < _PRECISION:
            break
        middle = (low + high) / 2
        if epsilon(sampling=sampling, noise=middle, steps=steps, delta=delta) > target:
            low = middle
        else:
            high = middle
    return high


def fit_privately(
    features: Any,
    truth: Any,
    classes: int,
    private: Private,
    bounds: tuple[Any, Any],
    *,
    epochs: int,
    batch: int | None,
    rate: float | None,
) -> tuple[Any, Spent]:
    """Return a model of scikit-learn's, and what training it has spent.

    Args:
        features: the rows' numbers.
        truth: their classes, from 0.
        classes: how many there are.
        private: what may be spent.
        bounds: the lowest and highest number of each column, as they were said and not read off.
        epochs: how often each row is taken, on average.
        batch: how many rows a step takes, on average.
        rate: how far a step goes.
    """
    low, high = bounds
    middle, half = (high + low) / 2, (high - low) / 2
    scaled = np.clip((features - middle) / half, -1, 1)
    rows = np.hstack([scaled, np.ones((len(scaled), 1))])
    sampling = min(1.0, (batch or max(32, len(rows) // 20)) / len(rows))
    steps = max(1, math.ceil(epochs / sampling))
    noise = noise_for(sampling=sampling, steps=steps, target=private.epsilon, delta=private.delta)
    drawn = np.random.Generator(np.random.PCG64(secrets.randbits(128)))
    weights = np.zeros((rows.shape[1], classes))
    expected = sampling * len(rows)
    for _ in range(steps):
        weights -= (rate or 1.0) * _step(rows, truth, weights, sampling, private.clip, noise, drawn) / expected
    model: Any = importlib.import_module("sklearn.linear_model").LogisticRegression()
    model.classes_ = np.arange(classes)
    model.n_features_in_ = features.shape[1]
    own, bias = weights[:-1].T / half, weights[-1] - (weights[:-1].T / half) @ middle
    if classes == 2:  # noqa: PLR2004 - of two classes one row of weights tells both
        own, bias = own[1:] - own[:1], bias[1:] - bias[:1]
    model.coef_, model.intercept_ = own, bias
    spent = epsilon(sampling=sampling, noise=noise, steps=steps, delta=private.delta)
    return model, Spent(round(spent, 4), private.delta, round(noise, 4), steps, round(sampling, 6))


def _step(rows: Any, truth: Any, weights: Any, sampling: float, clip: float, noise: float, drawn: Any) -> Any:
    """Return the sum of the shortened gradients of the rows that were drawn, with its noise."""
    taken = drawn.random(len(rows)) < sampling
    some = rows[taken]
    scores = some @ weights
    scores -= scores.max(axis=1, keepdims=True, initial=-np.inf) if len(some) else 0
    chances = np.exp(scores)
    chances /= chances.sum(axis=1, keepdims=True) if len(some) else 1
    chances[np.arange(len(some)), truth[taken]] -= 1
    # A row's gradient is the outer product of its numbers and its errors, whose length is the product of theirs.
    length = np.linalg.norm(some, axis=1) * np.linalg.norm(chances, axis=1)
    shortened = some * np.minimum(1, clip / np.maximum(length, 1e-12))[:, None]
    return shortened.T @ chances + drawn.normal(0, noise * clip, size=weights.shape)


def _rdp(sampling: float, noise: float, order: int) -> float:
    """Return the Rényi divergence of one step at an integer order."""
    if sampling >= 1:
        return order / (2 * noise * noise)
    terms = [
        _log_choose(order, k)
        + k * math.log(sampling)
        + (order - k) * math.log1p(-sampling)
        + k * (k - 1) / (2 * noise * noise)
        for k in range(order + 1)
    ]
    most = max(terms)
    return (most + math.log(sum(math.exp(each - most) for each in terms))) / (order - 1)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
