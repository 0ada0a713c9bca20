"""What is taken out of a tenant's stores, as whoever hands it over says it: from which store, how many rows, how many bytes.

Always true here:
- it is said inside the transaction in which it was read, last, and before anything leaves: a no undoes the reading;
- how much is too much is not said here (`rules.exports`), nor is it counted here (`rules.taking`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum, unique
from typing import Final, TypeAlias

import msgspec

from strongroom.kernel.principal import Principal
from strongroom.store.tx import Tx


@unique
class Surface(StrEnum):
    """From which store something is taken. The value is what rules and counters call it."""

    RECORDS = "records"  # records of requests, and their sums
    AUDIT = "audit"  # entries of a log: searched, listed, exported
    SUBJECTS = "subjects"  # all that is kept of one person
    RESPONSES = "responses"  # answers that a workload had kept
    WEIGHTS = "weights"  # files of models, in the clear
    CAPTURES = "captures"  # raw requests and answers
    DATASETS = "datasets"  # rows of training data
    PROMPTS = "prompts"  # texts of system prompts

    @property
    def words(self) -> str:
        """Say it in plain words, as what is counted in rows."""
        return _WORDS[self]


_WORDS: Final = {
    Surface.RECORDS: "records of requests",
    Surface.AUDIT: "entries of the audit log",
    Surface.SUBJECTS: "things that are kept of people",
    Surface.RESPONSES: "kept responses",
    Surface.WEIGHTS: "pieces of models' files",
    Surface.CAPTURES: "captured requests",
    Surface.DATASETS: "rows of data sets",
    Surface.PROMPTS: "system prompts",
}

Meter: TypeAlias = Callable[[Tx, Principal, Surface, int, int], Awaitable[None]]
"""Counts rows and bytes that somebody takes, in the transaction that they were read in.

Raises:
    Refused: LIMITED where that is more than the tenant's rules allow; the transaction is then undone, with the count.
"""

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


def octets_of(found: object) -> int:
    """Return how many bytes something has when it is told: as JSON."""
    return len(_encode(found))
