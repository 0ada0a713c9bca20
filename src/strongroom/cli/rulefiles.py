"""Documents of rules in files, as `strongroom rules` reads them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

from strongroom.cli.failures import Failure, usage

_READ_LIMIT: Final = 300_000


def read_file(file: Path) -> Any:
    """Return a document of a file, checked; raise `Failure` when it would not be taken."""
    from strongroom.rules.files import FileError, parse  # noqa: PLC0415 - `--help` must not wait for every kind

    try:
        return parse(contents(file))
    except FileError as error:
        raise Failure(f"{file}:{error.line or 1}: {error.said}", "Nothing was sent.") from None


def contents(file: Path) -> str:
    """Return the text of a file, or of standard input for `-`; raise `Failure` when it cannot be read."""
    try:
        return sys.stdin.read(_READ_LIMIT) if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise usage(f"The file {file} cannot be read: {why}.") from None
