"""Whether an answer gives its own instructions away: how much of them stands in it, in any view.

A text is the set of its runs of `GRAM` letters; of a leak are those of the instructions that an answer has too (containment).
The answer's own length does not count, so nothing is diluted by talk around it. Instructions of one sentence are
not watched: ordinary answers say a sentence again.

Source of the measure and of the quarter: design notes, detection S10 (character 12-grams, containment .25).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from strongroom.privacy.folding import fold
from strongroom.privacy.views import letters, stepped_back, stepped_texts, steps

GRAM: Final = 12
"""Letters of one run."""
SHARE: Final = 0.25
LEAST: Final = 48
"""Runs that must be there whatever the share is: about sixty characters word for word."""
MOST: Final = 512
"""Runs that are a leak whatever the share is, of instructions that are long."""
WATCHED: Final = 32_768
"""Characters of instructions that are watched, from their beginning."""
STRIDE: Final = 128
"""Characters of an answer between two looks."""
REACH: Final = 3 * 3 * GRAM
"""Characters before them that are looked at again: a run with two characters between its letters, or as many blanks."""
STOPPED: Final = 900
"""Characters of instructions, at most, in an answer that was stopped for them, where it says them letter for letter and without
more between them than English has: `MOST` runs have 640 of them at most, and two looks lie between what made the last one."""
_WALK: Final = GRAM - 1
_PIECE: Final = 8192
"""Characters of a caller's turns at a time: looked at in a thread, a long one lets go of the interpreter between two of them."""


class Instructions:
    """The runs of some instructions. Immutable; `of` keeps those of the texts that were asked about last."""

    __slots__ = ("enough", "runs")

    def __init__(self, text: str) -> None:
        walked = steps(letters(fold(text[:WATCHED]).data))
        self.runs: frozenset[bytes] = frozenset(_runs(walked))
        self.enough: int = max(LEAST, min(MOST, round(SHARE * len(self.runs))))
        """Of them, so many in an answer are a leak."""

    @property
    def watched(self) -> bool:
        """Whether there is enough of them to tell a leak from a sentence that is said again."""
        return len(self.runs) >= self.enough

    def met(self, text: str) -> frozenset[bytes]:
        """Return those of the runs that a piece of an answer holds, in any view."""
        forth = self.runs.intersection(_runs(stepped_texts(text)))
        back = self.runs.intersection(_runs(stepped_back(text)))
        return forth | back if back else forth


@lru_cache(maxsize=64)
def instructions(text: str) -> Instructions:
    """Return the runs of instructions; those of a workload are the same with each request."""
    return Instructions(text)


def said_in(texts: Iterable[str], runs: Instructions) -> frozenset[bytes]:
    """Return those of the runs that texts hold as they stand: what a caller's own turns say is no secret of the instructions."""
    found: frozenset[bytes] = frozenset()
    for text in texts:
        said = b"".join([letters(fold(text[at : at + _PIECE]).data) for at in range(0, len(text), _PIECE)])
        for at in range(0, len(said), _PIECE):  # a run that begins in one piece may end in the next
            found |= runs.runs.intersection(_runs(steps(said[at : at + _PIECE + _WALK])))
    return found


def _runs(walked: bytes) -> list[bytes]:
    return [walked[at : at + _WALK] for at in range(len(walked) - _WALK + 1)]
