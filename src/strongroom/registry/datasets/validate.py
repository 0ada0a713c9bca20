"""From what was sent to rows that may be used, a reject file and a verdict. No I/O; it takes a second for a few thousand rows.

A row is rejected for what it holds; the whole is quarantined for what its rows come to together.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from strongroom.registry.datasets import near, poison
from strongroom.registry.datasets.contracts import Held
from strongroom.registry.datasets.filters import LETTERS, Filters, Met, rules
from strongroom.registry.datasets.model import Contract, Finding, Format, Verdict
from strongroom.registry.datasets.reading import Row, Value, encoded, read

CONTRACT: Final = "contract"
_SHOWN: Final = 20


class Outcome(NamedTuple):
    """What came of a data set.

    Attributes:
        rows: those that were taken, as canonical JSON lines.
        rejects: one line for each that was not: its line, why, and the row with personal data and secrets masked.
    """

    verdict: Verdict
    rows: bytes
    rejects: bytes
    taken: int
    rejected: int


def validated(data: bytes, written: Format, contract: Contract) -> Outcome:
    """Return what comes of a data set.

    Raises:
        BadDataset: when it cannot be read.
    """
    held, filters = Held(contract), Filters()
    known = near.Known(frozenset(name for name, each in contract.columns.items() if each.unique))
    taken, rejects, why = list[Row](), list[bytes](), Counter[tuple[str, str]]()
    every = read(data, written)
    for row in every:
        met = [Met(CONTRACT, said)] if (said := held.breach(row)) is not None else list(filters.met(row))
        if not met and (again := known.met(row)) is not None:
            met = [Met(again, "another row says the same")]
        if met:
            why.update((each.filter, each.says) for each in met)
            rejects.append(_rejected(row, met, filters))
        else:
            taken.append(row)
    reasons = list[Finding]()
    if contract.label is not None and taken:
        taken = _unpoisoned(taken, contract.label, reasons, why, rejects, filters)
    share = len(rejects) / len(every)
    if share > contract.max_rejected:
        says = f"{share:.0%} of its rows were rejected; its contract allows {contract.max_rejected:.0%}"
        reasons.append(Finding(rule="rejects", says=says, rows=len(rejects)))
    if len(taken) < contract.min_rows:
        says = f"{len(taken)} rows are left, of {contract.min_rows} at least"
        reasons.append(Finding(rule="too-few", says=says, rows=len(taken)))
    verdict = Verdict(
        passed=not reasons,
        reasons=tuple(reasons),
        rejected=tuple(Finding(rule=rule, says=says, rows=rows) for (rule, says), rows in why.most_common(_SHOWN)),
        rules=rules() | {near.NEAR: near.RULES, "poison": poison.RULES},
        contract=held.digest,
    )
    return Outcome(verdict, b"".join(encoded(row.values) for row in taken), b"".join(rejects), len(taken), len(rejects))


def _unpoisoned(
    rows: list[Row],
    label: str,
    reasons: list[Finding],
    why: Counter[tuple[str, str]],
    rejects: list[bytes],
    filters: Filters,
) -> list[Row]:
    """Take suspect rows out, and say whether there are so many that somebody should look at the whole."""
    found = poison.suspects(rows, label)
    out = dict[int, Met]()
    for places in found.triggered:
        at = ", ".join(str(rows[place].line) for place in places[:5])
        says = f"a token decides the label against all else in {len(places)} rows, as on line {at}"
        reasons.append(Finding(rule=poison.TRIGGER, says=says, rows=len(places)))
        out |= dict.fromkeys(places, Met(poison.TRIGGER, "a token decides its label against all else"))
    for place in found.flipped:
        out.setdefault(place, Met(poison.FLIPS, "its nearest neighbours have another label"))
    if found.too_many:
        at = ", ".join(str(rows[place].line) for place in found.flipped[:5])
        says = f"the nearest neighbours of {len(found.flipped)} rows have another label, as on line {at}"
        reasons.append(Finding(rule=poison.FLIPS, says=says, rows=len(found.flipped)))
    for place, met in sorted(out.items()):
        why[met.filter, met.says] += 1
        rejects.append(_rejected(rows[place], [met], filters))
    return [row for place, row in enumerate(rows) if place not in out]


def _rejected(row: Row, met: list[Met], filters: Filters) -> bytes:
    # What turns an order around is not put before a person's eyes.
    hidden = any(each.filter == LETTERS for each in met)
    values = {
        name: value.encode("ascii", "backslashreplace").decode() if hidden and isinstance(value, str) else value
        for name, value in filters.masked(row).items()
    }
    document: dict[str, Value] = {"line": row.line, "rules": ",".join(sorted({each.filter for each in met}))}
    document["why"] = "; ".join(each.says for each in met)
    return encoded(document | {f"row.{name}": value for name, value in values.items()})
