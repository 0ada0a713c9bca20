"""Solving a linear model for its weights from as many answers as it has unknowns (Tramèr et al., USENIX Security 2016).

For a logistic model the logarithm of two scores' ratio is linear in the question, so features + 1 exact answers give
every weight. Fidelity: how often the solution and the model give one label to fresh questions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bench.disclosure.forms import Array, Victim
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

_FLOOR = 0.004  # a score of 0.00 means less than half a hundredth
_LEAST = 1e-300


def digits() -> tuple[Any, Array]:
    """Return a logistic model of handwritten digits (64 features, 10 classes; part of scikit-learn) and fresh questions."""
    rows, labels = load_digits(return_X_y=True)
    rows = rows / 16
    model = LogisticRegression(C=0.05, max_iter=500).fit(rows[:1200], labels[:1200])
    return model, rows[1200:]


def solve(victim: Victim, features: int, seed: int, *, exact: bool) -> Array:
    """Return (weights, intercepts) of each class against the first, from features + 1 answers."""
    draw = np.random.default_rng(seed)
    rows = draw.random((features + 1, features))
    scores = victim(rows).clip(_LEAST if exact else _FLOOR, 1)
    ratios = np.log(scores) - np.log(scores[:, :1])
    return np.linalg.lstsq(np.column_stack([rows, np.ones(len(rows))]), ratios, rcond=None)[0]


def fidelity(victim: Victim, seed: int, judge: Any, rows: Array, *, exact: bool) -> float:
    """Return how often the solved model agrees with the one that was asked."""
    solved = solve(victim, rows.shape[1], seed, exact=exact)
    mine = np.column_stack([rows, np.ones(len(rows))]) @ solved
    return float((judge.classes_[mine.argmax(axis=1)] == judge.predict(rows)).mean())
