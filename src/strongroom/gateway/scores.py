"""How exact a prediction is told: all of it, with two decimals, the best alone, or its label.

Always true here:
- a tensor of floating point numbers is scores, whatever it is called; of its last axis one is the best;
- a label that the model gave stays; where it gave none, the place of the best score stands in for it, as `NAME_label`;
- a number by itself, as a regression gives it, is a score: it is told with two decimals, and not as a label.

Measured (bench/disclosure): two decimals take solving for a linear model's equations from fidelity 1.00 to 0.70, the best
score alone to 0.17; labels alone lessen membership inference where a model learnt by heart, two decimals do not; nothing
here stops copying a model, which a bounded number of queries does. Inversion is not measured.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from strongroom.gateway.exchange.answers import Judgement, Prediction
from strongroom.gateway.exchange.asks import Tensor
from strongroom.rules.disclosure import DECIMALS, Scores

_FLOATS: Final = frozenset({"FP16", "BF16", "FP32", "FP64"})


def judgement(found: Judgement, told: Scores) -> Judgement:
    """Return what may be told of a judgement: that it is flagged and as what always, how surely by the terms."""
    if told == "full":
        return found
    kept = found.scores
    if told == "label":
        kept = {}
    elif told == "top1" and kept:
        best = max(kept, key=lambda name: kept[name])
        kept = {best: kept[best]}
    return replace(found, scores={name: round(value, DECIMALS) for name, value in kept.items()})


def prediction(found: Prediction, told: Scores) -> Prediction:
    """Return what may be told of a prediction.

    Raises:
        ValueError: for scores that do not fill their shape; what is in them is then not known.
    """
    if told == "full":
        return found
    labelled = any(tensor.datatype not in _FLOATS for tensor in found.outputs)
    outputs = [part for tensor in found.outputs for part in _told(tensor, told, labelled=labelled)]
    # What an engine says beside its tensors has no form, so nothing of it can be made coarser.
    return Prediction(outputs=tuple(outputs), parameters=None, usage=found.usage)


def _told(tensor: Tensor, told: Scores, *, labelled: bool) -> list[Tensor]:
    if tensor.datatype not in _FLOATS:
        return [tensor]
    wide = tensor.shape[-1] if len(tensor.shape) > 1 else 1
    if told == "rounded" or (told == "top1" and wide == 1):
        return [replace(tensor, data=_rounded(tensor.data))]
    if wide <= 1:
        return []
    rows = _rows(tensor, wide)
    shape = (*tensor.shape[:-1], 1)
    kept: list[Tensor] = []
    if told == "top1":
        kept.append(replace(tensor, shape=shape, data=_rounded([max(row) for row in rows])))
    if not labelled:
        best = [row.index(max(row)) for row in rows]
        kept.append(Tensor(name=f"{tensor.name}_label", shape=shape, datatype="INT64", data=best))
    return kept


def _rows(tensor: Tensor, wide: int) -> list[list[Any]]:
    if len(tensor.data) % wide:
        raise ValueError("scores that do not fill their shape")
    return [tensor.data[start : start + wide] for start in range(0, len(tensor.data), wide)]


def _rounded(values: list[Any]) -> list[float]:
    return [round(float(value), DECIMALS) for value in values]
