"""What newer evidence has taken the place of, and how long a word excuses a vulnerability."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from tests.unit.registry.evidence_samples import NOW, PARTS, SCANNER, STRANGER, cyclonedx, slsa, vulnerability, vulns
from tests.unit.registry.test_evidence_judged import CVE, judged, piece

from strongroom.kernel.clock import rfc3339
from strongroom.registry.evidence.model import About, Facts, Form
from strongroom.registry.evidence.superseding import superseded


def at(days: int) -> str:
    return rfc3339(NOW - timedelta(days=days))


def vex(days: int, *states: tuple[str, str]) -> dict[str, Any]:
    told = [vulnerability(name, analysis={"state": state}) for name, state in states]
    return cyclonedx(at(days), vulnerabilities=told)


def test_the_newest_scan_of_a_tool_and_key_is_never_superseded_and_the_older_are_oldest_first() -> None:
    old, older, newest = (piece(vulns(at=at(days))) for days in (2, 3, 1))
    assert superseded([old, older, newest]) == [older, old]
    assert superseded([newest]) == []
    same = piece(vulns(CVE, at=at(1)))
    assert superseded([newest, same]) == [], "of two of one moment neither is the newer"


def test_another_key_tool_thing_or_kind_takes_nobodys_place() -> None:
    old = piece(vulns(at=at(5)))
    assert superseded([old, piece(vulns(at=at(1)), key=STRANGER)]) == []
    assert superseded([old, piece(vulns(at=at(1), uri="pkg:x/another"))]) == []
    assert superseded([old, piece(vulns(at=at(1)), about=About.IMAGE)]) == []
    assert superseded([old, piece(cyclonedx(at(1), components=PARTS))]) == []
    bill = piece(cyclonedx(at(5), components=PARTS))
    assert superseded([bill, piece(cyclonedx(at(1), vulnerabilities=[]))]) == [], "a scan is no bill"
    assert superseded([bill, piece(cyclonedx(at(1), components=PARTS))]) == [bill]
    built = piece(slsa())
    assert superseded([built, piece(slsa("https://another"))]) == []


def test_vex_is_superseded_once_all_that_it_speaks_of_is_spoken_of_anew() -> None:
    old = piece(vex(5, ("CVE-1", "not_affected"), ("CVE-2", "not_affected")))
    half = piece(vex(3, ("CVE-1", "not_affected")))
    assert superseded([old, half]) == []
    assert superseded([old, half, piece(vex(2, ("CVE-2", "not_affected")))]) == [old]
    bad = piece(vex(5, ("CVE-3", "exploitable")))
    assert superseded([bad, piece(vex(2, ("CVE-3", "not_affected")))]) == [], "what is exploitable is told again first"


def test_a_publishers_signature_makes_room_for_nothing() -> None:
    """It tells of no scan, bill, word or build, so that it would seem to say nothing that newer pieces do not."""
    old = piece(vulns(at=at(5)))
    signed = msgspec.structs.replace(old, facts=Facts(form=Form.OMS, made=NOW - timedelta(days=9), bundle="{}"))
    again = msgspec.structs.replace(signed, facts=msgspec.structs.replace(signed.facts, made=NOW))
    assert superseded([signed]) == []
    assert superseded([signed, again, old, piece(vulns(at=at(1)))]) == [old]


def test_a_word_excuses_for_as_long_as_the_demand_says_and_a_year_where_it_says_nothing() -> None:
    scanned = {"scanned_days": 3650, "severity": "high"}
    found = piece(cyclonedx(at(1), vulnerabilities=[vulnerability("CVE-1")]))
    said = piece(vex(1, ("CVE-1", "not_affected")))
    assert judged(scanned, found, said) == (True, "")
    assert judged(scanned, found, said, days=363)[0]
    stale = "Vulnerabilities of the release: CVE-1 (high; what excuses it is more than {} days old)."
    assert judged(scanned, found, said, days=365) == (False, stale.format(365))
    assert judged(scanned | {"vex_days": 7}, found, said, days=5)[0]
    assert judged(scanned | {"vex_days": 7}, found, said, days=7) == (False, stale.format(7))
    affected = piece(vex(1, ("CVE-1", "exploitable")), key=SCANNER)
    assert not judged(scanned, found, affected, days=400)[0], "a word that accuses has no end"
