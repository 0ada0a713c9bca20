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
from strongroom.registry.datasets.numbers import Table
from strongroom.registry.datasets.personal import People
from strongroom.registry.datasets.reading import Row, Value, encoded, read

CONTRACT: Final = "contract"
SUBJECT: Final = "subject"
_SHOWN: Final = 20


class Outcome(NamedTuple):
    """What came of a data set.

    Attributes:
        rows: those that were taken, as canonical JSON lines.
        rejects: one line for each that was not: its line, why, and the row with personal data and secrets masked.
        people: how many of the rows are whose, by pseudonym.
        rejected_people: the same of the reject file.
    """

    verdict: Verdict
    rows: bytes
    rejects: bytes
    taken: int
    rejected: int
    people: Counter[str]
    rejected_people: Counter[str]


def validated(data: bytes, written: Format, contract: Contract, people: People | None = None) -> Outcome:
    """Return what comes of a data set.

    Args:
        data: as it was sent.
        written: how.
        contract: what it promises to be.
        people: how its rows name people, where the contract says that they do: looked at is what is said of people, and
            kept beside it their pseudonym.

    Raises:
        BadDataset: when it cannot be read.
    """
    held, filters, named = Held(contract), Filters(), _Named(people)
    taken, rejects, why = list[Row](), list[bytes](), Counter[tuple[str, str]]()
    every = read(data, written)
    apart = {name for name, each in contract.columns.items() if each.unique}
    known = near.Known(Table(every, apart if people is None else apart | {people.column}))
    for sent in every:
        row, met = named.bare(sent), list[Met]()
        if (said := held.breach(sent)) is not None:
            met = [Met(CONTRACT, said)]
        elif (said := named.breach(row)) is not None:
            met = [Met(SUBJECT, said)]
        else:
            met = list(filters.met(row))
        if not met and (again := known.met(row)) is not None:
            met = [Met(again, "another row says the same")]
        if met:
            why.update((each.filter, each.says) for each in met)
            rejects.append(_rejected(row, met, filters, named))
        else:
            taken.append(row)
    reasons = list[Finding]()
    if contract.label is not None and taken:
        suspects = poison.suspects(taken, contract.label, apart)
        taken = _unpoisoned(taken, suspects, reasons, why, rejects, filters, named)
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
    rows, among = b"".join(encoded(named.whole(row)) for row in taken), named.among(taken)
    return Outcome(verdict, rows, b"".join(rejects), len(taken), len(rejects), among, named.all - among)


class _Named:
    """Whom rows are about: taken out of a row while it is looked at, and put back as a pseudonym."""

    def __init__(self, people: People | None) -> None:
        self._people: Final = people
        self._of = dict[int, str]()

    def bare(self, row: Row) -> Row:
        """Return a row without whom it is about, which is remembered."""
        if self._people is None:
            return row
        if (subject := self._people.of(row.values)) is not None:
            self._of[row.line] = subject
        return Row(row.line, {name: value for name, value in row.values.items() if name != self._people.column})

    def breach(self, row: Row) -> str | None:
        """Return why a row may not be kept for whom it is about."""
        if self._people is None:
            return None
        if row.line not in self._of:
            return "it names nobody"
        return "its person was erased" if self.is_erased(row) else None

    def is_erased(self, row: Row) -> bool:
        """Whether a row is about somebody who was erased: nothing of it is kept."""
        return self._people is not None and self._of.get(row.line) in self._people.erased

    def whole(self, row: Row) -> dict[str, Value]:
        """Return a row's values, with the pseudonym of whom it is about."""
        if self._people is None or row.line not in self._of:
            return row.values
        return row.values | {self._people.column: self._of[row.line]}

    def among(self, rows: list[Row]) -> Counter[str]:
        """Return how many of some rows are whose."""
        return Counter(self._of[row.line] for row in rows if row.line in self._of)

    @property
    def all(self) -> Counter[str]:
        """How many of all rows are whose, but for who was erased."""
        erased = frozenset[str]() if self._people is None else self._people.erased
        return Counter(each for each in self._of.values() if each not in erased)


def _unpoisoned(
    rows: list[Row],
    found: poison.Suspects,
    reasons: list[Finding],
    why: Counter[tuple[str, str]],
    rejects: list[bytes],
    filters: Filters,
    named: _Named,
) -> list[Row]:
    """Take suspect rows out, and say whether there are so many that somebody should look at the whole."""
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
        rejects.append(_rejected(rows[place], [met], filters, named))
    return [row for place, row in enumerate(rows) if place not in out]


def _rejected(row: Row, met: list[Met], filters: Filters, named: _Named) -> bytes:
    # What turns an order around is not put before a person's eyes.
    hidden = any(each.filter == LETTERS for each in met)
    masked = Row(row.line, {} if named.is_erased(row) else filters.masked(row))
    values = {
        name: value.encode("ascii", "backslashreplace").decode() if hidden and isinstance(value, str) else value
        for name, value in masked.values.items()
    }
    if not named.is_erased(row):
        values = named.whole(Row(row.line, values))
    document: dict[str, Value] = {"line": row.line, "rules": ",".join(sorted({each.filter for each in met}))}
    document["why"] = "; ".join(each.says for each in met)
    return encoded(document | {f"row.{name}": value for name, value in values.items()})
