"""How answers are shown: a table for a person at a terminal, aligned text for a pipe, the API's own JSON when asked for."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(?:\.\d+)?(?:Z|\+00:00)")


def raw(body: bytes) -> None:
    """Print the API's JSON, exactly; an answer without a body prints nothing."""
    if body:
        sys.stdout.write(body.decode() + "\n")


def listing(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, empty: str) -> None:
    """Print `rows`, one a line, with the named fields as columns; `empty` goes to standard error when there are none."""
    if not rows:
        print(empty, file=sys.stderr)
        return
    cells = [[text(row.get(column)) for column in columns] for row in rows]
    titles = [column.replace("_", " ") for column in columns]
    _table(titles, cells) if sys.stdout.isatty() else _aligned([[title.upper() for title in titles], *cells])


def record(fields: Mapping[str, Any]) -> None:
    """Print one thing, a field a line; fields without a value are left out."""
    cells = [[name.replace("_", " "), text(value)] for name, value in fields.items() if value not in (None, "")]
    _aligned(cells)


def note(said: str) -> None:
    """Say on standard error what happened, for a person."""
    print(said, file=sys.stderr)


def text(value: Any) -> str:
    """Return a value as a person reads it, on one line and without control characters."""
    match value:
        case None | "" | [] | ():
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(text(each) for each in cast("list[Any]", value))
        case dict():
            return ", ".join(f"{name}={text(each)}" for name, each in cast("dict[str, Any]", value).items())
        case _:
            shown = _MOMENT.sub(r"\1 \2Z", str(value))
            return "".join(character if character.isprintable() else "?" for character in shown)


def _aligned(cells: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[index]) for row in cells) for index in range(len(cells[0]))] if cells else []
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print(line.rstrip())


def _table(titles: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich import box  # noqa: PLC0415 - a third of the start time, and only a terminal needs it
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))  # as text: a name is never markup
    Console(no_color="NO_COLOR" in os.environ, highlight=False).print(table)
