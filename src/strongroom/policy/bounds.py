"""How many refusals of one credential are written one by one.

Always true here:
- the first refusal of each verb is admitted, however many others came before: a flood hides no new attempt;
- what is not admitted is counted, and whoever writes next takes the count with it: no gap is silent;
- no more credentials are remembered than `_MOST`; the one that was refused longest ago is forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from strongroom.audit import Strangers

_RATE: Final = 1.0
_BURST: Final = 100.0
_MOST: Final = 8_192


class Bound:
    """One credential's refusals."""

    __slots__ = ("_rate", "_seen")

    def __init__(self) -> None:
        self._rate: Final = Strangers(_RATE, _BURST)
        self._seen: Final[set[str]] = set()

    def admit(self, action: str, now: float) -> bool:
        """Return whether this refusal is written by itself; it is counted if not. `now` in seconds."""
        if action not in self._seen:
            self._seen.add(action)
            return True
        return self._rate.admit(now)

    def take(self) -> int:
        """Return how many were counted since the last call; taken before the first await, so that one writer tells."""
        unwritten, self._rate.counted = self._rate.counted, 0
        return unwritten

    def give_back(self, unwritten: int) -> None:
        """Count again what was taken, with the entry that could not be written."""
        self._rate.counted += unwritten + 1


class Bounds:
    """The bounds of the credentials that were refused something lately."""

    def __init__(self) -> None:
        self._bounds: Final[OrderedDict[str, Bound]] = OrderedDict()

    def of(self, credential: str) -> Bound:
        """Return the bound of one credential, by its public id."""
        bound = self._bounds.setdefault(credential, Bound())
        self._bounds.move_to_end(credential)
        if len(self._bounds) > _MOST:
            self._bounds.popitem(last=False)
        return bound
