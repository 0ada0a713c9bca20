"""What a scan says: findings, a verdict for each file, and one for all of them."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Annotated

import msgspec


@unique
class Verdict(StrEnum):
    """What came of looking."""

    CLEAN = "clean"
    REFUSED = "refused"
    UNDETERMINED = "undetermined"


@unique
class Level(StrEnum):
    """What a finding does to the verdict."""

    REFUSE = "refuse"
    UNDETERMINED = "undetermined"
    NOTE = "note"


@unique
class Kind(StrEnum):
    """What a file was found to be, all the way through."""

    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    ONNX = "onnx"
    ONNX_DATA = "onnx-data"
    JSON = "json"
    TEXT = "text"
    TEMPLATE = "chat-template"
    SENTENCEPIECE = "sentencepiece"
    UNKNOWN = "unknown"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One reason, in words for a person.

    Attributes:
        rule: its name in `rules.RULES`.
        level: what it does to the verdict.
        message: one sentence.
        offset: where in the file, in bytes, when there is a place.
        scanner: the plug-in that found it; empty for this one.
    """

    rule: str
    level: Level
    message: str
    offset: int | None = None
    scanner: str = ""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A chat template that a person should see once: the gate cannot judge its words.

    Attributes:
        name: where it stands in the file.
        sha256: of its text in UTF-8.
    """

    name: str
    sha256: str


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """A range of another file that an ONNX tensor says is its data."""

    file: str
    offset: int
    length: int


class FileReport(msgspec.Struct, frozen=True, kw_only=True):
    """What one file is.

    Attributes:
        path: below the scanned directory, with `/` between parts; the file's own name where a file was scanned.
        verdict: of this file alone.
        kind: what it is; `unknown` for all that is not admitted.
        size: in bytes.
        sha256: of the bytes that were parsed, in the same pass.
        blake3: of the same bytes.
        findings: every reason.
        templates: chat templates inside, by digest.
    """

    path: str
    verdict: Verdict
    kind: Kind = Kind.UNKNOWN
    size: int = 0
    sha256: str = ""
    blake3: str = ""
    findings: tuple[Finding, ...] = ()
    templates: tuple[Template, ...] = ()


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How many there were."""

    files: int
    bytes: int
    clean: int
    refused: int
    undetermined: int


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """Who looked, and by which rules.

    Attributes:
        name: of the scanner.
        version: of the distribution that carries it.
        digest: SHA-256 over its source files.
    """

    name: str
    version: str
    digest: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole scan says.

    Attributes:
        path: what was scanned, as it was named.
        verdict: refused when any file is; else undetermined when any file is; else clean.
        scanner: who looked.
        ruleset: SHA-256 of the rules and limits.
        plugins: the other scanners that looked.
        sandbox: what confined the scanner's process, and what this machine lacks.
        started_at: RFC 3339.
        seconds: how long it took.
        totals: how many.
        findings: what is wrong with the tree itself.
        files: each file, by path.
    """

    path: str
    verdict: Verdict
    scanner: Tool
    ruleset: str
    plugins: tuple[Tool, ...]
    sandbox: tuple[str, ...]
    started_at: Annotated[str, msgspec.Meta(description="RFC 3339")]
    seconds: float
    totals: Totals
    findings: tuple[Finding, ...]
    files: tuple[FileReport, ...]


def verdict_of(findings: tuple[Finding, ...]) -> Verdict:
    """Return what findings come to: a reason to refuse outweighs one that says nothing was determined."""
    levels = {finding.level for finding in findings}
    if Level.REFUSE in levels:
        return Verdict.REFUSED
    return Verdict.UNDETERMINED if Level.UNDETERMINED in levels else Verdict.CLEAN
