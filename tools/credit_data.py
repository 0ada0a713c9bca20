#!/usr/bin/env python3

"""Makes loan applications and what became of them: generated data about nobody, the same for a seed on every machine.

Each application is drawn from plain distributions (income log-normal, age of the credit history gamma, and so on), and
whether it defaults from a logistic law of them with two interactions and noise. So the truth is known, no person is in
it, and a model has something to learn. Age, sex, origin and address are left out on purpose: a lender may not decide by
them. What a real lender would see differs; this is for showing how such a model is served, not for lending.

    .venv/bin/python tools/credit_data.py [ROWS]      prints them as CSV, with whether each defaulted in the last column
"""

from __future__ import annotations

import sys
from typing import Any, Final

import numpy as np

SEED: Final = 20261123
COLUMNS: Final = (
    "income_monthly",  # currency units after tax
    "loan_amount",  # currency units
    "term_months",
    "debt_to_income",  # monthly debt service, this loan included, by income
    "employment_months",  # with the present employer
    "history_months",  # age of the oldest account
    "open_accounts",
    "utilisation",  # of revolving credit, 0 to 1.5
    "inquiries_6m",  # applications elsewhere in six months
    "delinquencies_24m",  # payments 30 days late or more, in two years
    "months_since_delinquency",  # 120: never, or longer ago
    "owns_home",  # 0 or 1
)
TERMS: Final = (12, 24, 36, 48, 60)
NEVER: Final = 120
SETTLED: Final = 120  # months of history
STRAINED, STRETCHED, FRESH = 0.6, 0.7, 6

Matrix = Any
"""A numpy array; the library's own types do not pass a strict checker's reading of random draws."""


def make(rows: int, seed: int = SEED) -> tuple[Matrix, Matrix]:
    """Return (applications, defaults): float32 of shape (rows, 12), and 0 (repaid) or 1 (defaulted) of shape (rows,)."""
    draw = np.random.default_rng(seed)
    income = np.round(draw.lognormal(7.9, 0.45, rows), 0).clip(600, 40_000)
    loan = np.round(income * draw.gamma(2.2, 1.6, rows), -1).clip(500, 80_000)
    term = draw.choice(TERMS, rows, p=(0.1, 0.2, 0.35, 0.15, 0.2))
    other_debt = draw.beta(2, 6, rows)
    burden = np.round((loan / term) / income + other_debt, 3).clip(0, 2)
    employed = np.round(draw.gamma(1.3, 45, rows), 0).clip(0, 480)
    history = np.round(draw.gamma(2.5, 48, rows), 0).clip(0, 600)
    accounts = draw.poisson(1 + history / 40).clip(0, 40)
    used = np.round(draw.beta(1.6, 2.6, rows) * 1.25, 3)
    inquiries = draw.poisson(0.4 + 1.2 * used).clip(0, 15)
    late = draw.poisson(np.exp(-2.2 + 1.6 * used)).clip(0, 12)
    since = np.where(late > 0, draw.integers(0, 25, rows), draw.choice((36, 60, 84, NEVER), rows))
    home = draw.random(rows) < 0.25 + 0.35 * (history > SETTLED)
    columns = (income, loan, term, burden, employed, history, accounts, used, inquiries, late, since, home)
    applications = np.column_stack(columns).astype(np.float32)
    return applications, (draw.random(rows) < _chance(applications)).astype(np.int64)


def _chance(applications: Matrix) -> Matrix:
    """Return each application's true chance of default: about one in six over all."""
    income, _, term, burden, employed, history, _, used, inquiries, late, since, home = applications.T.astype(float)
    score = (
        -2.75
        + 2.4 * (burden - 0.35)
        + 1.5 * (used - 0.4)
        + 0.55 * late
        + 0.16 * inquiries
        - 0.5 * np.log(income / 2_700)
        - 0.005 * employed
        - 0.0035 * history
        + 0.008 * (term - 36)
        - 0.35 * home
        - 0.006 * np.minimum(since, NEVER)
        + 1.8 * (burden > STRAINED) * (used > STRETCHED)  # stretched on both sides
        + 0.8 * (late > 0) * (since < FRESH)  # and when the last one is fresh
        + 1.2
    )
    return 1 / (1 + np.exp(-score))


def main(arguments: list[str]) -> None:
    """Print applications as CSV."""
    applications, defaults = make(int(arguments[0]) if arguments else 1_000)
    table = np.column_stack((applications, defaults))
    np.savetxt(sys.stdout, table, fmt="%g", delimiter=",", header=",".join((*COLUMNS, "defaulted")), comments="")


if __name__ == "__main__":
    main(sys.argv[1:])
