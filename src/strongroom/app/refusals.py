"""What stops a start, and the exit codes of `strongroom up`."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2


class CannotStart(Exception):  # noqa: N818 - said to an operator
    """Starting is refused or failed; the message says what to do next."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code
