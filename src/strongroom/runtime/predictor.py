"""What a tabular worker asks of a model, however it is written; and which loader each format is bound to."""

from __future__ import annotations

from typing import Any, Protocol

from strongroom.runtime.digests import Format
from strongroom.runtime.infer_requests import Inference
from strongroom.runtime.spec import WorkerConfig
from strongroom.runtime.tensors import TensorSpec


class UnservableModelError(Exception):
    """A model that no worker can serve; the text says why, for the operator's log."""


class Predictor(Protocol):
    """One loaded model. It keeps nothing of what it is given."""

    platform: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def predict(self, asked: Inference) -> list[dict[str, Any]]:
        """Return the wanted outputs, each with its name, datatype, shape, and values flat and row by row.

        Raises:
            ProblemError: when the model gives no answer to these rows.
        """
        ...


def load(config: WorkerConfig) -> Predictor:
    """Load the release with the loader of its one model's format, whatever that file says of itself.

    Raises:
        UnservableModelError: for a model that cannot be served, or a loader that is not installed.
    """
    models = [each for each in config.files if each.format is not Format.OTHER]
    if len(models) != 1:
        raise UnservableModelError("a tabular release has one model")
    # Each is imported only where it is needed: a worker holds one engine.
    match models[0].format:
        case Format.ONNX:
            from strongroom.runtime.onnx_predictor import OnnxPredictor  # noqa: PLC0415 - as above

            return OnnxPredictor(config)
        case Format.SKOPS:
            from strongroom.runtime.skops_predictor import SkopsPredictor  # noqa: PLC0415 - as above

            return SkopsPredictor(config)
        case other:
            raise UnservableModelError(f"a tabular model is not written as {other}")
