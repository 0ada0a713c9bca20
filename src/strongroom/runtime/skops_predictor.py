"""Tabular models in scikit-learn, from a skops file: in dev only, to try a model before it is exported as ONNX.

Always true here:
- the file is looked through (`skops_types`) before the library sees it, and the library then trusts nothing beyond its
  own list;
- a model takes one tensor, a number for each of its features, and gives its prediction and, where it has them,
  probabilities.
"""

from __future__ import annotations

import importlib
import math
import warnings
from typing import Any, Final

from strongroom.runtime import weights
from strongroom.runtime.digests import Format
from strongroom.runtime.errors import FAILED, ProblemError
from strongroom.runtime.infer_requests import Inference
from strongroom.runtime.predictor import UnservableModelError
from strongroom.runtime.skops_types import UntrustedModelError, refuse_untrusted
from strongroom.runtime.spec import WorkerConfig
from strongroom.runtime.tensors import TensorSpec

_DATATYPES: Final = {"b": "BOOL", "i": "INT64", "u": "UINT64", "f": "FP64", "U": "BYTES"}


class SkopsPredictor:
    """One loaded model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    platform: str = "sklearn_skops"

    def __init__(self, config: WorkerConfig) -> None:
        data = weights.read(config.file(Format.SKOPS).descriptor)
        try:
            refuse_untrusted(data)
            self._numpy: Any = importlib.import_module("numpy")
            library: Any = importlib.import_module("skops.io")
            model: Any = library.loads(data, trusted=[])
        except UntrustedModelError as error:
            raise UnservableModelError(str(error)) from None
        except ModuleNotFoundError:
            raise UnservableModelError("skops is not installed here (install strongroom[skops])") from None
        except Exception as error:  # noqa: BLE001 - a file may make the library raise anything
            raise UnservableModelError(f"skops cannot load it: {type(error).__name__}") from None
        self._model = model
        self.inputs = (_features(model),)
        self.outputs = (_label(model, self._numpy), *_probabilities(model))

    def predict(self, asked: Inference) -> list[dict[str, Any]]:
        """Return the wanted outputs of all rows."""
        given = asked.inputs[0]
        rows = self._numpy.asarray(given.values, dtype="float64").reshape(given.shape)
        specs = {spec.name: spec for spec in self.outputs}
        return [self._told(specs[name], rows) for name in asked.outputs]

    def _told(self, spec: TensorSpec, rows: Any) -> dict[str, Any]:
        ask = self._model.predict_proba if spec.name == "probabilities" else self._model.predict
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a model trained on named columns says so each time
                array = self._numpy.asarray(ask(rows))
            values: list[Any] = array.ravel().tolist()
        except Exception:  # noqa: BLE001 - an estimator may raise anything, and its text may quote the rows
            raise ProblemError(FAILED) from None
        if array.shape[0] != len(rows) or (spec.datatype == "FP64" and not all(map(math.isfinite, values))):
            raise ProblemError(FAILED)
        return {"name": spec.name, "datatype": spec.datatype, "shape": list(array.shape), "data": values}


def _features(model: Any) -> TensorSpec:
    count = getattr(model, "n_features_in_", None)
    if not isinstance(count, int) or not callable(getattr(model, "predict", None)):
        raise UnservableModelError("it is no fitted estimator that predicts")
    names = tuple(map(str, getattr(model, "feature_names_in_", ())))
    return TensorSpec(name="features", datatype="FP64", shape=(-1, count), columns=names if len(names) == count else ())


def _label(model: Any, numpy: Any) -> TensorSpec:
    classes = getattr(model, "classes_", None)
    if classes is None:
        return TensorSpec(name="prediction", datatype="FP64", shape=(-1,))
    datatype = _DATATYPES.get(numpy.asarray(classes).dtype.kind)
    if datatype is None:
        raise UnservableModelError("its classes are neither numbers nor texts")
    return TensorSpec(name="label", datatype=datatype, shape=(-1,))


def _probabilities(model: Any) -> tuple[TensorSpec, ...]:
    if not callable(getattr(model, "predict_proba", None)):
        return ()
    names = tuple(map(str, model.classes_))
    return (TensorSpec(name="probabilities", datatype="FP64", shape=(-1, len(names)), columns=names),)
