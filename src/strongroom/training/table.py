"""Tables of text: read from what was uploaded, strictly, and written in the one form in which they are kept.

Pure. A message names rows and columns and quotes no value.
"""

from __future__ import annotations

import csv
import io
from typing import Any, Final, NamedTuple

import msgspec

MOST_ROWS: Final = 200_000
MOST_COLUMNS: Final = 200
LEAST_ROWS: Final = 20
_NAME: Final = 100


class Table(NamedTuple):
    """Columns by name, and rows of as many cells."""

    columns: tuple[str, ...]
    rows: list[list[str]]


class BadTable(ValueError):  # noqa: N818 - a value that says why
    """It is no table that can be trained with."""


def read(data: bytes) -> Table:
    """Return the table that `data` is: CSV with a head, or one flat JSON object a line.

    Raises:
        BadTable: saying where it is none.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadTable("It is not UTF-8.") from None
    if "\0" in text:
        raise BadTable("It holds a zero byte: it is no text.")
    found = _jsonl(text) if text.lstrip()[:1] == "{" else _csv(text)
    _checked(found)
    return found


def write(table: Table) -> bytes:
    """Return a table as CSV."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(table.rows)
    return out.getvalue().encode()


def _csv(text: str) -> Table:
    rows: list[list[str]] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        head = next(reader, None)
        if head is None:
            raise BadTable("It is empty.")
        for row in reader:
            if not row:
                continue
            if len(row) != len(head):
                raise BadTable(f"Line {reader.line_num} has {len(row)} cells, and the head has {len(head)}.")
            rows.append([cell.strip() for cell in row])
            if len(rows) > MOST_ROWS:
                break
    except csv.Error as error:
        raise BadTable(f"It is no CSV: {error}.") from None
    return Table(tuple(name.strip() for name in head), rows)


def _jsonl(text: str) -> Table:
    columns: tuple[str, ...] = ()
    rows: list[list[str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.MsgspecError, RecursionError):
            raise BadTable(f"Line {number} is no JSON object.") from None
        columns = columns or tuple(record)
        if record.keys() != set(columns):
            raise BadTable(f"Line {number} has other fields than the first.")
        rows.append([_cell(record[name], number) for name in columns])
        if len(rows) > MOST_ROWS:
            break
    return Table(columns, rows)


def _cell(value: object, number: int) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float):
        return repr(value)
    if value is None:
        return ""
    raise BadTable(f"Line {number} has a field that is neither text nor a number: objects must be flat.")


def _checked(table: Table) -> None:
    if not 1 < len(table.columns) <= MOST_COLUMNS:
        raise BadTable(f"It has {len(table.columns)} columns; a table has 2 to {MOST_COLUMNS}.")
    if len(set(table.columns)) != len(table.columns):
        raise BadTable("Two columns have one name.")
    if not all(name and len(name) <= _NAME and name.isprintable() for name in table.columns):
        raise BadTable(f"A column's name is 1 to {_NAME} printable characters.")
    if not LEAST_ROWS <= len(table.rows) <= MOST_ROWS:
        found = "more" if len(table.rows) > MOST_ROWS else str(len(table.rows))
        raise BadTable(f"It has {found} rows; a table has {LEAST_ROWS} to {MOST_ROWS}.")
