"""What rules demand of others' evidence: missing, stale, by another key or of another digest, it is not met."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
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
    signed,
    slsa,
    vulnerability,
    vulns,
)

from strongroom.registry.admission.outside import reasons
from strongroom.registry.evidence.model import About, Outside, Taken
from strongroom.registry.evidence.reading import read
from strongroom.rules.evidence import EvidenceDemand
from strongroom.signatures.keys import SecretKey

KEY = SCANNER.public.pem()
CVE = {"id": "CVE-1", "severity": [{"method": "x", "score": "9.8"}]}


def piece(document: Any, subject: str = SUBJECT, key: SecretKey = SCANNER, about: About = About.RELEASE) -> Taken:
    facts, signer = read(signed(document, subject, key), subject, [key.public], NOW)
    return Taken(
        id=UUID(int=1), about=about, subject=subject, owner="", document=SUBJECT, signer=signer, by="x", at=NOW,
        facts=facts,
    )  # fmt: skip


def judged(demand: dict[str, Any], *taken: Taken, days: int = 0, revoked: str = "") -> tuple[bool, str]:
    read_demand = msgspec.convert({"about": "release", "keys": [KEY]} | demand, EvidenceDemand)
    digests = {About.RELEASE: SUBJECT, About.RUNTIME: OTHER, About.IMAGE: ""}
    now = NOW + timedelta(days=days)
    found = list(reasons([read_demand], Outside(digests, taken), now, lambda key: key == revoked))
    assert found
    return all(each.met for each in found), " ".join(each.because for each in found if not each.met)


def test_what_is_quoted_of_anothers_document_is_printable() -> None:
    strange = piece(slsa("a\x00b\u202e"))
    assert judged({"builders": [BUILDER]}, strange)[1].endswith("Not taken: it was built by a?b?.")


SCANNED = {"scanned_days": 7, "severity": "high"}


def test_a_bill_by_a_key_that_counts_about_this_is_demanded() -> None:
    bill = cyclonedx(components=PARTS)
    assert judged({"bill": True}, piece(bill)) == (True, "")
    missing = (False, "A bill of materials of the release is missing, signed by a key that counts.")
    for other in (
        [],
        [piece(vulns())],
        [piece(bill, key=STRANGER)],
        [piece(bill, OTHER)],
        [piece(bill, about=About.IMAGE)],
    ):
        assert judged({"bill": True}, *other) == missing
    assert judged({"bill": True}, piece(bill), revoked=SCANNER.public.id) == missing


def test_a_scan_must_be_fresh_and_an_older_one_that_comes_later_hides_nothing() -> None:
    clean, old = piece(vulns()), piece(vulns(at="2026-05-20T00:00:00Z"))
    found = piece(vulns(CVE))
    assert judged(SCANNED, clean) == (True, "")
    assert "A scan of the release is missing" in judged(SCANNED)[1]
    assert "more than 7 days ago" in judged(SCANNED, clean, days=30)[1]
    assert "more than 7 days ago" in judged(SCANNED, old)[1]
    dirty = (False, "Vulnerabilities of the release: CVE-1 (critical).")
    assert judged(SCANNED, found) == dirty
    assert judged(SCANNED, old, found) == judged(SCANNED, found, old) == dirty
    later = piece(vulns(at="2026-05-31T00:00:00Z"))
    assert judged(SCANNED, found, later) == (True, "")
    other_tool = piece(vulns(at="2026-05-31T00:00:00Z", uri="pkg:x/other"))
    assert judged(SCANNED, found, other_tool) == dirty


def test_what_is_less_severe_or_young_passes_and_what_has_no_day_does_not() -> None:
    low = vulns({"id": "CVE-2", "severity": [{"method": "x", "score": "5.0"}]})
    assert judged(SCANNED, piece(low)) == (True, "")
    assert not judged(SCANNED | {"severity": "medium"}, piece(low))[0]
    young = vulns(CVE | {"annotations": [{"published": "2026-05-25T00:00:00Z"}]})
    assert judged(SCANNED | {"grace_days": 14}, piece(young)) == (True, "")
    assert not judged(SCANNED | {"grace_days": 5}, piece(young))[0]
    assert not judged(SCANNED | {"grace_days": 3650}, piece(vulns(CVE)))[0]
    for never in ("2026-06-02T00:00:00Z", "9999-12-31T23:59:59Z"):
        ahead = vulns(CVE | {"annotations": [{"published": never}]})
        assert not judged(SCANNED | {"grace_days": 3650}, piece(ahead))[0]


def vex(state: str, at: str = "2026-05-30T00:00:00Z", **more: Any) -> dict[str, Any]:
    return cyclonedx(at=at, vulnerabilities=[vulnerability("CVE-1", analysis={"state": state}, **more)])


def test_vex_excuses_only_what_it_says_is_not_affected_in_every_part_by_its_newest_word() -> None:
    scan = piece(cyclonedx(vulnerabilities=[vulnerability("CVE-1")]))
    assert not judged(SCANNED, scan)[0]
    assert judged(SCANNED, scan, piece(vex("not_affected"))) == (True, "")
    assert judged(SCANNED, scan, piece(vex("not_affected", affects=[{"ref": "whole"}]))) == (True, "")
    for other in (
        piece(vex("in_triage")),
        piece(vex("false_positive")),
        piece(vex("not_affected", affects=[{"ref": "pkg:pypi/q@1"}])),
        piece(vex("not_affected"), key=STRANGER),
        piece(vex("not_affected"), OTHER),
    ):
        assert not judged(SCANNED, scan, other)[0]
    newer = piece(vex("exploitable", at="2026-05-31T00:00:00Z"))
    assert not judged(SCANNED, scan, piece(vex("not_affected")), newer)[0]
    assert not judged(SCANNED, piece(vulns()), newer)[0]  # known to its maker, though no scan found it
    assert not judged(SCANNED, piece(vulns(CVE)), piece(vex("not_affected")))[
        0
    ]  # of a part; which was found is not said


def test_a_vulnerability_that_was_found_and_is_told_of_too_is_named_by_its_finding() -> None:
    """Where a scan found it in one part, a maker's word of another part does not widen it, and no word at all excuses nothing."""
    scan = piece(cyclonedx(vulnerabilities=[vulnerability("CVE-1")]))
    other_part = piece(vex("exploitable", affects=[{"ref": "pkg:pypi/q@1"}]), key=SCANNER)
    assert not judged(SCANNED, scan, other_part)[0]
    told = cyclonedx(vulnerabilities=[vulnerability("CVE-9", analysis={"state": "not_affected"})])
    assert not judged(SCANNED, scan, piece(told))[0], "of another vulnerability"
    assert not judged(
        SCANNED | {"severity": "low"}, piece(vulns({"id": "C", "severity": [{"method": "x", "score": "1"}]}))
    )[0]


def test_an_exception_has_an_end_and_is_no_other_vulnerabilitys() -> None:
    excepted = {"vulnerability": "CVE-1", "owner": "ann", "reason": "not reachable", "expires": "2026-06-03"}
    demand = SCANNED | {"exceptions": [excepted]}
    scan = piece(vulns(CVE))
    assert judged(demand, scan) == (True, "")
    assert judged(demand, scan, days=1) == (True, "")
    assert "its exception ended on 2026-06-03" in judged(demand, scan, days=2)[1]
    assert not judged(demand, piece(vulns(CVE | {"id": "CVE-11"})))[0]


def test_provenance_is_by_this_builder_from_this_source_and_of_this_type() -> None:
    demand = {"builders": [BUILDER], "sources": [SOURCE], "build_types": ["https://ci.example/types/1"]}
    assert judged(demand, piece(slsa())) == (True, "")
    for other, because in (
        (slsa("https://ci.example/builders/2"), "built by https://ci.example/builders/2"),
        (slsa(source="git+https://git.example/evil"), "built from git+https://git.example/evil"),
        (slsa(source=None), "built from nothing that is named"),
        (slsa(workflow={"repository": "https://git.example/evil"}), "https://git.example/evil"),
    ):
        met, said = judged(demand, piece(other))
        assert not met
        assert because in said
    assert judged({"builders": [BUILDER]}, piece(vulns()), piece(slsa())) == (True, ""), "of any type, from anywhere"
    assert "is missing" in judged({"builders": [BUILDER]}, piece(vulns()))[1], "a scan is no provenance"
    typed = demand | {"build_types": ["https://ci.example/types/2"]}
    assert "built as https://ci.example/types/1" in judged(typed, piece(slsa()))[1]
    assert not judged(demand, piece(slsa(), key=STRANGER))[0]


@pytest.mark.parametrize("about", ["image", "runtime"])
def test_a_digest_must_be_one_of_these_and_one_that_is_not_known_is_none(about: str) -> None:
    demand = {"about": about, "digests": [OTHER], "keys": []}
    assert judged(demand)[0] is (about == "runtime")
    assert not judged(demand | {"digests": [SUBJECT]})[0]
    read_demand = msgspec.convert(demand, EvidenceDemand)
    assert [each.met for each in reasons([read_demand], None, NOW, lambda _: False)] == [False]


def test_what_cannot_be_told_here_is_not_met() -> None:
    demand = msgspec.convert({"about": "image", "keys": [KEY], "bill": True}, EvidenceDemand)
    for outside, said in (
        (None, "cannot be told here"),
        (Outside({About.IMAGE: ""}, ()), "it is not set"),
        (Outside({}, (piece(cyclonedx(components=PARTS), "", about=About.IMAGE),)), "it is not set"),
    ):
        (found,) = reasons([demand], outside, NOW, lambda _: False)
        assert not found.met
        assert said in found.because
