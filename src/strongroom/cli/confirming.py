"""Having the person at the terminal say that what cannot be undone is meant."""

from __future__ import annotations

import sys

from strongroom.cli import output
from strongroom.cli.failures import Failure, usage


def confirm(name: str, doing: str, means: str) -> None:
    """Ask for `name` to be typed, before what `doing` says.

    Raises:
        Failure: when there is nobody to ask, or it is not meant.
    """
    if not sys.stdin.isatty():
        raise usage(f"{doing} {name} cannot be undone.", "Say --yes if it is meant.")
    output.note(f"{means} It cannot be undone.")
    if input("Type its name to go on: ") != name:
        raise Failure("Not confirmed; nothing was changed.")
