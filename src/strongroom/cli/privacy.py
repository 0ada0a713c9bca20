"""`strongroom privacy …`."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import App, Parameter

from strongroom.cli import output
from strongroom.cli.calls import ask, place
from strongroom.cli.failures import usage
from strongroom.cli.options import Tenant
from strongroom.cli.session import HERE, ONLINE, Session, decoded
from strongroom.cli.showing import listed

PRIVACY: Final = App(
    name="privacy",
    group=ONLINE,
    help_epilogue="""
Examples:
  strongroom privacy list add customers numbers.txt --tenant acme
  strongroom privacy list add customers crm.csv --column number --tenant acme
  strongroom privacy list list --tenant acme
  strongroom privacy list remove customers --tenant acme
""",
    help="Have a tenant's own values found in what is asked and answered.",
)
LIST: Final = App(name="list", help="Lists of values, kept as keyed hashes; rules call one `custom.NAME`.")
PRIVACY.command(LIST)
_AT_ONCE: Final = 500
_MOST_BYTES: Final = 32_000
_COLUMNS: Final = ("name", "type", "values", "most_words", "changed_at", "changed_by")


@LIST.command(name="add", help_epilogue="")
def add(
    name: str,
    file: Annotated[Path, Parameter(allow_leading_hyphen=True, help="A value a line; `-` reads standard input.")],
    /,
    *,
    tenant: Tenant,
    column: Annotated[str | None, Parameter(help="Of CSV: the column that holds the values.")] = None,
    session: Session = HERE,
) -> None:
    """Add the values of a file to a list, which the first ones make. What is on it already is left out.

    The values are hashed by the control process, under a key of the tenant and the list, and kept as hashes alone.

    Args:
        name: of the list: a-z, 0-9 and _.
        file: the values.
        tenant: whose.
        column: of CSV.
        session: how to ask.
    """
    body, sent = b"", 0
    for values in _batches(_values(file, column)):
        body = ask(session, "POST", place("tenants", tenant, "lists", name, "values"), {"values": values})
        sent += len(values)
        if sys.stderr.isatty():
            output.note(f"{sent} values sent")
    if not sent:
        raise usage(f"There is no value in {file}.")
    if session.json:
        output.raw(body)
    else:
        output.note(f"{sent} values sent; {decoded(body)['values']} are on the list. Rules call it custom.{name}.")


@LIST.command(name="list", help_epilogue="")
def list_lists(*, tenant: Tenant, session: Session = HERE) -> None:
    """List the lists: how many values are on each, never which.

    Args:
        tenant: whose.
        session: how to ask.
    """
    body = ask(session, "GET", place("tenants", tenant, "lists"))
    listed(session, body, _COLUMNS, empty="There is no list.")


@LIST.command(name="remove", help_epilogue="")
def remove(name: str, /, *, tenant: Tenant, session: Session = HERE) -> None:
    """Remove a list; gateways forget it within a second.

    Args:
        name: of the list.
        tenant: whose.
        session: how to ask.
    """
    output.raw(ask(session, "DELETE", place("tenants", tenant, "lists", name)))
    output.note(f"The list {name} is gone.")


def _values(file: Path, column: str | None) -> Iterator[str]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise usage(f"The file {file} cannot be read: {why}.") from None
    if column is None:
        yield from (line.strip() for line in text.splitlines() if line.strip())
        return
    rows: csv.DictReader[Any] = csv.DictReader(text.splitlines())
    if column not in (rows.fieldnames or ()):
        raise usage(f"There is no column {column} in {file}.")
    yield from (value.strip() for row in rows if (value := row[column]) and value.strip())


def _batches(values: Iterator[str]) -> Iterator[list[str]]:
    """Yield values in batches that one request takes."""
    batch, size = list[str](), 0
    for value in values:
        octets = 3 * len(value.encode()) + 4  # as JSON escapes it, at the longest
        if batch and (len(batch) >= _AT_ONCE or size + octets > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(value)
        size += octets
    if batch:
        yield batch
