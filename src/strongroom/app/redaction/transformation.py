"""The record that goes with a de-identified data set: from what it was made, how, and what was found (P8).

It names no value. Whoever holds the input can make the derivative again with the same key and compare digests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from strongroom.app.redaction.names import digest
from strongroom.app.redaction.plan import Plan
from strongroom.app.redaction.report import Report

SUFFIX = ".transformation.json"


class Side(msgspec.Struct, frozen=True):
    """One file: its name and SHA-256."""

    name: str
    sha256: str
    bytes: int


class FileRecord(msgspec.Struct, frozen=True):
    """What one file became."""

    input: Side
    output: Side
    report: Report


class Transformation(msgspec.Struct, frozen=True):
    """The record.

    Attributes:
        format: version of this document.
        tool: what made it.
        action: what became of what was found.
        types: the types that were looked for.
        least_confidence: below which findings were left.
        names: whether the lexicon of names was used.
        model: the model of names that read along; empty: none did.
        fields: fields that were treated as a whole.
        key_id: digest by which to tell the key again, which is not in here.
        files: one entry a file.
    """

    format: int
    tool: str
    action: str
    types: list[str]
    least_confidence: float
    names: bool
    fields: dict[str, str]
    key_id: str
    files: list[FileRecord]
    model: str = ""


def side(path: Path) -> Side:
    """Return a file's name, digest and size."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Side(path.name, f"sha256:{digest}", path.stat().st_size)


def transformation(plan: Plan, files: Sequence[FileRecord]) -> Transformation:
    """Return the record of a run."""
    return Transformation(
        1,
        f"strongroom {version('strongroom')}",
        plan.action,
        sorted(plan.kinds),
        plan.least,
        plan.names,
        {name: f"{rule.action}:{rule.kind}" for name, rule in sorted(plan.fields.items())},
        hashlib.sha256(b"strongroom de-identification key\0" + plan.key).hexdigest()[:16],
        list(files),
        digest() if plan.ner else "",
    )
