"""The kind `exports`: which bound holds for whom, and what is said to who is stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId, new_uuid
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Surface
from strongroom.rules import DocumentError, Level, Standing
from strongroom.rules.exports import ANYBODY, DEFAULTS, EXPORTS, TENANT, Exports, Measure, Per, taker_of
from strongroom.rules.kind import Document
from strongroom.rules.resolve import Held
from strongroom.rules.taking import Count, everything, over

EVE, ANN = "account:tenant-admin/eve", "account:tenant-admin/ann"
NOW = datetime(2026, 11, 27, 17, 40, tzinfo=UTC)
HOUR = datetime(2026, 11, 27, 17, tzinfo=UTC)


def rules(*given: dict[str, Any]) -> Document[Any]:
    return EXPORTS.read({"rules": list(given)})


def amount(
    terms: Exports, taker: str, measure: Measure, surface: Surface = Surface.RECORDS, per: Per = Per.TAKER
) -> int:
    return next(each.amount for each in terms.of(surface, taker) if (each.measure, each.per) == (measure, per))


def standing(**documents: Document[Any] | None) -> Standing[Any]:
    return Standing(**{
        level: Held(level=Level(level), version=1, digest="d", document=document)
        for level, document in documents.items()
    })  # fmt: skip


def test_without_a_document_every_store_is_bounded_for_each_taker_and_for_the_tenant() -> None:
    terms = everything(Standing())
    for surface in Surface:
        assert {bound.per for bound in terms.of(surface, EVE)} == set(Per)
    assert terms.bounds == DEFAULTS


def test_the_closest_rule_of_a_document_speaks_and_of_two_alike_the_narrower() -> None:
    said = rules(
        {"rows_per_hour": 50},
        {"rows_per_hour": 70, "surfaces": ["audit"]},
        {"rows_per_hour": 60},
        {"rows_per_hour": 900, "takers": [EVE]},
    )
    terms = everything(standing(ceiling=said))
    assert amount(terms, ANN, Measure.ROWS_HOUR) == 50
    assert amount(terms, ANN, Measure.ROWS_HOUR, Surface.AUDIT) == 70
    assert amount(terms, EVE, Measure.ROWS_HOUR) == 900
    assert amount(terms, EVE, Measure.ROWS_DAY) == amount(everything(Standing()), EVE, Measure.ROWS_DAY)


def test_a_tenant_narrows_what_is_above_it_and_never_widens_it() -> None:
    above = rules({"rows_per_hour": 100}, {"rows_per_hour": 500, "takers": [EVE]})
    own = rules({"rows_per_hour": 10_000}, {"rows_per_hour": 20, "takers": [ANN]})
    terms = everything(standing(ceiling=above, own=own))
    assert [amount(terms, each, Measure.ROWS_HOUR) for each in (EVE, ANN, "account:operator/kim")] == [500, 20, 100]
    assert amount(terms, EVE, Measure.ROWS_DAY) == amount(everything(Standing()), EVE, Measure.ROWS_DAY)


def test_a_document_that_cannot_be_read_lets_nothing_out() -> None:
    for unread in (standing(ceiling=None), standing(own=None)):
        for surface in Surface:
            assert over(everything(unread), surface, EVE, [count(TENANT, times=1)], 0, 0, NOW) is not None


@pytest.mark.parametrize(
    ("rule", "place"),
    [
        ({"rows_per_hour": 1, "models": ["a"]}, "rules[0]"),
        ({"surfaces": ["audit"]}, "rules[0]"),
        ({"rows_per_hour": -1}, "rules[0].rows_per_hour"),
        ({"rows_per_hour": 1, "surfaces": ["nowhere"]}, "rules[0].surfaces[0]"),
        ({"rows_per_hour": 1, "takers": ["eve"]}, "rules[0].takers[0]"),
        ({"rows_per_hour": 1, "per": "tenant", "takers": [EVE]}, "rules[0].takers"),
        ({"undeclared": "block", "takers": [EVE]}, "rules[0].undeclared"),
        ({"undeclared": "tell"}, "rules[0].undeclared"),
        ({"undeclared": "block", "surfaces": ["audit", "responses"]}, "rules[0].surfaces"),
    ],
)
def test_what_means_nothing_is_refused_where_it_stands(rule: dict[str, Any], place: str) -> None:
    with pytest.raises(DocumentError) as caught:
        rules(rule)
    assert caught.value.place == place


def count(party: str, *, rows: int = 0, octets: int = 0, times: int = 1, span: Any = "hour") -> Count:
    began = HOUR if span == "hour" else HOUR.replace(hour=0)
    return Count(party=party, span=span, began=began, rows=rows, bytes=octets, times=times)


def test_a_limit_is_met_exactly_and_the_next_is_told_when_to_come_again() -> None:
    terms = everything(standing(ceiling=rules({"rows_per_hour": 100, "surfaces": ["records"]})))
    assert over(terms, Surface.RECORDS, EVE, [count(EVE, rows=100)], 10, 0, NOW) is None
    no = over(terms, Surface.RECORDS, EVE, [count(EVE, rows=101)], 1, 0, NOW)
    assert no is not None
    assert (no.retry_after_s, no.code, no.signal) == (20 * 60, "export_limit", "export-limit")
    assert no.tell.startswith("You may take 100 records of requests an hour; 100 were taken, and this would be 1 more.")
    assert "Try again in 20 minutes" in no.tell
    assert over(terms, Surface.AUDIT, EVE, [count(EVE, rows=101)], 1, 0, NOW) is None, "another store is counted apart"


def test_what_alone_is_more_than_a_limit_is_never_told_to_wait() -> None:
    terms = everything(standing(ceiling=rules({"rows_per_hour": 100, "surfaces": ["records"]})))
    no = over(terms, Surface.RECORDS, EVE, [count(EVE, rows=150)], 150, 0, NOW)
    assert no is not None
    assert no.retry_after_s is None
    assert "Ask for less at once" in no.tell


def test_of_several_limits_the_one_that_lasts_longest_is_told_and_a_tenants_sum_counts_for_all() -> None:
    both = rules({"bytes_per_hour": 10, "bytes_per_day": 20}, {"times_per_day": 3, "per": "tenant"})
    terms = everything(standing(ceiling=both))
    no = over(terms, Surface.AUDIT, EVE, [count(EVE, octets=21), count(EVE, octets=21, span="day")], 1, 5, NOW)
    assert no is not None
    assert no.retry_after_s == (24 - 17) * 3600 - 40 * 60
    tenants = over(terms, Surface.AUDIT, EVE, [count(TENANT, times=4, span="day")], 1, 5, NOW)
    assert tenants is not None
    assert tenants.tell.startswith("The tenant may take 3 takings of entries of the audit log a day; 3 were taken")


def test_no_elevation_and_no_new_key_makes_a_taker_somebody_else() -> None:
    who = Principal(role=Role.OPERATOR, name="kim", credential=KeyId("0123456789abcdef"))
    other = Principal(role=Role.OPERATOR, name="kim", credential=KeyId("1123456789abcdef"))
    assert taker_of(who) == taker_of(other) == "account:operator/kim"
    search = Principal(
        role=Role.INFERENCE, name="search", credential=KeyId("2123456789abcdef"), tenant=TenantId(new_uuid()),
        environment=Environment.PROD, workload=WorkloadId(new_uuid()),
    )  # fmt: skip
    assert taker_of(search) == "workload:prod/search"


def test_a_document_is_said_in_plain_words_and_explained_by_its_rules() -> None:
    rule = {"name": "few", "rows_per_hour": 5, "bytes_per_day": 9, "surfaces": ["records"], "takers": [EVE]}
    said = rules(rule, {"name": "flows", "undeclared": "block", "surfaces": ["audit"]})
    assert EXPORTS.say(said.rules[0]) == [
        f"At most 5 rows an hour from records, for {EVE}.",
        f"At most 9 bytes a day from records, for {EVE}.",
    ]
    assert EXPORTS.say(said.rules[1]) == ["Nothing leaves that no flow declares."]
    terms = EXPORTS.ceiling(said.rules)
    why = {each.field: each for each in EXPORTS.explain([(each.name, each) for each in said.rules], terms)}
    assert why["records.taker"].by == ("few",)
    assert why["records.taker"].value[f"rows_per_hour {EVE}"] == 5
    assert (why["undeclared"].value, why["undeclared"].by) == (["audit"], ("flows",))
    assert why["audit.tenant"].by == ()


def test_a_rule_for_each_store_claims_no_flow_to_be_blocked_that_nobody_could_block() -> None:
    declared = EXPORTS.own(rules({"undeclared": "block"}).rules).declared
    assert set(declared) == set(Surface) - {Surface.RESPONSES}


def test_what_holds_ends_with_its_hour() -> None:
    assert count(EVE).ends == HOUR + timedelta(hours=1)
    assert count(EVE, span="day").ends == HOUR.replace(hour=0) + timedelta(days=1)
    assert all(bound.taker == ANYBODY for bound in DEFAULTS)
