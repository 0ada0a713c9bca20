"""How a command ends when it does not succeed: one sentence, what to do next, and a code that scripts can rely on."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
UNDETERMINED: Final = 3


class Failure(Exception):  # noqa: N818 - said to a person
    """Ends a command.

    Attributes:
        said: one sentence that says what is wrong.
        then: what to do next; empty when there is nothing to add.
        code: the exit code.
    """

    def __init__(self, said: str, then: str = "", code: int = FAILED) -> None:
        super().__init__(said)
        self.said = said
        self.then = then
        self.code = code


def usage(said: str, then: str = "") -> Failure:
    """Return the failure for words that make no sense together."""
    return Failure(said, then, USAGE)
