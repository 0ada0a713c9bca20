"""Copying a model from its answers (ATLAS AML.T0024.002), by ART's CopycatCNN with trees as the thief.

Fidelity: how often copy and model give one label, on applications of which the model calls half risky, so that a copy
that always says "repaid" has 0.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from art.attacks.extraction import CopycatCNN
from art.estimators.classification import BlackBoxClassifier
from bench.disclosure.forms import Array, Victim
from credit_data import make
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

_FLOOR = 0.004  # a score of 0.00 means less than half a hundredth


class Thief(BlackBoxClassifier):  # type: ignore[misc]
    """Learns scores where it is told some, labels where it is not."""

    def __init__(self, features: int, seed: int) -> None:
        self._seed = seed
        self._model: Any = None
        super().__init__(self._answer, (features,), 2)

    def fit(self, x: Array, y: Array, **_: Any) -> None:
        """Learn from questions and answers."""
        risky = y[:, 1]
        if set(np.unique(risky)) <= {0.0, 1.0}:
            self._model = HistGradientBoostingClassifier(random_state=self._seed, min_samples_leaf=5)
            self._model.fit(x, risky.astype(int))
            return
        kept = risky.clip(_FLOOR, 1 - _FLOOR)
        self._model = HistGradientBoostingRegressor(random_state=self._seed, min_samples_leaf=5)
        self._model.fit(x, np.log(kept / (1 - kept)))

    def _answer(self, rows: Array) -> Array:
        if isinstance(self._model, HistGradientBoostingRegressor):
            risky = 1 / (1 + np.exp(-self._model.predict(rows)))
        else:
            risky = self._model.predict(rows).astype(float)
        return np.column_stack([1 - risky, risky])


def questions(count: int, seed: int) -> Array:
    """Return applications such as an outsider would make up: each column plausible, drawn on its own."""
    draw = np.random.default_rng(seed)
    rows, _ = make(4 * count, seed)
    for column in rows.T:
        draw.shuffle(column)
    return rows[:count]


def balanced(judge: Victim, count: int, seed: int) -> tuple[Array, Array]:
    """Return applications and the model's labels, as many of each."""
    rows, _ = make(12 * count, seed)
    labels = judge(rows).argmax(axis=1)
    kept = np.concatenate([np.flatnonzero(labels == each)[: count // 2] for each in (0, 1)])
    return rows[kept], labels[kept]


def fidelity(victim: Victim, count: int, seed: int, test: tuple[Array, Array]) -> float:
    """Return how well a copy made with `count` questions agrees with the model."""
    rows, labels = test
    np.random.seed(seed)  # noqa: NPY002 - the toolbox draws from it
    open_box = BlackBoxClassifier(victim, (rows.shape[1],), 2)
    attack = CopycatCNN(
        open_box, batch_size_fit=count, batch_size_query=count, nb_epochs=1, nb_stolen=count, use_probability=True
    )
    thief = attack.extract(questions(count, seed), thieved_classifier=Thief(rows.shape[1], seed))
    return float((thief.predict(rows).argmax(axis=1) == labels).mean())
