"""Runs every attack and prints what came of it as JSON; with the toolbox, in an environment of its own.

Reads one line of JSON from standard input: {"quick": …, "gateway": null or {"url", "key", "models"}}.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any, Final

warnings.filterwarnings("ignore")  # the toolbox's own dependencies speak of what is not used here

from bench.disclosure import equations, extraction, membership, through  # noqa: E402 - only now is it quiet
from bench.disclosure.forms import FORMS, Victim, telling  # noqa: E402
from credit_data import make  # noqa: E402
from sklearn.ensemble import GradientBoostingClassifier  # noqa: E402

BUDGETS: Final = (100, 1000)
_TRAINED: Final = 16_000
Result = dict[str, dict[str, float]]


def by_form(measure: Callable[[str, int], float], runs: int) -> dict[str, float]:
    """Return for each form the mean of (form, seed) over seeds."""
    return {form: round(sum(measure(form, seed) for seed in range(1, runs + 1)) / runs, 3) for form in FORMS}


def copied(victims: dict[str, Victim], runs: int, where: str) -> Result:
    """Return the fidelity of copies, by budget and form."""
    test = extraction.balanced(victims["full"], 1000, 99)
    found: Result = {}
    for budget in BUDGETS:

        def measure(form: str, seed: int, budget: int = budget) -> float:
            return extraction.fidelity(victims[form], budget, seed, test)

        found[f"extraction, {budget:,} queries, {where}"] = by_form(measure, runs)
    return found


def solved(runs: int) -> Result:
    """Return the fidelity of solved models."""
    model, rows = equations.digits()

    def measure(form: str, seed: int) -> float:
        return equations.fidelity(telling(model, form), seed, model, rows, exact=form == "full")

    return {f"equation solving, {rows.shape[1] + 1} queries, digits": by_form(measure, runs)}


def recognised(runs: int) -> Result:
    """Return the AUC of membership inference against models trained on little."""
    found: Result = {}
    for name, train in (("overfit forest", membership.overfit), ("trees on 1,000 rows", membership.small)):

        def measure(form: str, seed: int, train: Callable[[int], Any] = train) -> float:
            members, others = make(membership.ROWS, seed), make(membership.ROWS, seed + 1000)
            return membership.auc(telling(train(seed), form), members, others, seed)

        found[f"membership, {name}"] = by_form(measure, runs)
    return found


def served(asked: dict[str, Any], runs: int) -> Result:
    """Return the same for the demonstration's own model, asked through the gateway."""
    victims = {form: through.victim(asked["url"], asked["key"], asked["models"][form]) for form in FORMS}
    found = copied(victims, runs, "credit-risk through the gateway")
    rows, labels = make(_TRAINED + 4000)
    members, others = (
        (rows[:2000], labels[:2000]),
        (rows[_TRAINED : _TRAINED + 2000], labels[_TRAINED : _TRAINED + 2000]),
    )

    def measure(form: str, seed: int) -> float:
        return membership.auc(victims[form], members, others, seed)

    found["membership, credit-risk through the gateway"] = by_form(measure, runs)
    return found


def main() -> None:
    """Attack."""
    asked = json.loads(sys.stdin.readline())
    runs = 1 if asked["quick"] else 3
    rows, labels = make(_TRAINED)
    model = GradientBoostingClassifier(n_estimators=80, min_samples_leaf=40, subsample=0.5, random_state=1).fit(
        rows, labels
    )
    victims = {form: telling(model, form) for form in FORMS}
    found = copied(victims, runs, "credit trees") | solved(runs) | recognised(runs)
    if asked["gateway"] is not None:
        found |= served(asked["gateway"], runs)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
