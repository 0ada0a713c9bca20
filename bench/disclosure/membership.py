"""Telling who was in the training data (ATLAS AML.T0024.000), by ART's black-box membership inference.

The attacker knows half of the members and half of the others, learns what their answers look like, and judges the rest.
AUC: 0.5 is guessing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from art.attacks.inference.membership_inference import MembershipInferenceBlackBox
from art.estimators.classification import BlackBoxClassifier
from bench.disclosure.forms import Array, Victim
from credit_data import make
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.metrics import roc_auc_score

ROWS = 1000


def overfit(seed: int) -> Any:
    """Return a forest that knows its 1,000 applications by heart."""
    rows, labels = make(ROWS, seed)
    return RandomForestClassifier(100, random_state=seed, n_jobs=1).fit(rows, labels)


def small(seed: int) -> Any:
    """Return the demonstration's kind of model, trained on 1,000 applications in place of 16,000."""
    rows, labels = make(ROWS, seed)
    model = GradientBoostingClassifier(n_estimators=80, max_depth=3, subsample=0.5, random_state=1)
    return model.fit(rows, labels)


def auc(victim: Victim, members: tuple[Array, Array], others: tuple[Array, Array], seed: int) -> float:
    """Return how well members can be told from others by the victim's answers."""
    half = len(members[0]) // 2
    np.random.seed(seed)  # noqa: NPY002 - the toolbox draws from it
    box = BlackBoxClassifier(victim, (members[0].shape[1],), 2)
    attack = MembershipInferenceBlackBox(box, attack_model_type="rf")
    attack.fit(members[0][:half], members[1][:half], others[0][:half], others[1][:half])
    judged = [
        attack.infer(rows[half:], labels[half:], probabilities=True).ravel() for rows, labels in (members, others)
    ]
    truth = np.concatenate([np.ones(len(judged[0])), np.zeros(len(judged[1]))])
    return float(roc_auc_score(truth, np.concatenate(judged)))
