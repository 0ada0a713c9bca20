"""Progress over the bytes of files, for a person at a terminal; a pipe sees nothing of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from strongroom.cli import output

_SHOWN: Final = 50

Moved = Callable[[str, int, int], None]
"""Told which file is read, how many bytes of all have been, and how many there are; 0 where nobody knows."""


@contextmanager
def over_bytes(*, quiet: bool) -> Generator[Moved | None]:
    """Show a bar on standard error while files are read."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - a third of the start time, and only a terminal needs it
    from rich.markup import escape  # noqa: PLC0415 - as above
    from rich.progress import (  # noqa: PLC0415 - as above
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)

        def moved(name: str, done: int, total: int) -> None:
            bar.update(task, description=escape(output.text(name)[-_SHOWN:]), completed=done, total=total or None)

        yield moved
