"""Rows out of what was sent, strictly: what two readers could take for two things is no data set.

JSON lines of flat objects, or CSV with a head. A row keeps its place in what was sent, so that whoever sent it finds it again.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Any, Final, NamedTuple, TypeAlias, cast

from strongroom.registry.datasets.model import MAX_ROWS, BadDataset, Format

Value: TypeAlias = str | int | float | bool | None
_MOST_COLUMNS: Final = 500
_MOST_TEXT: Final = 1 << 20


class Row(NamedTuple):
    """One row: the line on which it begins, and its values."""

    line: int
    values: dict[str, Value]

    @property
    def text(self) -> str:
        """Every text of it, one a line."""
        return "\n".join(each for each in self.values.values() if isinstance(each, str))


def read(data: bytes, written: Format) -> list[Row]:
    """Return the rows of what was sent.

    Raises:
        BadDataset: when it cannot be read, saying on which line.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BadDataset(f"line {line}: it is not UTF-8") from None
    if "\x00" in text:
        raise BadDataset(f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: it holds a zero character")
    rows = _csv(text) if written is Format.CSV else _jsonl(text)
    if not rows:
        raise BadDataset("it has no rows")
    return rows


def encoded(row: dict[str, Value]) -> bytes:
    """Return a row as one canonical JSON line."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def without_column(rows: bytes, column: str) -> bytes:
    """Return rows that `encoded` wrote without one of their columns."""
    found = (json.loads(line) for line in rows.split(b"\n") if line)
    return b"".join(encoded({name: value for name, value in row.items() if name != column}) for row in found)


def _jsonl(text: str) -> list[Row]:
    rows = list[Row]()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        _refuse_many(rows, number)
        try:
            found: Any = json.loads(line, object_pairs_hook=_once, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            said = str(error) if isinstance(error, BadDataset) else "it is not JSON"
            raise BadDataset(f"line {number}: {said}") from None
        if not isinstance(found, dict) or not 0 < len(cast("dict[str, Any]", found)) <= _MOST_COLUMNS:
            raise BadDataset(f"line {number}: a row is an object with 1 to {_MOST_COLUMNS} names")
        named = cast("dict[str, Any]", found)
        rows.append(Row(number, {name: _value(value, number) for name, value in named.items()}))
    return rows


def _csv(text: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows = list[Row]()
    try:
        head = next(reader, list[str]())
        if not head or len(set(head)) != len(head) or not all(each.strip() for each in head):
            raise BadDataset("line 1: a CSV file begins with the names of its columns, each once")
        if len(head) > _MOST_COLUMNS:
            raise BadDataset(f"line 1: there are more than {_MOST_COLUMNS} columns")
        line = reader.line_num + 1
        for fields in reader:
            if fields:
                _refuse_many(rows, line)
                if len(fields) != len(head):
                    raise BadDataset(f"line {line}: it has {len(fields)} values, and the head {len(head)} names")
                rows.append(Row(line, {name: _value(each, line) for name, each in zip(head, fields, strict=True)}))
            line = reader.line_num + 1
    except csv.Error:
        raise BadDataset(f"line {reader.line_num}: it is not CSV") from None
    return rows


def _refuse_many(rows: list[Row], line: int) -> None:
    if len(rows) >= MAX_ROWS:
        raise BadDataset(f"line {line}: a data set has at most {MAX_ROWS} rows")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadDataset("a name comes twice")
    return found


def _no_constant(name: str) -> float:
    raise BadDataset(f"{name} is no number")


def _value(value: object, line: int) -> Value:
    if isinstance(value, str):
        if len(value) > _MOST_TEXT:
            raise BadDataset(f"line {line}: a text has more than {_MOST_TEXT} characters")
        if any("\ud800" <= each <= "\udfff" for each in value):
            raise BadDataset(f"line {line}: it holds half a character")
        return value
    if isinstance(value, (int, float)) and abs(value) > sys.float_info.max:  # numbers are compared as fractions
        raise BadDataset(f"line {line}: a number is too large")
    if value is None or isinstance(value, (bool, int, float)):
        return value
    raise BadDataset(f"line {line}: a value is a text, a number, true, false or null; nothing nests")
