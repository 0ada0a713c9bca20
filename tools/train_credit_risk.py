#!/usr/bin/env python3

"""Trains the demonstration's tabular model, `credit-risk`, and writes it as ONNX.

    .venv/bin/python tools/train_credit_risk.py [--out FILE]

Always true here:
- data are made by `credit_data` from a seed: no person is in them, and every run trains the same model;
- the file that is served was written by this program, is committed, and is pinned by its SHA-256 in
  `strongroom.runtime.artefacts.CREDIT_RISK`; a test trains again and compares what both predict;
- the newest fifth of the applications is never trained on, and what the model is worth on it stands in the file.

Gradient-boosted trees: what the field uses for such tables, small, and exact in ONNX's own tree operator.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import credit_data
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import brier_score_loss, roc_auc_score

ROWS: Final = 20_000
TRAINED: Final = 16_000
INPUT: Final = "features"
CLASSES: Final = ("repaid", "defaulted")
OPSETS: Final = {"": 17, "ai.onnx.ml": 3}
"""Old enough for any ONNX Runtime of the last three years."""

OUT: Final = Path(__file__).resolve().parents[1] / "src" / "strongroom" / "runtime" / "models" / "credit-risk.onnx"


def train() -> tuple[Any, dict[str, float]]:
    """Return the trained model, and its ROC AUC and Brier score on applications it has not seen."""
    applications, defaults = credit_data.make(ROWS)
    model = GradientBoostingClassifier(
        n_estimators=80, max_depth=3, learning_rate=0.1, min_samples_leaf=40, subsample=0.5, random_state=1
    )
    model.fit(applications[:TRAINED], defaults[:TRAINED])
    chances = model.predict_proba(applications[TRAINED:])[:, 1]
    truth = defaults[TRAINED:]
    return model, {
        "roc_auc": round(float(roc_auc_score(truth, chances)), 3),
        "brier": round(float(brier_score_loss(truth, chances)), 3),
    }


def export(model: Any, figures: dict[str, float]) -> bytes:
    """Return the model as ONNX, with what its columns, classes and figures are."""
    wanted = [(INPUT, FloatTensorType([None, len(credit_data.COLUMNS)]))]
    written = to_onnx(model, initial_types=wanted, options={"zipmap": False}, target_opset=OPSETS, name="credit-risk")
    opsets = sorted(written.opset_import, key=lambda each: each.domain)  # from a set: another order in each process
    del written.opset_import[:]
    written.opset_import.extend(opsets)
    for key, value in (
        ("columns", list(credit_data.COLUMNS)),
        ("classes", list(CLASSES)),
        ("figures", figures),
        ("data", {"made_by": "tools/credit_data.py", "seed": credit_data.SEED, "rows": TRAINED}),
    ):
        written.metadata_props.add(key=key, value=json.dumps(value))
    return bytes(written.SerializeToString(deterministic=True))


def main() -> None:
    """Train, write, and say what was written."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=OUT, help="where to write (default: the file that is served)")
    out: Path = parser.parse_args().out
    model, figures = train()
    data = export(model, figures)
    out.write_bytes(data)
    about = {"file": str(out), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **figures}
    print(json.dumps(about, indent=2))  # noqa: T201 - what the program is run for


if __name__ == "__main__":
    main()
