"""The demonstration's model behind a real gateway, asked by HTTP as any client would."""

from __future__ import annotations

import json
import urllib.request
from typing import Any, Final

import numpy as np
from bench.disclosure.forms import Array, Victim

_BATCH: Final = 200
CLASSES: Final = 2


def victim(url: str, key: str, model: str) -> Victim:
    """Return the deployment `model` as a victim: it tells what its tenant's rules let it tell."""

    def answer(rows: Array) -> Array:
        parts = [_scores(_ask(url, key, model, rows[start : start + _BATCH])) for start in range(0, len(rows), _BATCH)]
        return np.concatenate(parts)

    return answer


def _ask(url: str, key: str, model: str, rows: Array) -> dict[str, Any]:
    tensor = {"name": "features", "shape": list(rows.shape), "datatype": "FP32", "data": rows.astype(float).tolist()}
    asked = urllib.request.Request(  # noqa: S310 - our own gateway on loopback
        f"{url}/v2/models/{model}/infer",
        data=json.dumps({"inputs": [tensor]}).encode(),
        headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310 - as above
        outputs: list[dict[str, Any]] = json.load(answer)["outputs"]
    return {output["name"]: np.asarray(output["data"]).reshape(output["shape"]) for output in outputs}


def _scores(told: dict[str, Any]) -> Array:
    """Return a row of scores for each question, whatever was told."""
    labels = told["label"].ravel().astype(int)
    chances = told.get("probabilities")
    if chances is not None and chances.shape[-1] == CLASSES:
        return chances.astype(float)
    best = np.ones(len(labels)) if chances is None else chances.ravel().astype(float)
    rows = np.repeat((1 - best)[:, None], CLASSES, axis=1)
    rows[np.arange(len(labels)), labels] = best
    return rows
