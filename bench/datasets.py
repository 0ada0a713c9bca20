"""What the checks of training data do with honest tables of numbers, and with the same ones poisoned: `make bench-datasets`.

scikit-learn's own sets, as CSV and as JSON lines, all columns sent as they are. Three runs of each: as it is; with five rows in a
hundred carrying another label; with as many rows again, each number moved by up to a thousandth of the width in
which the middle eight tenths of its column lie.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import random
import sys
import time
from collections.abc import Iterable
from typing import Any, Final

from strongroom.registry.datasets.model import Contract, Format
from strongroom.registry.datasets.validate import Outcome, validated

_SETS: Final = ("iris", "wine", "breast_cancer", "digits", "diabetes")
_SHARE: Final = 20
_MOVED: Final = 0.001
Rows = list[dict[str, float | str]]


def honest(name: str) -> Rows:
    """Return a set's rows; where what is to be told is a class, its name is the label."""
    found: Any = getattr(importlib.import_module("sklearn.datasets"), f"load_{name}")()
    names = [str(each).replace(" ", "_") for each in found.feature_names]
    rows: Rows = []
    for values, target in zip(found.data.tolist(), found.target.tolist(), strict=True):
        row: dict[str, float | str] = dict(zip(names, values, strict=True))
        if name == "diabetes":
            row["progress"] = target
        else:
            row["label"] = str(found.target_names[int(target)]).replace(" ", "_") if name != "digits" else f"d{target}"
        rows.append(row)
    random.Random(1).shuffle(rows)  # noqa: S311 - the same order each time
    return rows


def flipped(rows: Rows) -> tuple[Rows, set[int]]:
    """Return rows of which some have another label, and which."""
    drawn = random.Random(2)  # noqa: S311 - the same rows each time
    labels = sorted({str(each["label"]) for each in rows})
    chosen = set(drawn.sample(range(len(rows)), max(5, len(rows) // _SHARE)))
    return [
        row | {"label": drawn.choice([each for each in labels if each != row["label"]])} if at in chosen else row
        for at, row in enumerate(rows)
    ], chosen


def repeated(rows: Rows) -> tuple[Rows, set[int]]:
    """Return rows with some of them again at the end, hardly changed, and which those are."""
    drawn = random.Random(3)  # noqa: S311 - the same rows each time
    widths = {
        name: _width([float(each[name]) for each in rows])
        for name, value in rows[0].items()
        if isinstance(value, float)
    }
    again = [
        row
        | {name: round(float(row[name]) + drawn.uniform(-_MOVED, _MOVED) * width, 5) for name, width in widths.items()}
        for row in drawn.sample(rows, max(5, len(rows) // _SHARE))
    ]
    return rows + again, set(range(len(rows), len(rows) + len(again)))


def _width(values: list[float]) -> float:
    """Return how wide the middle eight tenths are, or where these are one value, everything."""
    values = sorted(values)
    return values[len(values) * 9 // 10] - values[len(values) // 10] or values[-1] - values[0]


def sent(rows: Rows, written: Format) -> bytes:
    if written is Format.JSONL:
        return b"".join(json.dumps(each).encode() + b"\n" for each in rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def places(found: Outcome, written: Format, rules: Iterable[str]) -> set[int]:
    """Return which rows were rejected by one of some rules."""
    met = [json.loads(each) for each in found.rejects.splitlines()]
    first = 2 if written is Format.CSV else 1
    return {each["line"] - first for each in met if set(each["rules"].split(",")) & set(rules)}


def main() -> None:
    formats = (Format.CSV,) if "--quick" in sys.argv else (Format.CSV, Format.JSONL)
    print(
        "| set | rows | honest: copies, near-copies | flips | passes | flipped: found | others | repeated: found | others"
        " | seconds |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for name in _SETS:
        for written in formats:
            rows = honest(name)
            contract = Contract(label="label" if "label" in rows[0] else None)
            began = time.perf_counter()
            plain = validated(sent(rows, written), written, contract)
            took = time.perf_counter() - began
            copies, near = (len(places(plain, written, [each])) for each in ("duplicate", "near-duplicate"))
            flips = len(places(plain, written, ["label-flips", "trigger"]))
            other = sum(each.rows for each in plain.verdict.rejected) - copies - near - flips
            cells = [f"{name}, {written}", str(len(rows)), f"{copies}, {near}", f"{flips}", _verdict(plain, other)]
            if contract.label is None:
                cells += ["-", "-"]
            else:
                poisoned, wanted = flipped(rows)
                found = places(validated(sent(poisoned, written), written, contract), written, ["label-flips"])
                cells += [f"{len(found & wanted)} of {len(wanted)}", str(len(found - wanted))]
            poisoned, wanted = repeated(rows)
            found = places(
                validated(sent(poisoned, written), written, contract), written, ["duplicate", "near-duplicate"]
            )
            cells += [f"{len(found & wanted)} of {len(wanted)}", str(len(found - wanted)), f"{took:.1f}"]
            print(f"| {' | '.join(cells)} |", flush=True)


def _verdict(found: Outcome, other: int) -> str:
    said = "yes" if found.verdict.passed else f"no ({', '.join(each.rule for each in found.verdict.reasons)})"
    return said + (f"; {other} for what they hold" if other else "")


if __name__ == "__main__":
    main()
