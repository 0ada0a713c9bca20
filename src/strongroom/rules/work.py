"""How much a check may cost: counted while it runs, because what it costs is up to whoever wrote the schema and the value.

Always true here: what is left only shrinks, and nothing that spends of it goes on once it is used up. One second's
checking holds up everybody whom a process serves, so the bound is one for all that is checked for one of them.
"""

from __future__ import annotations

from typing import Final

MAX_LOOKS: Final = 50_000
"""Looks at a part of a schema, at one of its keywords or names, at a number or an object of a text. The worst that was
found costs some 0.7 µs a look, so less than 40 ms all together; a call of a hundred rows with twenty columns costs 20,000
at most."""


class TooMuchWorkError(Exception):
    """A check that would cost more than is left for it."""


class Work:
    """What may still be spent, in looks; one for all the calls of a request, or of an answer."""

    __slots__ = ("left",)

    def __init__(self, looks: int = MAX_LOOKS) -> None:
        self.left = looks

    def spend(self, looks: int = 1) -> None:
        """Take `looks` of what is left.

        Raises:
            TooMuchWorkError: when it is not enough.
        """
        self.left -= looks
        if self.left < 0:
            raise TooMuchWorkError
