"""Rewrites one block of a file; pure but for the counts."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from typing import Final

from strongroom.app.redaction.plan import Redactor
from strongroom.privacy.jsontext import Leaf, NotJson, rewrite

_DELIMITERS: Final = ",;\t|"


class BadRecord(ValueError):  # noqa: N818 - said to a person
    """A record cannot be read.

    Attributes:
        record: its number within the block, from 1.
    """

    def __init__(self, record: int, says: str) -> None:
        super().__init__(says)
        self.record = record

    def __reduce__(self) -> tuple[type[BadRecord], tuple[int, str]]:
        """Come back whole from a worker process."""
        return type(self), (self.record, str(self))


def decode(data: bytes) -> str:
    """Return bytes as text.

    Raises:
        BadRecord: they are no UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecord(
            data.count(b"\n", 0, error.start) + 1, f"not UTF-8 at byte {error.start} of the block"
        ) from None


def text(redactor: Redactor, block: bytes) -> tuple[bytes, int]:
    """Return a block of text, and its number of lines."""
    return redactor.text(decode(block)).encode(), block.count(b"\n") + (not block.endswith(b"\n"))


def document(redactor: Redactor, block: bytes) -> tuple[bytes, int]:
    """Return a JSON document."""
    try:
        return _json(redactor, decode(block)).encode("utf-8", "surrogatepass"), 1
    except NotJson as error:
        raise BadRecord(1, f"not JSON: {_place(error)}") from None


def json_lines(redactor: Redactor, block: bytes) -> tuple[bytes, int]:
    """Return a block of JSON documents, one a line; empty lines stay."""
    out: list[str] = []
    count = 0
    for number, line in enumerate(decode(block).split("\n"), 1):
        if not line.strip():
            out.append(line)
            continue
        count += 1
        try:
            out.append(_json(redactor, line))
        except NotJson as error:
            raise BadRecord(number, f"not JSON: {_place(error)}") from None
    return "\n".join(out).encode("utf-8", "surrogatepass"), count


def _json(redactor: Redactor, text_: str) -> str:
    def change(leaf: Leaf) -> str | None:
        if leaf.is_name:
            return redactor.member(leaf.value, leaf.path)
        return redactor.text(leaf.value, leaf.name, leaf.path)

    return rewrite(text_, change)


def _place(error: Exception) -> str:
    """Return what a JSON parser says, which quotes nothing of the text."""
    return str(error).split("\n", 1)[0]


def delimiter_of(head: str) -> str:
    """Return the delimiter of a CSV file from its first line."""
    return max(_DELIMITERS, key=head.count)


def comma_separated(
    redactor: Redactor, block: bytes, names: Sequence[str], delimiter: str, *, first: bool
) -> tuple[bytes, int]:
    """Return a block of CSV records; `names` are the columns', and the first record stays if it names them.

    Raises:
        BadRecord: a record has another number of fields than the first.
    """
    csv.field_size_limit(sys.maxsize)
    content = decode(block)
    out = io.StringIO(newline="")
    ending = "\r\n" if "\r\n" in content else "\n"
    writer = csv.writer(out, delimiter=delimiter, lineterminator=ending)
    count = 0
    try:
        for number, row in enumerate(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True), 1):
            if first and number == 1 and names:
                writer.writerow(row)
                continue
            if names and row and len(row) != len(names):
                raise BadRecord(number, f"{len(row)} fields where the heading has {len(names)}")
            count += bool(row)
            writer.writerow([redactor.text(cell, names[place] if names else "") for place, cell in enumerate(row)])
    except csv.Error as error:
        raise BadRecord(count + 1, f"not CSV: {error}") from None
    done = out.getvalue()
    return (done if content.endswith("\n") else done.removesuffix(ending)).encode(), count


def heading(block: bytes, *, header: bool) -> tuple[tuple[str, ...], str]:
    """Return the columns' names, where the first record has them, and the delimiter."""
    content = decode(block.removeprefix(b"\xef\xbb\xbf"))
    delimiter = delimiter_of(content.split("\n", 1)[0])
    row = next(csv.reader(io.StringIO(content, newline=""), delimiter=delimiter), list[str]())
    return (tuple(row) if header else ()), delimiter
