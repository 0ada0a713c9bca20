"""What becomes of what serves and lacks its publisher's signature: what the rule that demands it says, and no other rule."""

from __future__ import annotations

from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.registry.sigstore_service import new_key
from tests.unit.registry.test_judged import MANIFEST, PROD, SUBJECT, case, revoked
from tests.unit.registry.test_publishers_judged import taken

from strongroom.registry.admission.again import Again, Lapse, again
from strongroom.registry.admission.case import Case
from strongroom.registry.admission.demanded import Policy
from strongroom.registry.admission.judge import judge
from strongroom.registry.channels.model import Content, RevokedKind
from strongroom.registry.evidence.model import About, Outside
from strongroom.registry.oms import SigningKey
from strongroom.registry.oms.keys import fingerprint
from strongroom.registry.oms.service import sign_files
from strongroom.rules.approval import APPROVAL, Demands, Stopping, demanded
from strongroom.rules.kind import Document
from strongroom.rules.publishers import PublisherDemand
from strongroom.vault.signing import pem_of

OURS, THEIRS = new_key(), new_key()
MISSING = "The signature of its publisher is missing, as {} by the key that is named."


def publisher(called: str, key: ec.EllipticCurvePrivateKey = OURS) -> dict[str, Any]:
    return {"signed_as": called, "keys": [pem_of(key.public_key())]}


def serving(*rules: dict[str, Any], signed: tuple[str, ...] = (), **more: Any) -> Case:
    bundles = [sign_files(each, MANIFEST.digests, SigningKey(OURS))[0] for each in signed]
    outside = Outside({About.RELEASE: SUBJECT.digest}, tuple(taken(each, SUBJECT.digest) for each in bundles))
    return case(policy=Policy(document(*rules)), **{"outside": outside, **more})


def document(*rules: dict[str, Any]) -> Document[Any]:
    return APPROVAL.read({"rules": list(rules)})


def found(*rules: dict[str, Any], **more: Any) -> Again:
    return again(serving(*rules, **more), PROD, None)


def test_a_signature_that_lapses_is_counted_by_the_grace_of_the_rule_that_stops_for_it() -> None:
    stops = {"name": "theirs", "publishers": [publisher("m")], "while_serving": "stop", "grace_hours": 3}
    assert found(stops, signed=("m",)) == Again()
    lacks = Again(lapses=(Lapse("theirs", MISSING.format("m"), 3),))
    assert found(stops) == lacks
    assert not judge(serving(stops), PROD, None).may_serve, "it would not be let in"
    gone = Content(revoked=(revoked(RevokedKind.SIGNER, fingerprint(OURS.public_key())),))
    (lapse,) = found(stops, signed=("m",), revocations=gone).lapses
    assert (lapse.rule, lapse.hours, "its signer was revoked" in lapse.because) == ("theirs", 3, True)
    (lapse,) = found(stops, outside=None).lapses
    assert (lapse.hours, "cannot be told" in lapse.because) == (3, True)


def test_a_rule_that_only_tells_of_it_stops_nothing_and_another_rules_grace_is_not_its_own() -> None:
    tells = {"publishers": [publisher("m")]}
    assert found(tells).lapses == (Lapse("", MISSING.format("m"), None),)
    stops = {"name": "other", "publishers": [publisher("n")], "while_serving": "stop", "grace_hours": 0}
    (told,) = found(tells, stops, signed=("n",)).lapses
    assert (told.rule, told.hours, told.because.startswith(MISSING.format("m"))) == ("", None, True)
    (ends, told) = found(tells, stops).lapses
    assert (ends, told) == (Lapse("other", MISSING.format("n"), 0), Lapse("", MISSING.format("m"), None))
    scans = {"evaluations": ["leaks"], "while_serving": "stop", "name": "suites"}
    assert found(tells, scans, passed=frozenset({"leaks"})).lapses == (Lapse("", MISSING.format("m"), None),)


def test_two_rules_each_count_their_own_publishers() -> None:
    one, two = (
        {"name": name, "publishers": [publisher(name, key)], "while_serving": "stop", "grace_hours": hours}
        for name, key, hours in (("one", OURS, 1), ("two", THEIRS, 2))
    )
    assert {(each.rule, each.hours) for each in found(one, two).lapses} == {("one", 1), ("two", 2)}
    (lapse,) = found(one, two, signed=("one", "two")).lapses
    assert (lapse.rule, lapse.hours) == ("two", 2), "by another key than the one that is named it is nobody's"


@given(st.lists(st.sampled_from([None, "tell", "stop"]), max_size=4), st.booleans())
def test_what_stops_names_just_the_publishers_of_the_rules_that_stop(words: list[str | None], merged: bool) -> None:
    rules = [
        {"name": f"r{at}", "publishers": [publisher(f"m{at}")], **({"while_serving": word} if word else {})}
        for at, word in enumerate(words)
    ]
    said = demanded(document(*rules) if rules else None, PROD, "standard")
    if merged:
        said = said.meet(Demands())
    demands = [msgspec.convert(publisher(f"m{at}"), PublisherDemand) for at in range(len(words))]
    assert set(said.publishers) == set(demands)
    assert set(said.stopping) == {
        Stopping(name=f"r{at}", publishers=(demands[at],)) for at, word in enumerate(words) if word == "stop"
    }
