"""What a run did, in numbers: fit for a log, a ticket or an auditor, since nothing of the content is in it."""

from __future__ import annotations

import msgspec

from strongroom.privacy.actions import Counts


class Report(msgspec.Struct, frozen=True):
    """Numbers of one run.

    Attributes:
        format: of the file.
        action: what became of what was found.
        records: lines, records or rows.
        characters: that were looked at.
        found: spans by type.
        by_field: spans by field and type; text has no fields.
        unchecked: fields that hold what cannot be looked into.
        seconds: of wall-clock time.
        fields: of the fields that were named beforehand, those that the file has.
    """

    format: str
    action: str
    records: int
    characters: int
    found: dict[str, int]
    by_field: dict[str, dict[str, int]]
    unchecked: list[str]
    seconds: float
    fields: list[str] = []

    @property
    def total(self) -> int:
        """Return how many spans were found."""
        return sum(self.found.values())


def report(format_: str, action: str, records: int, counts: Counts, unchecked: list[str], seconds: float) -> Report:
    """Return the report of a run."""
    return Report(
        format_,
        action,
        records,
        counts.characters,
        dict(sorted(counts.by_kind.items())),
        {where: dict(sorted(found.items())) for where, found in sorted(counts.by_field.items()) if where},
        unchecked,
        round(seconds, 3),
        sorted(counts.fields),
    )
