"""How exactly a prediction is told, as numbers an attacker can work with: one row of scores for each question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

Array = Any

DECIMALS: Final = 2
FORMS: Final = ("full", "rounded", "top1", "label")
TITLES: Final = {"full": "all scores", "rounded": "two decimals", "top1": "best, two decimals", "label": "label only"}


def told(chances: Array, form: str) -> Array:
    """Return what a caller can make of an answer in `form`: what was not told is spread evenly over what it is not.

    Args:
        chances: of shape (questions, classes).
        form: one of `FORMS`.
    """
    if form == "full":
        return chances
    if form == "rounded":
        return np.round(chances, DECIMALS)
    best = chances.argmax(axis=1)
    count, classes = chances.shape
    kept = np.round(chances.max(axis=1), DECIMALS) if form == "top1" else np.ones(count)
    rows = np.repeat(((1 - kept) / (classes - 1))[:, None], classes, axis=1)
    rows[np.arange(count), best] = kept
    return rows


Victim = Callable[[Array], Array]
"""Answers questions of shape (questions, features) with scores of shape (questions, classes), as exactly as it tells."""


def telling(model: Any, form: str) -> Victim:
    """Return a model of scikit-learn's as a victim that tells no more than `form`."""
    return lambda rows: told(model.predict_proba(rows), form)
