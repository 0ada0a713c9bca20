"""A worker's only log: lines on standard error, which its launcher keeps."""

from __future__ import annotations

import sys


def note(text: str) -> None:
    """Write a line to the worker's log; never with anything from a request."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - standard error is the log
