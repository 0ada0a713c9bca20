"""How well an attacker tells who was trained with, before and after a private run: `make bench-membership`.

The attack is the plain one (Yeom et al. 2018): a row that the model is surer of was probably trained with. .5 is a guess.
Few rows and many columns, most of them noise, so that a model learns its rows by heart where it can.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
from typing import Any

from strongroom.training.fitting import fit
from strongroom.training.model import NewJob, Trainer, plan_of

_SIGNAL = 3


def table(rows: int, columns: int, seed: int) -> bytes:
    """Return a made-up table whose label follows from three of its columns, mostly."""
    drawn = random.Random(seed)  # noqa: S311 - made-up numbers
    lines = [",".join([*(f"c{at}" for at in range(columns)), "label"])]
    for _ in range(rows):
        values = [drawn.gauss(0, 1) for _ in range(columns)]
        label = int(sum(values[:_SIGNAL]) + drawn.gauss(0, 1) > 0)
        lines.append(",".join([*(f"{value:.4f}" for value in values), str(label)]))
    return "\n".join(lines).encode()


def measured(model: Trainer, metadata: dict[str, str], rows: int, columns: int, seeds: int) -> dict[str, Any]:
    """Return the means of what models of some seeds come to."""
    found: list[dict[str, Any]] = []
    for seed in range(seeds):
        plan = plan_of(NewJob(model=model, training_file="x", suffix="m", seed=seed, metadata=metadata))
        found.append(fit(plan, table(rows, columns, seed))[1])
    names = ("membership_auc", "accuracy", "accuracy_trained")
    means = {name: round(statistics.mean(each[name] for each in found), 3) for name in names}
    return {"trainer": str(model), "epsilon": found[0].get("epsilon"), "delta": found[0].get("delta"), **means}


def main() -> None:
    """Measure, and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=240)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    runs: list[tuple[Trainer, dict[str, str]]] = [(Trainer.BOOSTING, {}), (Trainer.LOGISTIC, {})]
    runs += [(Trainer.PRIVATE, {"bounds": "*=-3:3", "epsilon": epsilon}) for epsilon in ("8", "3", "1")]
    found = [measured(*run, given.rows, given.columns, given.seeds) for run in runs]
    if given.json:
        print(json.dumps(found, indent=2))
        return
    print("| trainer | ε | membership AUC | accuracy, held out | accuracy, trained |\n|---|---|---|---|---|")
    for each in found:
        epsilon = "-" if each["epsilon"] is None else f"{each['epsilon']:.2f}"
        print(
            f"| `{each['trainer']}` | {epsilon} | {each['membership_auc']:.3f} | {each['accuracy']:.3f}"
            f" | {each['accuracy_trained']:.3f} |"
        )


if __name__ == "__main__":
    main()
