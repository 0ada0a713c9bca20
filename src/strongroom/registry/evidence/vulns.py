"""in-toto `vulns` predicates, versions 0.1 and 0.2: what a scanner of vulnerabilities found.

A result may say when its vulnerability became known, in an annotation `published` (RFC 3339).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec

from strongroom.registry.evidence.model import (
    MOST_FINDINGS,
    BadEvidence,
    Facts,
    Finding,
    Form,
    severity_of,
    short,
    worst,
)
from strongroom.rules.evidence import Severity

PREDICATES = frozenset({f"https://in-toto.io/attestation/vulns/v0.{minor}" for minor in (1, 2)})


class _Score(msgspec.Struct, frozen=True):
    score: str | float
    method: str = ""


class _Result(msgspec.Struct, frozen=True):
    id: str
    severity: tuple[_Score, ...] = ()
    annotations: tuple[dict[str, Any], ...] = ()


class _Annotation(msgspec.Struct, frozen=True):
    published: Annotated[datetime, msgspec.Meta(tz=True)]


class _Scanner(msgspec.Struct, frozen=True):
    uri: str
    result: tuple[_Result, ...]


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    scan_finished_on: Annotated[datetime, msgspec.Meta(tz=True)]


class _Predicate(msgspec.Struct, frozen=True):
    scanner: _Scanner
    metadata: _Metadata


def read(predicate: Any) -> Facts:
    """Return what a predicate says.

    Raises:
        BadEvidence: when it is none, or does not say when the scan ended.
    """
    try:
        found = msgspec.convert(predicate, _Predicate)
    except msgspec.ValidationError as error:
        raise BadEvidence(f"It is no predicate `vulns` that says enough: {short(error)}.") from None
    if len(found.scanner.result) > MOST_FINDINGS:
        raise BadEvidence(f"It tells of more than {MOST_FINDINGS} vulnerabilities.")
    return Facts(
        form=Form.VULNS,
        made=found.metadata.scan_finished_on,
        tool=short(found.scanner.uri),
        scan=True,
        findings=tuple(_finding(each) for each in found.scanner.result),
    )


def _finding(each: _Result) -> Finding:
    said: list[Severity] = [severity_of(str(score.score)) for score in each.severity]
    return Finding(id=short(each.id), severity=worst(said), published=_published(each))


def _published(each: _Result) -> datetime | None:
    for annotation in each.annotations:
        if "published" in annotation:
            try:
                return msgspec.convert(annotation, _Annotation).published
            except msgspec.ValidationError:
                return None  # what cannot be told counts as the worst: known for ever
    return None
