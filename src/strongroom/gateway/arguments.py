"""The arguments of calls: JSON that every parser reads alike, as a tool's schema has it, at a bounded cost.

Always true here:
- what was checked is what is read by whoever runs the call: no member twice, no half of a pair of surrogates, no number
  that a double does not hold as it is written (RFC 8259, 6; RFC 7493, 2.2): a bound that one parser sees kept, another
  would not;
- all the calls of one request, or of one answer, are read within one number of calls, one length and one budget of work
  (`rules/work.py`): checking them keeps the event loop for some tens of milliseconds at the very most.
"""

from __future__ import annotations

import json
import math
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NoReturn

from strongroom.rules.schema import Check
from strongroom.rules.work import TooMuchWorkError, Work

MAX_CALLS: Final = 128
MAX_ARGUMENTS: Final = 256 * 1024
"""Characters, of all calls together."""
_MAX_INTEGER: Final = 2**53
_MAX_NUMBER: Final = 40  # characters: the longest that says a double needs 24


class Arguments:
    """Reads the arguments of the calls of one request, or of one answer."""

    def __init__(self) -> None:
        self._calls = 0
        self._size = 0
        self._work: Final = Work()

    def unfit(self, arguments: str, accepts: Check) -> str | None:
        """Return why the next call's arguments are not to be run."""
        self._calls += 1
        self._size += len(arguments)
        if self._calls > MAX_CALLS:
            return f"with it there are more than {MAX_CALLS} calls"
        if self._size > MAX_ARGUMENTS:
            return f"with its arguments there are more than {MAX_ARGUMENTS} characters of them"
        try:
            return self._misfit(arguments, accepts)
        except TooMuchWorkError:
            return "checking its arguments against the tool's schema is too much work"

    def _misfit(self, arguments: str, accepts: Check) -> str | None:
        try:
            value = json.loads(
                arguments or "{}",
                object_pairs_hook=self._once,
                parse_int=self._whole,
                parse_float=self._broken,
                parse_constant=_no_number,
            )
            arguments.encode()
            if "\\u" in arguments:
                json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError):
            return "its arguments are not JSON that reads one way"
        if not isinstance(value, dict):
            return "its arguments are not an object"
        try:
            fits = accepts(value, self._work)
        except RecursionError:
            fits = False
        return None if fits else "its arguments are not as the tool's schema has them"

    def _once(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Refuse a member that is there twice: one parser takes the first, another the last, and they run different calls."""
        self._work.spend(1 + len(pairs))
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a member twice")
        return members

    def _whole(self, text: str) -> int:
        """Refuse an integer that a parser with doubles alone rounds."""
        self._work.spend()
        if len(text) > _MAX_NUMBER or not -_MAX_INTEGER <= (value := int(text)) <= _MAX_INTEGER:
            raise ValueError("an integer beyond 2 to the power of 53")
        return value

    def _broken(self, text: str) -> float:
        """Refuse a number that is rounded, or is infinite, once it is read: a parser with decimals reads another."""
        self._work.spend(4)  # `_says` may take that much longer
        if len(text) > _MAX_NUMBER or not math.isfinite(value := float(text)) or not _says(text, value):
            raise ValueError("a number that is not what it is read as")
        return value


def _says(text: str, value: float) -> bool:
    written = repr(value)
    try:
        return text == written or Decimal(text) == Decimal(written)
    except InvalidOperation:  # an exponent that a decimal does not hold either
        return False


def _no_number(text: str) -> NoReturn:
    raise ValueError(text)
