"""Tabular models in ONNX Runtime: whatever exporter wrote them, tensors in and tensors out.

Always true here:
- only tensors that Open Inference Protocol can tell in JSON are served, and the first length of each is the rows';
- operators are ONNX Runtime's own: no library of custom ones is ever loaded, and the sandbox would not let it;
- threads are what the configuration says, no input is kept, and arrays are overwritten when they have been read.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from typing import Any, Final

import msgspec

from strongroom.runtime import onnx_session
from strongroom.runtime.errors import FAILED, Problem, ProblemError
from strongroom.runtime.infer_requests import Given, Inference
from strongroom.runtime.predictor import UnservableModelError
from strongroom.runtime.spec import WorkerConfig
from strongroom.runtime.tensors import TensorSpec

# (ONNX's name, the protocol's, numpy's)
_TYPES: Final = (
    ("bool", "BOOL", "bool"),
    ("float", "FP32", "float32"),
    ("double", "FP64", "float64"),
    ("string", "BYTES", "object"),
    *(
        (f"{sign}int{bits}", f"{sign.upper()}INT{bits}", f"{sign}int{bits}")
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    ),
)
_PROTOCOL: Final = {f"tensor({onnx})": protocol for onnx, protocol, _ in _TYPES}
_NUMPY: Final = {protocol: numpy for _, protocol, numpy in _TYPES}
_NO_NUMBER: Final = Problem(status=500, message="The model's answer to these rows is no number.", code="model_error")


class OnnxPredictor:
    """One loaded model."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    platform: str = "onnxruntime_onnx"

    def __init__(self, config: WorkerConfig) -> None:
        # Only now, with the process confined: these start threads and parse what they are given, and carry no types.
        self._numpy: Any = importlib.import_module("numpy")
        runtime: Any = importlib.import_module("onnxruntime")
        self._session = onnx_session.opened(runtime, config, patterns=False)
        about: dict[str, str] = self._session.get_modelmeta().custom_metadata_map
        inputs = [_spec(item) for item in self._session.get_inputs()]
        outputs = [_spec(item) for item in self._session.get_outputs()]
        if not inputs or not outputs:
            raise UnservableModelError("a model takes and gives at least one tensor")
        self.inputs = tuple(_described(spec, about.get("columns")) for spec in inputs)
        self.outputs = tuple(_described(spec, about.get("classes")) for spec in outputs)
        self._types = {spec.name: spec.datatype for spec in self.outputs}

    def predict(self, asked: Inference) -> list[dict[str, Any]]:
        """Return the wanted outputs of all rows."""
        fed = {given.spec.name: self._array(given) for given in asked.inputs}
        answered: list[Any] = []
        try:
            answered = self._session.run(list(asked.outputs), fed)
            found = zip(asked.outputs, answered, strict=True)
            return [self._told(name, array, asked.rows) for name, array in found]
        except ProblemError:
            raise
        except Exception:  # noqa: BLE001 - ONNX Runtime raises a type for each status, and its texts quote the model
            raise ProblemError(FAILED) from None
        finally:
            _wipe(*fed.values(), *answered)

    def _array(self, given: Given) -> Any:
        return self._numpy.asarray(given.values, dtype=_NUMPY[given.spec.datatype]).reshape(given.shape)

    def _told(self, name: str, array: Any, rows: int) -> dict[str, Any]:
        shape = [int(length) for length in array.shape]
        if not shape or shape[0] != rows:  # rows that were joined or dropped would be told as somebody else's
            raise ProblemError(FAILED)
        values: list[Any] = array.ravel().tolist()
        if self._types[name] in {"FP32", "FP64"} and not all(map(math.isfinite, values)):
            raise ProblemError(_NO_NUMBER)
        return {"name": name, "datatype": self._types[name], "shape": shape, "data": values}


def _wipe(*arrays: Any) -> None:
    """Overwrite numbers: numpy keeps small arrays' memory for the next one, out of the allocator's sight."""
    for array in arrays:
        if array.dtype.kind != "O":
            array.fill(0)


def _spec(item: Any) -> TensorSpec:
    datatype = _PROTOCOL.get(item.type)
    if datatype is None:
        raise UnservableModelError(f"tensor {item.name} is a {item.type}, which the protocol cannot tell in JSON")
    shape = tuple(length if isinstance(length, int) else -1 for length in item.shape)
    if not shape or shape[0] != -1:
        raise UnservableModelError(f"tensor {item.name} has the shape {item.shape}: its first length is not free")
    return TensorSpec(name=str(item.name), datatype=datatype, shape=shape)


def _described(spec: TensorSpec, columns: str | None) -> TensorSpec:
    """Add what a row's values mean, where the exporter wrote it as a JSON array of as many names."""
    if columns is None or len(spec.shape) != 2:  # noqa: PLR2004 - rows and columns
        return spec
    try:
        names = msgspec.json.decode(columns, type=tuple[str, ...])
    except msgspec.MsgspecError:
        return spec
    return replace(spec, columns=names) if len(names) == spec.shape[1] else spec
