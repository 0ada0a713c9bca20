"""Evidence of others is read strictly: forged, replayed, edited, unsigned or malformed, it is refused; the honest one is read."""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.registry.evidence_samples import (
    BUILDER,
    NOW,
    OTHER,
    PARTS,
    SCANNER,
    SOURCE,
    STRANGER,
    SUBJECT,
    cyclonedx,
    enveloped,
    sarif,
    signed,
    slsa,
    vulnerability,
    vulns,
)

from strongroom.registry.evidence.model import MOST_BYTES, BadEvidence, Facts, severity_of
from strongroom.registry.evidence.reading import read
from strongroom.registry.evidence.strictly import decoded

TRUSTED = [SCANNER.public]


def facts(envelope: bytes) -> Facts:
    found, signer = read(envelope, SUBJECT, TRUSTED, NOW)
    assert signer == SCANNER.public.id
    return found


def test_a_bill_of_materials_is_read() -> None:
    found = facts(signed(cyclonedx(components=PARTS)))
    assert (found.form, found.bill, found.scan, found.findings) == ("cyclonedx", 1, False, ())


def test_a_scan_and_vex_in_cyclonedx_are_told_apart() -> None:
    scan = facts(signed(cyclonedx(components=PARTS, vulnerabilities=[vulnerability("CVE-1", "critical")])))
    assert scan.scan
    assert [(each.id, each.severity, each.parts) for each in scan.findings] == [
        ("CVE-1", "critical", ("pkg:pypi/p@1",))
    ]
    clean = facts(signed(cyclonedx(components=PARTS, vulnerabilities=[])))
    assert (clean.scan, clean.findings) == (True, ())
    told = [
        vulnerability("CVE-1", analysis={"state": "not_affected"}),
        vulnerability("CVE-2", analysis={"state": "exploitable"}, affects=[{"ref": "whole"}]),
    ]
    vex = facts(signed(cyclonedx(vulnerabilities=told)))
    assert not vex.scan
    assert [(each.id, each.state, each.parts) for each in vex.words] == [
        ("CVE-1", "not_affected", ("pkg:pypi/p@1",)),
        ("CVE-2", "exploitable", ()),
    ]
    assert [each.id for each in vex.findings] == ["CVE-2"]


def test_a_rating_that_nobody_can_read_counts_as_the_worst() -> None:
    ratings: list[list[dict[str, Any]]] = [[{"severity": "unknown"}], [], [{"score": 5.0, "severity": "low"}]]
    said = [vulnerability(f"CVE-{index}") | {"ratings": each} for index, each in enumerate(ratings)]
    found = facts(signed(cyclonedx(vulnerabilities=said))).findings
    assert [each.severity for each in found] == ["critical", "critical", "medium"]
    scores = {"9.8": "critical", "7": "high", "6.9": "medium", "0": "low", "Moderate": "medium", "nan": "critical"}
    assert {each: severity_of(each) for each in scores} == scores
    assert (severity_of("11"), severity_of("who knows")) == ("critical", "critical")


def test_a_predicate_vulns_is_read() -> None:
    found = facts(
        signed(
            vulns(
                {"id": "CVE-1", "severity": [{"method": "nvd", "score": "7.5"}, {"method": "x", "score": "low"}]},
                {"id": "CVE-2", "severity": [], "annotations": [{"published": "2026-05-01T00:00:00Z"}]},
                {"id": "CVE-3", "severity": [{"method": "x", "score": 3.1}], "annotations": [{"published": "lately"}]},
            )
        )
    )
    assert [(each.id, each.severity, each.published is None) for each in found.findings] == [
        ("CVE-1", "high", True),
        ("CVE-2", "critical", False),
        ("CVE-3", "low", True),
    ]


def test_cyclonedx_before_1_5_names_its_tools_in_a_list() -> None:
    for tools in ([{"name": "syft", "version": "1"}], {"components": [{"type": "application", "name": "syft"}]}):
        version = "1.4" if isinstance(tools, list) else "1.6"
        document = cyclonedx(version=version, components=PARTS)
        document["metadata"]["tools"] = tools
        assert facts(signed(document)).tool == "syft"
    assert facts(signed(cyclonedx(components=PARTS))).tool == ""
    assert facts(signed(cyclonedx(vulnerabilities=[]))).bill is None, "a scan that lists no part is no bill of them"


def test_sarif_is_read_and_what_is_suppressed_counts() -> None:
    found = facts(
        signed(
            sarif(
                {"ruleId": "CVE-1", "suppressions": [{"kind": "external"}]},
                {"ruleIndex": 1},
                {"ruleId": "else", "level": "error"},
                {"ruleId": "gone", "baselineState": "absent"},
                {"ruleId": "fine", "kind": "pass"},
            )
        )
    )
    assert [(each.id, each.severity) for each in found.findings] == [
        ("CVE-1", "critical"),
        ("CVE-2", "low"),
        ("else", "high"),
    ]


def test_provenance_is_read_with_every_source_that_it_names() -> None:
    found = facts(signed(slsa(workflow={"repository": "https://git.example/other"}))).provenance
    assert found is not None
    assert (found.builder, found.sources) == (BUILDER, (SOURCE, "https://git.example/other"))


BAD: dict[str, tuple[Any, str]] = {
    "no form at all": ({"hello": 1}, "neither CycloneDX nor SARIF"),
    "CycloneDX of another version": (cyclonedx(version="1.3", components=PARTS), "no CycloneDX of 1.4"),
    "CycloneDX against its schema": (cyclonedx(components=[{"type": "animal", "name": "x"}]), "no CycloneDX 1.6"),
    "CycloneDX that says nothing": (cyclonedx(), "neither parts nor vulnerabilities"),
    "CycloneDX by another name": (cyclonedx(components=PARTS) | {"bomFormat": "SPDX"}, "CycloneDX"),
    "CycloneDX of more parts than any": (cyclonedx(components=PARTS * 5001), "more than 5000 parts"),
    "CycloneDX of more vulnerabilities than any": (cyclonedx(vulnerabilities=[{"id": "C"}] * 5001), "more than 5000"),
    "SARIF of more findings than any": (sarif(*[{"ruleId": "C"}] * 5001), "more than 5000 findings"),
    "vulns of more vulnerabilities than any": (vulns(*[{"id": "C"}] * 5001), "more than 5000"),
    "CycloneDX without a time": (cyclonedx(components=PARTS) | {"metadata": {}}, "timestamp"),
    "SARIF of a run that failed": (sarif(ok=False), "did not succeed"),
    "SARIF without an end": (sarif(at=None), "does not say when it ended"),
    "SARIF without runs": ({"version": "2.1.0", "runs": []}, "no SARIF"),
    "vulns without results": (vulns() | {"scanner": {"uri": "x"}}, "result"),
    "vulns without an end": (vulns() | {"metadata": {}}, "scanFinishedOn"),
    "provenance by nobody": (slsa() | {"runDetails": {"metadata": slsa()["runDetails"]["metadata"]}}, "builder"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_says_too_little_is_no_evidence(case: str) -> None:
    document, because = BAD[case]
    with pytest.raises(BadEvidence, match=because):
        signed(document)


def test_only_a_key_that_counts_over_just_this_digest_counts() -> None:
    good = signed(vulns())
    assert facts(good).scan
    refused = {
        "none of the trusted keys": signed(vulns(), key=STRANGER),
        "about something else": signed(vulns(), OTHER),
    }
    for because, envelope in refused.items():
        with pytest.raises(BadEvidence, match=because):
            facts(envelope)
    for changed in (_edited(good), _unsigned(good)):
        with pytest.raises(BadEvidence):
            facts(changed)
    with pytest.raises(BadEvidence, match="no DSSE envelope"):
        facts(json.dumps(vulns()).encode())
    with pytest.raises(BadEvidence, match="in the future"):
        read(signed(vulns()), SUBJECT, TRUSTED, NOW - timedelta(days=30))


def _edited(envelope: bytes) -> bytes:
    found = json.loads(envelope)
    payload = json.loads(base64.b64decode(found["payload"]))
    payload["predicate"]["scanner"]["uri"] = "pkg:x/another"
    return json.dumps(found | {"payload": base64.b64encode(json.dumps(payload).encode()).decode()}).encode()


def _unsigned(envelope: bytes) -> bytes:
    return json.dumps(json.loads(envelope) | {"signatures": []}).encode()


def test_a_statement_of_another_kind_or_version_is_none() -> None:
    statement = json.loads(base64.b64decode(json.loads(signed(vulns()))["payload"]))
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"_type": "https://in-toto.io/Statement/v9"}, "unknown version"),
        ({"predicateType": "https://example.com/x"}, "not one of"),
        ({"subject": []}, "no in-toto statement"),
        ({"subject": [{"name": SUBJECT, "digest": {"sha512": "a" * 64}}]}, "something else"),
    )
    for change, because in cases:
        with pytest.raises(BadEvidence, match=because):
            facts(enveloped(json.dumps(statement | change).encode()))


TRICKS: dict[str, tuple[bytes, str]] = {
    "a key twice": (b'{"a":1,"a":2}', "twice"),
    "a key twice in the depth": (b'[{"x":[{"a":1,"a":1}]}]', "twice"),
    "nested too deep": (b"[" * 65 + b"]" * 65, "deeper"),
    "nested without end": (b"[" * 1_000_000, "deeper"),
    "not a number": (b"[NaN]", "NaN"),
    "half a character": (rb'{"a":"\ud800"}', "half"),
    "half a character in a list": (rb'{"a":[["\ud800"]]}', "half"),
    # Begun anew at each quote, this would take hours, and hold up the whole process meanwhile.
    "a text of quotes without an end": (b'"' + b'\\"' * 1_000_000, "no JSON"),
    "and cut off in the middle of one": (b'"' + b'\\"' * 1_000_000 + b"\\", "no JSON"),
    "not UTF-8": (b'["\xff"]', "no JSON"),
    "two values": (b"{} {}", "no JSON"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "no JSON"),
    "huge": (b" " * (MOST_BYTES + 1), "more than 4 MiB"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_json_is_read_strictly_in_an_envelope_and_in_what_it_holds(trick: str) -> None:
    data, because = TRICKS[trick]
    for envelope in (data, enveloped(data)):
        with pytest.raises(BadEvidence, match=because if envelope is data or len(data) < MOST_BYTES else "more than"):
            facts(envelope)


def test_braces_in_texts_are_no_depth() -> None:
    text = '{"a":"' + "[{" * 200 + '\\"' + "[" * 200 + '"}'
    assert decoded(text.encode(), MOST_BYTES) == json.loads(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_evidence_or_refused_in_words(data: bytes) -> None:
    for envelope in (data, enveloped(data)):
        with pytest.raises(BadEvidence):
            facts(envelope)


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


def spoil(place: Any, data: st.DataObject) -> None:
    """Put anything in the place of a part, at some depth."""
    keys = members_of(place)
    if keys:
        key = keys[data.draw(st.integers(0, len(keys) - 1))]
        deeper: bool = data.draw(st.booleans())
        if deeper and members_of(place[key]):
            spoil(place[key], data)
        else:
            place[key] = data.draw(JSON_VALUES)


def members_of(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return sorted(cast("dict[str, Any]", value))
    listed: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType] - decoded JSON
    return list(range(len(listed)))


@settings(max_examples=40)
@given(st.sampled_from([cyclonedx(components=PARTS), vulns({"id": "C"}), sarif({"ruleId": "x"}), slsa()]), st.data())
def test_a_document_with_anything_in_the_place_of_a_part_is_read_or_refused_in_words(
    document: dict[str, Any], data: st.DataObject
) -> None:
    changed: Any = json.loads(json.dumps(document))
    spoil(changed, data)
    with contextlib.suppress(BadEvidence):  # and nothing else
        facts(signed(changed))
