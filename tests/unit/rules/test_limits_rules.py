"""What limits documents come to: the strictest of all that fit, on counters that are named by what they count."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from strongroom.gateway.limits.ledger import subject_of
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.rules.limits import DEFAULTS, FREE, LIMITS, Bound, Limits, Measure, Per, Price
from strongroom.rules.model import DocumentError
from strongroom.rules.usage import in_words

WHO = Principal(
    role=Role.INFERENCE,
    name="search",
    credential=KeyId("k" * 16),
    tenant=TenantId(UUID(int=1)),
    environment=Environment.PROD,
    workload=WorkloadId(UUID(int=2)),
)


def rules(*said: dict[str, Any]) -> list[Any]:
    return list(LIMITS.read({"rules": list(said)}).rules)


def bound(limits: Limits, measure: Measure, per: Per) -> Bound | None:
    return next((each for each in limits.bounds if (each.measure, each.per) == (measure, per)), None)


def test_without_a_document_the_defaults_hold_and_nothing_is_capped_for_life() -> None:
    nothing = LIMITS.ceiling(())
    assert set(nothing.bounds) == set(DEFAULTS)
    assert not [each for each in nothing.bounds if each.measure is Measure.QUERIES]
    assert LIMITS.own(()).bounds == ()


def test_an_operators_word_replaces_the_default_of_its_measure_and_scope_alone() -> None:
    said = LIMITS.ceiling(rules({"per": "workload", "requests_per_s": 5000}))
    assert bound(said, Measure.REQUESTS, Per.WORKLOAD) == Bound(
        measure=Measure.REQUESTS, per=Per.WORKLOAD, among="", amount=5000, burst=5000
    )
    assert bound(said, Measure.REQUESTS, Per.TENANT) in DEFAULTS


def test_the_strictest_of_those_that_count_the_same_holds() -> None:
    said = LIMITS.own(
        rules(
            {"requests_per_s": 10, "burst": 90},
            {"requests_per_s": 30, "burst": 40},
            {"models": ["a"], "requests_per_s": 2},
        )
    )
    amounts = {(each.among, each.amount, each.burst) for each in said.bounds}
    assert amounts == {("", 10, 40), ("models=a", 2, 2)}


def test_a_tenants_word_narrows_and_never_widens() -> None:
    ceiling = LIMITS.ceiling(rules({"concurrency": 4}))
    wider, narrower = LIMITS.own(rules({"concurrency": 400})), LIMITS.own(rules({"concurrency": 2}))
    assert LIMITS.meet(ceiling, wider) == ceiling
    met = bound(LIMITS.meet(ceiling, narrower), Measure.CONCURRENCY, Per.WORKLOAD)
    assert met is not None
    assert met.amount == 2


def test_the_dearest_price_counts_and_is_rounded_up() -> None:
    one, other = Price(input_per_million=10, per_request=3), Price(output_per_million=20)
    assert one.meet(other) == Price(input_per_million=10, output_per_million=20, per_request=3)
    assert one.of(1, 0) == 4
    assert FREE.of(10**9, 10**9) == 0


def test_a_counter_is_named_by_what_it_counts_and_never_by_a_key_that_rotates() -> None:
    said = {
        (each.per, each.measure): each
        for per in Per
        if per is not Per.KEY
        for each in LIMITS.own(rules({"per": per.value, "tokens_per_day": 1, "lifetime_queries": 1})).bounds
    }
    life = {per: subject_of(said[per, Measure.QUERIES], WHO, "m") for per in Per if per is not Per.KEY}
    assert life[Per.WORKLOAD] == f"workload/{UUID(int=2)}/model/prod/m"
    assert life[Per.TENANT] == "tenant/model/prod/m"
    assert life[Per.MODEL] == "model/prod/m"
    assert subject_of(said[Per.ENVIRONMENT, Measure.TOKENS_DAY], WHO, "m") == "environment/prod"
    assert not any(WHO.credential in subject for subject in life.values())
    names = {str(UUID(int=2)): "prod/search"}
    assert in_words(life[Per.WORKLOAD], names) == "workload prod/search on model m"
    assert in_words(life[Per.MODEL], names) == "model prod/m"


def test_a_counter_of_many_selected_keys_still_has_a_short_name() -> None:
    many = LIMITS.own(rules({"per": "tenant", "keys": [f"{n:016}" for n in range(100)], "concurrency": 1}))
    assert len(subject_of(many.bounds[0], WHO, "m")) <= 512


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"environments": ["prod"]}, "rules[0]"),
    "a burst of nothing": ({"burst": 5, "concurrency": 1}, "rules[0].burst"),
    "a life that ends with its key": ({"per": "key", "lifetime_queries": 5}, "rules[0].lifetime_queries"),
    "less than nothing": ({"concurrency": -1}, "rules[0].concurrency"),
    "a rate that no counter holds": ({"requests_per_s": 10**9}, "rules[0].requests_per_s"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused_by_its_place(name: str) -> None:
    rule, place = BAD[name]
    with pytest.raises(DocumentError) as no:
        LIMITS.read({"rules": [rule]})
    assert no.value.place == place


def test_what_cannot_be_read_closes() -> None:
    assert [each.amount for each in LIMITS.unreadable.bounds] == [0]
