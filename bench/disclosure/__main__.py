"""What telling less does to attacks on a model: `make bench-disclosure` (ARGS=--quick: one seed, no gateway).

Attacks by the Adversarial Robustness Toolbox and after Tramèr et al., on scikit-learn models and, through a real
gateway, on the demonstration's own. Prints a table; writes `bench/results/disclosure.json` and `disclosure.svg`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from bench.disclosure import environment, plot, served  # noqa: E402 - from a checkout, no package is installed

TITLES = {"full": "all scores", "rounded": "two decimals", "top1": "best, two dec.", "label": "label only"}
RESULTS = HERE.parent / "results"
Results = dict[str, dict[str, float]]


def attacked(python: Path, asked: dict[str, Any]) -> Results:
    """Run the attacks in the toolbox's environment; the key goes by standard input."""
    done = subprocess.run(  # noqa: S603 - our own program
        [python, HERE / "attacks.py"],
        input=json.dumps(asked) + "\n",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{environment.ROOT / 'tools'}:{environment.ROOT}",
            "OMP_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: Results = json.loads(done.stdout)
    return found


def table(results: Results) -> str:
    """Return the results as a table in Markdown."""
    lines = [f"| | {' | '.join(TITLES.values())} |", "|---|" + "---|" * len(TITLES)]
    lines += [f"| {name} | {' | '.join(f'{found[form]:.2f}' for form in TITLES)} |" for name, found in results.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one seed in place of three, and no gateway")
    quick: bool = parser.parse_args().quick
    began = time.monotonic()
    python = environment.prepared()
    with contextlib.ExitStack() as stack:
        asked = None if quick else stack.enter_context(served.gateway())
        results = attacked(python, {"quick": quick, "gateway": asked})
    print(table(results))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "disclosure.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    (RESULTS / "disclosure.svg").write_text(plot.bars(results, TITLES), encoding="utf-8")
    print(f"\n{time.monotonic() - began:.0f} s; figures in {RESULTS}/disclosure.json and .svg")


if __name__ == "__main__":
    main()
