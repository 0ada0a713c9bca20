"""Training itself: a table of text becomes numbers, a model and figures. Imported by the process that trains, and by nothing else.

Every feature is a number; a column of text is told by name, so that whoever asked can drop it. No message quotes a value.
"""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from strongroom.training import table
from strongroom.training.model import Plan, Trainer
from strongroom.training.private import Spent, fit_privately

# They carry no types, and take seconds to come.
_ensemble: Any = importlib.import_module("sklearn.ensemble")
_linear: Any = importlib.import_module("sklearn.linear_model")
_metrics: Any = importlib.import_module("sklearn.metrics")
_pipeline: Any = importlib.import_module("sklearn.pipeline")
_preprocessing: Any = importlib.import_module("sklearn.preprocessing")
_selection: Any = importlib.import_module("sklearn.model_selection")
_skl2onnx: Any = importlib.import_module("skl2onnx")
_types: Any = importlib.import_module("skl2onnx.common.data_types")

MOST_CLASSES: Final = 50
INPUT: Final = "features"
HELD: Final = 0.2
OPSETS: Final = {"": 17, "ai.onnx.ml": 3}
_LEAST_OF_A_CLASS: Final = 5


class CannotFit(Exception):  # noqa: N818 - an answer
    """There is no model; `code` says in a word why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def fit(plan: Plan, data: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return the model as ONNX, and its figures on rows that it has not seen.

    Raises:
        CannotFit: saying why there is none.
    """
    columns, classes, features, truth = _numbers(plan, data)
    indexes = np.arange(len(truth))
    seen, held = _selection.train_test_split(indexes, test_size=HELD, random_state=plan.seed, stratify=truth)
    spent: Spent | None = None
    if plan.trainer is Trainer.PRIVATE:
        assert plan.private is not None  # noqa: S101 - a private plan has one
        low, high = _bounds(plan, columns)
        model, spent = fit_privately(
            features[seen],
            truth[seen],
            len(classes),
            plan.private,
            (low, high),
            epochs=plan.epochs or 20,
            batch=plan.batch,
            rate=plan.rate,
        )
    else:
        model = _plain(plan).fit(features[seen], truth[seen])
    figures = _figures(model.predict_proba, features, truth, seen, held)
    figures |= {"rows": len(truth), "features": len(columns), "classes": list(classes)}
    if spent is not None:
        figures |= {
            "epsilon": spent.epsilon,
            "delta": spent.delta,
            "noise": spent.noise,
            "steps": spent.steps,
            "sampling": spent.sampling,
        }
    return _written(model, plan, columns, classes, figures), figures


def _plain(plan: Plan) -> Any:
    if plan.trainer is Trainer.LOGISTIC:
        return _pipeline.make_pipeline(
            _preprocessing.StandardScaler(),
            _linear.LogisticRegression(max_iter=plan.epochs or 200, random_state=plan.seed),
        )
    return _ensemble.GradientBoostingClassifier(
        n_estimators=plan.epochs or 80,
        learning_rate=0.1 * (plan.rate or 1.0),
        max_depth=3,
        subsample=0.5,
        random_state=plan.seed,
    )


def _numbers(plan: Plan, data: bytes) -> tuple[tuple[str, ...], tuple[str, ...], Any, Any]:
    found = table.read(data)
    if plan.label not in found.columns:
        raise CannotFit("no_label", f"No column is called {plan.label}: name the one to foretell in metadata, `label`.")
    if missing := sorted(set(plan.drop) - set(found.columns)):
        raise CannotFit("no_column", f"No column is called {', '.join(missing)}, which was to be dropped.")
    wanted = [at for at, name in enumerate(found.columns) if name != plan.label and name not in plan.drop]
    columns = tuple(found.columns[at] for at in wanted)
    if not columns:
        raise CannotFit("no_features", "No column is left to foretell from.")
    features = np.empty((len(found.rows), len(columns)), dtype=np.float64)
    for place, at in enumerate(wanted):
        for number, row in enumerate(found.rows):
            features[number, place] = _number(row[at], found.columns[at], number)
    at = found.columns.index(plan.label)
    told = [row[at] for row in found.rows]
    classes = tuple(sorted(set(told)))
    if not 1 < len(classes) <= MOST_CLASSES:
        raise CannotFit(
            "classes", f"Column {plan.label} has {len(classes)} different values; a label has 2 to {MOST_CLASSES}."
        )
    truth = np.array([classes.index(each) for each in told])
    if min(np.bincount(truth)) < _LEAST_OF_A_CLASS:
        raise CannotFit("classes", f"A value of column {plan.label} stands in fewer than {_LEAST_OF_A_CLASS} rows.")
    return columns, classes, features, truth


def _number(text: str, column: str, row: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(np.float32(value)):
        raise CannotFit(
            "no_number",
            f"Column {column} holds no number in row {row + 1}: mend it, or leave the column out with metadata, `drop`.",
        )
    return value


def _bounds(plan: Plan, columns: tuple[str, ...]) -> tuple[Any, Any]:
    said = {} if plan.private is None else plan.private.bounds
    if unsaid := [name for name in columns if name not in said and "*" not in said]:
        raise CannotFit("bounds", f"`bounds` says nothing of column {', '.join(unsaid)}.")
    pairs = [said.get(name, said.get("*", (0.0, 1.0))) for name in columns]
    return np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])


def _figures(chances_of: Callable[[Any], Any], features: Any, truth: Any, seen: Any, held: Any) -> dict[str, Any]:
    chances = chances_of(features)
    right = chances.argmax(axis=1) == truth
    loss = -np.log(np.clip(chances[np.arange(len(truth)), truth], 1e-12, 1))
    member = np.zeros(len(truth), dtype=bool)
    member[seen] = True
    figures = {
        "accuracy": float(right[held].mean()),
        "accuracy_trained": float(right[seen].mean()),
        "log_loss": float(loss[held].mean()),
        "membership_auc": float(_metrics.roc_auc_score(member, -loss)),
    }
    if chances.shape[1] == 2:  # noqa: PLR2004 - of two classes
        figures["roc_auc"] = float(_metrics.roc_auc_score(truth[held], chances[held, 1]))
    return {name: round(value, 4) for name, value in figures.items()}


def _written(
    model: Any, plan: Plan, columns: tuple[str, ...], classes: tuple[str, ...], figures: dict[str, Any]
) -> bytes:
    wanted = [(INPUT, _types.FloatTensorType([None, len(columns)]))]
    written = _skl2onnx.to_onnx(
        model, initial_types=wanted, options={"zipmap": False}, target_opset=OPSETS, name=str(plan.trainer)
    )
    opsets = sorted(written.opset_import, key=lambda each: each.domain)
    del written.opset_import[:]
    written.opset_import.extend(opsets)
    for key, value in (("columns", list(columns)), ("classes", list(classes)), ("figures", figures)):
        written.metadata_props.add(key=key, value=json.dumps(value))
    return bytes(written.SerializeToString(deterministic=True))
