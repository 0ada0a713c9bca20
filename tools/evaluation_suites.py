#!/usr/bin/env python3

"""Writes the suite `credit-risk`: rows of the invented applications that the model was not trained on, with what became of them.

.venv/bin/python tools/evaluation_suites.py      writes src/strongroom/registry/evaluations/suites/credit-risk.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import credit_data

TRAINED: Final = 16_000
HELD: Final = 20_000
ROWS: Final = 300
FILE: Final = Path("src/strongroom/registry/evaluations/suites/credit-risk.jsonl")
HEAD: Final[dict[str, Any]] = {
    "suite": "strongroom/suite/1", "name": "credit-risk", "version": "1.0.0",
    "thresholds": {"accuracy": {"least": 0.8}, "least_recall": {"least": 0.1}},
}  # fmt: skip


def text() -> str:
    """Return the suite."""
    applications, defaults = credit_data.make(HELD)
    lines = [HEAD]
    for number in range(TRAINED, TRAINED + ROWS):
        row = [round(float(value), 3) for value in applications[number]]
        data = [int(value) if value.is_integer() else value for value in row]
        tensor = {"name": "features", "shape": [1, len(data)], "datatype": "FP32", "data": data}
        lines.append({"id": f"row-{number}", "inputs": [tensor], "expect": {"label": str(int(defaults[number]))}})
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
    sys.stderr.write(f"{FILE} written\n")
