"""The kind `approval`: all rules hold together, nothing falls below the floor, and what loosens is never taken for tightening."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.kernel.principal import Environment
from strongroom.registry.admission.demanded import Policy, further, missing_groups
from strongroom.registry.admission.model import Risk
from strongroom.rules.approval import APPROVAL, FLOOR, Demands, demanded
from strongroom.rules.files import parse
from strongroom.rules.kind import encode
from strongroom.rules.model import DocumentError, Level
from strongroom.rules.narrower import objection
from strongroom.rules.resolve import Held, Standing
from strongroom.signatures.keys import SecretKey

NOW = datetime(2026, 1, 10, tzinfo=UTC)
KEY = SecretKey.of_seed(b"k" * 32).public.pem()
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"environments": ["prod"]}, "rules[0]"),
    "callers": ({"approvers": 3, "workloads": ["w"]}, "rules[0]"),
    "one in production": ({"approvers": 1, "environments": ["dev", "prod"]}, "rules[0].approvers"),
    "one everywhere": ({"approvers": 1}, "rules[0].approvers"),
    "none": ({"approvers": 0, "environments": ["dev"]}, "rules[0].approvers"),
    "a group of too few": (
        {"groups": [{"name": "security", "accounts": ["ann", "ann"], "approvals": 2}]},
        "rules[0].groups[0].approvals",
    ),
    "the author's own word": ({"approvers": 2, "author_counts": True}, "rules[0]"),
    "evidence that says nothing": ({"evidence": [{"about": "image", "keys": [KEY]}]}, "rules[0].evidence[0]"),
    "evidence by nobody": ({"evidence": [{"about": "release", "bill": True}]}, "rules[0].evidence[0].keys"),
    "evidence by what is no key": (
        {"evidence": [{"about": "release", "bill": True, "keys": ["x"]}]},
        "rules[0].evidence[0].keys[0]",
    ),
    "a severity without a scan": (
        {"evidence": [{"about": "release", "severity": "high", "keys": [KEY]}]},
        "rules[0].evidence[0]",
    ),
    "grace from nothing": (
        {"evidence": [{"about": "release", "scanned_days": 7, "grace_days": 3, "keys": [KEY]}]},
        "rules[0].evidence[0].severity",
    ),
    "a source without a builder": (
        {"evidence": [{"about": "release", "bill": True, "sources": ["x"], "keys": [KEY]}]},
        "rules[0].evidence[0].builders",
    ),
    "an exception until no day": (
        {
            "evidence": [
                {
                    "about": "release",
                    "scanned_days": 7,
                    "severity": "low",
                    "keys": [KEY],
                    "exceptions": [{"vulnerability": "C", "owner": "o", "reason": "r", "expires": "2026-02-30"}],
                }
            ]
        },
        "rules[0].evidence[0].exceptions[0].expires",
    ),
    "an exception of nobody's": (
        {
            "evidence": [
                {
                    "about": "release",
                    "scanned_days": 7,
                    "severity": "low",
                    "keys": [KEY],
                    "exceptions": [{"vulnerability": "C", "reason": "r", "expires": "2026-02-20"}],
                }
            ]
        },
        "rules[0].evidence[0].exceptions[0]",
    ),
    "a suite by a path": ({"evaluations": ["../leaks"]}, "rules[0].evaluations[0]"),
}

environments = st.lists(st.sampled_from(sorted(Environment)), max_size=2, unique=True)
names = st.sampled_from(["ann", "bob", "cid"])
groups: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": st.just("g"), "accounts": st.lists(names, min_size=1, max_size=1)}
)
evidence: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"about": st.sampled_from(["release", "runtime"]), "bill": st.just(value=True), "keys": st.just([KEY])},
    optional={"scanned_days": st.integers(1, 9), "digests": st.just([f"sha256:{'0' * 64}"])},
)
rules: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"environments": environments, "evaluations": st.lists(st.sampled_from(["leaks", "refusals"]), max_size=2)},
    optional={
        "risks": st.lists(st.sampled_from(["standard", "high"]), max_size=2, unique=True),
        "approvers": st.integers(2, 10),
        "groups": st.lists(groups, max_size=1),
        "cool_off_hours": st.integers(1, 48),
        "approval_days": st.integers(1, 399),  # 400 is what holds anyway, and so demands nothing
        "own_keys": st.booleans(),
        "promoted_only": st.booleans(),
        "evidence": st.lists(evidence, max_size=2),
    },
)


def document(*of: dict[str, Any]) -> Any:
    return APPROVAL.read({"rules": list(of)})


def says(of: dict[str, Any]) -> bool:
    return any(value for name, value in of.items() if name not in {"environments", "risks"})


documents: st.SearchStrategy[Any] = st.lists(rules.filter(says), max_size=3).map(lambda of: document(*of))


def standing(of: Any) -> Standing[Any]:
    return Standing(default=Held(level=Level.DEFAULT, version=1, digest="", document=of))


@pytest.mark.parametrize("name", BAD)
def test_what_falls_below_the_floor_or_makes_no_sense_is_refused_by_its_place(name: str) -> None:
    rule, place = BAD[name]
    with pytest.raises(DocumentError) as no:
        document(rule)
    assert no.value.place == place


@given(documents, st.sampled_from(Environment), st.sampled_from(Risk))
def test_nothing_that_is_written_falls_below_the_floor(of: Any, environment: Environment, risk: Risk) -> None:
    assert demanded(of, environment, risk.value).people(environment, risk.value) >= FLOOR[environment]
    assert APPROVAL.decode(encode(of)) == of


@settings(max_examples=40, deadline=None)
@given(documents, documents)
def test_what_is_in_force_at_once_demands_at_least_what_was_demanded(old: Any, new: Any) -> None:
    if objection(APPROVAL, Level.DEFAULT, standing(old), standing(new)) is not None:
        return
    for environment in Environment:
        for risk in Risk:
            before, after = (demanded(each, environment, risk.value) for each in (old, new))
            assert after.people(environment, risk.value) >= before.people(environment, risk.value)
            assert set(after.groups) >= set(before.groups)
            assert set(after.evaluations) >= set(before.evaluations)
            assert (after.cool_off_hours, -after.approval_days) >= (before.cool_off_hours, -MOST)
            assert after.approval_days <= before.approval_days
            assert (after.own_keys, after.promoted_only) >= (before.own_keys, False)


MOST = 400


def test_a_default_is_not_undercut_at_once_by_a_number_above_the_floor() -> None:
    """Three approve a risky release in production where nothing is said; two is a loosening."""
    lower = document({"approvers": 2, "environments": ["prod"]})
    assert objection(APPROVAL, Level.DEFAULT, Standing(), standing(lower)) is not None
    assert objection(APPROVAL, Level.DEFAULT, Standing(), standing(document({"approvers": 3}))) is None


def test_where_nothing_is_said_the_products_numbers_hold() -> None:
    for held in (Policy(), Policy(document({"environments": ["dev"], "approvers": 4}))):
        assert held.of(Environment.PROD, Risk.STANDARD).people(Environment.PROD, "standard") == 2
        assert held.of(Environment.PROD, Risk.HIGH).people(Environment.PROD, "high") == 3
    assert Policy(trouble="it is torn").of(Environment.DEV, Risk.STANDARD).closed


def test_the_cool_off_runs_from_the_approval_that_was_the_last_one_needed() -> None:
    demands = demanded(
        document({"cool_off_hours": 24, "groups": [{"name": "owner", "accounts": ["cid"]}]}),
        Environment.PROD,
        "standard",
    )
    given_at = {"ann": NOW - timedelta(days=3), "bob": NOW - timedelta(days=2)}
    assert missing_groups(demands, given_at) == ["0 of 1 approvals by owner"]
    (waits,) = further(demands, 2, given_at, (), NOW)
    assert (waits.met, waits.because) == (False, "The cool-off of 24 hours begins when enough have approved.")
    (cools,) = further(demands, 2, {**given_at, "cid": NOW - timedelta(hours=23)}, (), NOW)
    assert (cools.met, cools.because) == (False, "Cool-off until 2026-01-10T01:00:00.000Z.")
    (cooled,) = further(demands, 2, {**given_at, "cid": NOW - timedelta(hours=24)}, (), NOW)
    assert cooled.met
    renewed = {**given_at, "cid": NOW - timedelta(hours=25), "dan": NOW}
    assert [each.met for each in further(demands, 2, renewed, (), NOW)] == [True]


def test_it_is_read_from_a_file_and_said_in_words() -> None:
    read = parse(
        'kind = "approval"\n[[rules]]\nenvironments = ["prod"]\napprovers = 3\nevaluations = ["leaks", "refusals"]\n'
        "cool_off_hours = 4\nown_keys = true\npromoted_only = true\napproval_days = 90\n"
        '[[rules.groups]]\nname = "security"\naccounts = ["ann"]\n'
    )
    assert read.kind is APPROVAL
    said = APPROVAL.say(APPROVAL.read(read.document).rules[0])
    assert said[:2] == ["3 people other than its author approve", "1 of them of security (ann)"]
    assert len(said) == 8
    assert Demands().words == []
    assert APPROVAL.unreadable.of("high").words == ["nothing is admitted: the document cannot be read"]
