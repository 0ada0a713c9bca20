"""Rows of training files that name a person, for those who ask to see them or to have them erased (a `Holder` of `subjects`)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, LiteralString, NamedTuple
from uuid import UUID

from strongroom.kernel.ids import TenantId
from strongroom.registry.content import ContentStore
from strongroom.registry.content.people import File, RowsOfPeople
from strongroom.registry.datasets.personal import trained_on
from strongroom.store import TenantTx
from strongroom.training import tables
from strongroom.training.table import BadTable, Table, write

PREFIX: Final = "training"
_LONGEST: Final = 256
_PSEUDONYM: Final = re.compile(r"sub_[0-9a-f]{32}")
_OF: Final[LiteralString] = """
    select file from registry.content_subject where tenant_id = $1 and subject = $2 and file like $3 || ':%' order by file
"""


class People(NamedTuple):
    """How rows come to name people: by which column, by what pseudonym, and who was erased and is taken in no more."""

    column: str
    pseudonym: Callable[[str], str]
    erased: frozenset[str]

    def parted(self, table: Table) -> tuple[list[str], Table]:
        """Return whom each row is about, and the table without that; rows about who was erased are left out.

        Raises:
            BadTable: when there is no such column, or a row names nobody.
        """
        if self.column not in table.columns:
            raise BadTable(f"It has no column {self.column}, which was to say whom each row is about.")
        at = table.columns.index(self.column)
        subjects, rows = list[str](), list[list[str]]()
        for number, row in enumerate(table.rows, 1):
            name = row[at]
            if not 1 <= len(name) <= _LONGEST or not name.isprintable():
                raise BadTable(f"Row {number} names nobody in the column {self.column}.")
            subject = self.pseudonym(name)
            if subject not in self.erased:
                subjects.append(subject)
                rows.append(_less(row, at))
        if not rows:
            raise BadTable("All of its rows are about people who were erased.")
        return subjects, Table(tuple(_less(list(table.columns), at)), rows)

    def joined(self, table: Table, subjects: Sequence[str]) -> Table:
        """Return a table with whom each row is about as its first column."""
        rows = [[subject, *row] for subject, row in zip(subjects, table.rows, strict=True)]
        return Table((self.column, *table.columns), rows)


class TrainingRows(RowsOfPeople):
    """Rows of training files that were sent with the column of people."""

    name = "rows of training files"
    prefix = PREFIX
    method = "taken out, the files written anew without them and the old ones destroyed"

    async def files(self, tx: TenantTx, names: Sequence[str] | None = None) -> list[File]:
        """Return the tenant's files."""
        wanted = None if names is None else set(names)
        return [
            File(file_called(each.id), "rows", f"training file {each.name}", place_in(self._store, tx.tenant, each.id), each.kept_sha256)
            for each in await tables.files(tx, None)
            if wanted is None or file_called(each.id) in wanted
        ]  # fmt: skip

    async def leaves(self, tx: TenantTx, subject: str) -> Sequence[str]:
        """Name the releases that were trained with files that have rows of a person."""
        said = list[str]()
        known = {file_called(each.id): each for each in await tables.files(tx, None)}
        for row in await tx.fetch(_OF, tx.tenant, subject, PREFIX):
            file = known.get(row["file"])
            trained = [] if file is None else await tables.trained(tx, file.id)
            if file is not None and trained:
                said.append(trained_on(trained, f"the training file {file.name}"))
        return said

    def rows(self, data: bytes, subject: str) -> list[dict[str, Any]]:
        """Return a person's rows."""
        table = _read(data)
        return [dict(zip(table.columns, row, strict=True)) for row in table.rows if subject in row]

    def without(self, data: bytes, subjects: frozenset[str]) -> tuple[bytes, int]:
        """Return the rows of everybody else."""
        table = _read(data)
        kept = [row for row in table.rows if subjects.isdisjoint(row)]
        return write(Table(table.columns, kept)), len(table.rows) - len(kept)

    def hits(self, data: bytes, needles: Sequence[str]) -> int:
        """Return in how many rows something of a person stands."""
        pseudonyms = [each for each in needles if _PSEUDONYM.fullmatch(each)]
        return sum(
            any(cell.lower() in needles or any(each in cell for each in pseudonyms) for cell in row)
            for row in _read(data).rows
        )


def about_nobody(data: bytes, column: str, erased: frozenset[str]) -> bytes:
    """Return a table as it is trained with: without rows of who was erased, and without whom the others are about."""
    table = _read(data)
    at = table.columns.index(column)
    rows = [_less(row, at) for row in table.rows if row[at] not in erased]
    return write(Table(tuple(_less(list(table.columns), at)), rows))


def file_called(which: UUID) -> str:
    """Return what a file is called among files with rows of people."""
    return f"{PREFIX}:{which.hex}"


def place_in(store: ContentStore, tenant: TenantId, which: UUID) -> Path:
    """Return where a file lies."""
    return store.directory(tenant) / f"{which.hex}.table"


def _less(row: list[str], at: int) -> list[str]:
    return [*row[:at], *row[at + 1 :]]


def _read(data: bytes) -> Table:
    """Return a table that `write` wrote; none of its bounds is held against it, for it may have lost rows."""
    rows = [row for row in csv.reader(io.StringIO(data.decode(), newline="")) if row]
    return Table(tuple(rows[0]) if rows else (), rows[1:])
