"""CycloneDX 1.4 to 1.6 in JSON: a bill of materials, a scan, or statements about vulnerabilities (VEX).

Always true here:
- it follows the schema of the version that it says it is of;
- a vulnerability whose rating nobody can read counts as critical;
- `affects` narrows what is said: of some parts, unless it names the subject itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, cast

import msgspec

from strongroom.registry.bills.schema import NotCycloneDx, validate
from strongroom.registry.evidence.model import (
    MOST_FINDINGS,
    BadEvidence,
    Facts,
    Finding,
    Form,
    Word,
    severity_of,
    short,
    worst,
)
from strongroom.rules.evidence import Severity

_MOST_PARTS: Final = 5000


class _Rating(msgspec.Struct, frozen=True):
    severity: str | None = None
    score: float | None = None

    @property
    def said(self) -> list[str]:
        """What it says of how bad something is; nothing where it says that it does not know."""
        told = (None if self.score is None else str(self.score), self.severity)
        return [each for each in told if each is not None and each != "unknown"]


class _Affected(msgspec.Struct, frozen=True):
    ref: str


class _Analysis(msgspec.Struct, frozen=True):
    state: str = ""


class _Vulnerability(msgspec.Struct, frozen=True):
    id: str
    ratings: tuple[_Rating, ...] = ()
    affects: tuple[_Affected, ...] = ()
    published: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    analysis: _Analysis | None = None


class _Named(msgspec.Struct, frozen=True):
    name: str = ""
    ref: str = msgspec.field(default="", name="bom-ref")


class _Tools(msgspec.Struct, frozen=True):
    components: tuple[_Named, ...] = ()


class _Metadata(msgspec.Struct, frozen=True):
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)]
    component: _Named | None = None
    tools: _Tools | tuple[_Named, ...] | None = None


class _Document(msgspec.Struct, frozen=True, rename="camel"):
    spec_version: str
    metadata: _Metadata
    components: tuple[Any, ...] = ()
    vulnerabilities: tuple[_Vulnerability, ...] | None = None


def read(document: Any) -> Facts:
    """Return what a document says. Takes some seconds of CPU the first time, for the schema.

    Raises:
        BadEvidence: when it follows no schema, does not say when it was made, or says nothing.
    """
    try:
        found = msgspec.convert(document, _Document)
    except msgspec.ValidationError as error:
        raise BadEvidence(f"It is no CycloneDX that says enough: {short(error)}.") from None
    told = found.vulnerabilities
    if told is None and not found.components:
        raise BadEvidence("It lists neither parts nor vulnerabilities.")
    if len(found.components) > _MOST_PARTS:
        raise BadEvidence(f"It lists more than {_MOST_PARTS} parts.")
    if len(told or ()) > MOST_FINDINGS:
        raise BadEvidence(f"It tells of more than {MOST_FINDINGS} vulnerabilities.")
    try:
        validate(msgspec.json.encode(_without_addresses(document)).decode(), found.spec_version)
    except NotCycloneDx as error:
        raise BadEvidence(str(error)) from None
    whole = found.metadata.component.ref if found.metadata.component is not None else ""
    words = [each for each in told or () if each.analysis is not None]
    return Facts(
        form=Form.CYCLONEDX,
        made=found.metadata.timestamp,
        tool=_tool(found.metadata.tools),
        bill=len(found.components) or None,
        scan=told is not None and not words,
        findings=tuple(_finding(each, whole) for each in told or () if _open(each)),
        words=tuple(_word(each, each.analysis, whole) for each in words if each.analysis is not None),
    )


def _without_addresses(value: Any) -> Any:
    """Return the same document with short addresses: holding each against its grammar takes tens of milliseconds."""
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return {
            key: "u" if key == "url" and isinstance(each, str) and each else _without_addresses(each)
            for key, each in members.items()
        }
    listed: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - decoded JSON
    return [_without_addresses(each) for each in listed] if isinstance(value, list) else value


def _open(each: _Vulnerability) -> bool:
    return each.analysis is None or each.analysis.state != "not_affected"


def _finding(each: _Vulnerability, whole: str) -> Finding:
    said: list[Severity] = [severity_of(score) for rating in each.ratings for score in rating.said]
    return Finding(id=short(each.id), severity=worst(said), published=each.published, parts=_parts(each, whole))


def _word(each: _Vulnerability, analysis: _Analysis, whole: str) -> Word:
    return Word(id=short(each.id), state=short(analysis.state), parts=_parts(each, whole))


def _parts(each: _Vulnerability, whole: str) -> tuple[str, ...]:
    parts = tuple(sorted({affected.ref for affected in each.affects}))
    return () if whole and whole in parts else parts


def _tool(tools: _Tools | tuple[_Named, ...] | None) -> str:
    """Return what made it: before version 1.5 a list, and then an object that lists components."""
    listed = tools.components if isinstance(tools, _Tools) else tools or ()
    return short(listed[0].name) if listed else ""
