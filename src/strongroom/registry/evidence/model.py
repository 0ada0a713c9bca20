"""The values of evidence: what it is about, what was read of it, and what is kept."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import msgspec

from strongroom.rules.evidence import SEVERITIES, Severity

Sha256 = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}$(?!\n)", max_length=71)]

MOST_BYTES: Final = 4 << 20
"""Of an envelope. A bill of two thousand packages takes some one and a half MiB."""

MOST_BUNDLE: Final = 1 << 20
"""Of a publisher's signature: it is read with each judgement. One over a thousand files, as many as a release has, fits."""

MOST_FINDINGS: Final = 5000
MOST_KEPT: Final = 200
"""Pieces about one thing."""

MOST_SIGNATURES: Final = 10
"""Publishers' signatures of one release."""

_CVSS: Final[tuple[tuple[float, Severity], ...]] = ((9.0, "critical"), (7.0, "high"), (4.0, "medium"))
_WORDS: Final[dict[str, Severity]] = {
    "low": "low", "medium": "medium", "high": "high", "critical": "critical",
    "moderate": "medium", "none": "low", "info": "low", "negligible": "low", "note": "low",
}  # fmt: skip
_LONGEST: Final = 200


class BadEvidence(ValueError):  # noqa: N818 - said to a person
    """The bytes are no evidence that can be taken; the message is a sentence that says why."""


@unique
class About(StrEnum):
    """What evidence is about."""

    RELEASE = "release"
    RUNTIME = "runtime"
    IMAGE = "image"


@unique
class Form(StrEnum):
    """What a document is."""

    CYCLONEDX = "cyclonedx"
    SARIF = "sarif"
    VULNS = "vulns"
    SLSA = "slsa"
    OMS = "oms"


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A vulnerability that a document tells of.

    Attributes:
        id: as the document names it.
        severity: the worst that it says; unknown: critical.
        published: when it became known; None: the document does not say.
        parts: which parts of the subject it is in; none: the document does not say.
    """

    id: str
    severity: Severity
    published: datetime | None = None
    parts: tuple[str, ...] = ()


class Word(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody says of a vulnerability (VEX).

    Attributes:
        id: of the vulnerability.
        state: as CycloneDX names it: `not_affected`, `exploitable`, ….
        parts: of which parts; none: of all.
    """

    id: str
    state: str
    parts: tuple[str, ...] = ()


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Who built something, from what, and how."""

    builder: str
    build_type: str
    sources: tuple[str, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was read of a document.

    Attributes:
        form: what it is.
        made: when it was made, by its own word.
        tool: what made it.
        bill: how many parts it lists; None: it is no bill of materials.
        scan: whether it tells which vulnerabilities were found, so that none means none.
        findings: the vulnerabilities.
        words: what it says of vulnerabilities that others found.
        provenance: of a build.
        bundle: a publisher's signature of a release, as it came: it is verified anew wherever it is to count.
    """

    form: Form
    made: datetime
    tool: str = ""
    bill: int | None = None
    scan: bool = False
    findings: tuple[Finding, ...] = ()
    words: tuple[Word, ...] = ()
    provenance: Provenance | None = None
    bundle: str = ""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A piece as it was taken in: what the installation's seal is over.

    Attributes:
        id: of it.
        about: what kind of thing it is about.
        subject: the digest of that.
        owner: the tenant whose own that is, by id; empty: the installation's.
        document: SHA-256 of the envelope.
        signer: id of the key that signed it.
        by: who brought it.
        at: when.
        facts: what was read of it.
    """

    id: UUID
    about: About
    subject: Sha256
    owner: str
    document: Sha256
    signer: str
    by: str
    at: datetime
    facts: Facts


class Outside(NamedTuple):
    """What a judgement knows from others.

    Attributes:
        digests: of each thing that is judged; a thing that is not there has none.
        taken: everything that was taken in about these, whose seal holds.
    """

    digests: dict[About, str]
    taken: tuple[Taken, ...] = ()


def severity_of(score: str) -> Severity:
    """Return how bad a score is: a number of CVSS (from 0 to 10), or a word; what is neither counts as the worst."""
    text = score.strip().lower()
    known = _WORDS.get(text)
    if known is not None:
        return known
    try:
        number = float(text)
    except ValueError:
        return "critical"
    if not 0 <= number <= 10:  # noqa: PLR2004 - CVSS; not a number too
        return "critical"
    for least, severity in _CVSS:
        if number >= least:
            return severity
    return "low"


def worst(severities: list[Severity]) -> Severity:
    """Return the worst of them; of none: critical."""
    return SEVERITIES[max((SEVERITIES.index(each) for each in severities), default=len(SEVERITIES) - 1)]


def short(text: Any) -> str:
    """Return a text of a document as it is kept: of bounded length, printable."""
    return "".join(each if each.isprintable() else "?" for each in str(text)[:_LONGEST])
