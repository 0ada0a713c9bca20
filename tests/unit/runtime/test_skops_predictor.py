from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from strongroom.runtime import skops_predictor
from strongroom.runtime.predictor import UnservableModelError

ROWS = np.arange(40.0).reshape(20, 2)


def test_a_regressor_gives_a_prediction_and_no_probabilities() -> None:
    model = Ridge().fit(ROWS, ROWS[:, 0])
    assert skops_predictor._features(model).shape == (-1, 2)
    assert skops_predictor._label(model, np).name == "prediction"
    assert skops_predictor._probabilities(model) == ()


def test_classes_name_the_probabilities() -> None:
    model = LogisticRegression().fit(ROWS, np.where(np.arange(20) > 9, "yes", "no"))
    assert skops_predictor._label(model, np).datatype == "BYTES"
    assert skops_predictor._probabilities(model)[0].columns == ("no", "yes")


@pytest.mark.parametrize("model", [{"a": 1}, LogisticRegression(), 7])
def test_what_predicts_nothing_is_no_model(model: Any) -> None:
    with pytest.raises(UnservableModelError, match="no fitted estimator"):
        skops_predictor._features(model)
