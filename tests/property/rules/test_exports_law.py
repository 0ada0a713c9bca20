"""The law of exports: whatever a tenant writes, it takes away; meeting is what taking the lower of each bound is."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.policy import Surface
from strongroom.rules.exports import EXPORTS, Exports, ExportsRule, Per

TAKERS = st.sampled_from(["account:operator/a", "workload:prod/b"])
SURFACES = st.lists(st.sampled_from([Surface.AUDIT, Surface.RECORDS]), max_size=2, unique=True).map(tuple)
AMOUNTS = st.none() | st.integers(0, 6)
RULES = st.builds(
    ExportsRule, surfaces=SURFACES, takers=st.lists(TAKERS, max_size=2, unique=True).map(tuple), rows_per_hour=AMOUNTS,
    bytes_per_day=AMOUNTS, times_per_day=AMOUNTS,
) | st.builds(ExportsRule, surfaces=SURFACES, per=st.just(Per.TENANT), rows_per_hour=AMOUNTS) | st.builds(
    ExportsRule, surfaces=SURFACES, undeclared=st.just("block")
)  # fmt: skip
LISTS = st.lists(RULES, max_size=4)
ANY = st.builds(EXPORTS.own, LISTS) | st.builds(EXPORTS.ceiling, LISTS) | st.just(EXPORTS.unreadable)
WHO = st.sampled_from(["account:operator/a", "workload:prod/b", "account:operator/somebody-else"])


def held(terms: Exports, who: str) -> dict[Any, int]:
    return {bound.place: bound.amount for surface in Surface for bound in terms.of(surface, who)}


@settings(max_examples=80)
@given(ANY, ANY, WHO)
def test_two_meet_in_the_lower_of_each_bound_for_whoever_takes(one: Exports, other: Exports, who: str) -> None:
    first, second, met = held(one, who), held(other, who), held(EXPORTS.meet(one, other), who)
    assert met == {
        place: min(amount for amount in (first.get(place), second.get(place)) if amount is not None)
        for place in first.keys() | second.keys()
    }
    assert set(EXPORTS.meet(one, other).declared) == {*one.declared, *other.declared}


@settings(max_examples=80)
@given(ANY, ANY, ANY)
def test_meeting_has_one_answer_whatever_the_order_and_what_met_is_narrower(
    one: Exports, other: Exports, third: Exports
) -> None:
    meet = EXPORTS.meet
    assert meet(one, one) == one
    assert meet(one, other) == meet(other, one)
    assert meet(meet(one, other), third) == meet(one, meet(other, third))
    assert EXPORTS.is_narrower(one, meet(one, other))


@settings(max_examples=80)
@given(ANY, ANY, WHO)
def test_what_counts_as_narrower_gives_nobody_anything(old: Exports, new: Exports, who: str) -> None:
    if EXPORTS.is_narrower(old, new):
        before, after = held(old, who), held(new, who)
        assert all(after.get(place, amount + 1) <= amount for place, amount in before.items())
