"""A document about retention says one thing of each tenant and class, and none is shown to take away."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.rules.kind import encode
from strongroom.rules.kinds import KINDS
from strongroom.rules.model import DocumentError, Level
from strongroom.rules.narrower import objection
from strongroom.rules.resolve import Held, Standing
from strongroom.rules.retention import RETENTION, Keeping, Line


def read(*rules: dict[str, Any]) -> Any:
    return RETENTION.read({"rules": list(rules)})


def terms(*rules: dict[str, Any]) -> Keeping:
    return RETENTION.ceiling(read(*rules).rules)


def test_a_rule_speaks_of_the_tenants_that_it_names_and_of_the_classes_that_it_has() -> None:
    found = terms({"records": 90, "captures": 7}, {"tenants": ["acme", "globex"], "records": 30})
    assert {(each.tenant, each.class_, each.days) for each in found.lines} == {
        ("", "records", 90), ("", "captures", 7), ("acme", "records", 30), ("globex", "records", 30),
    }  # fmt: skip
    assert terms({"analytics": 700, "smallest": 3}).lines == (
        Line(tenant="", class_="analytics", days=700, smallest=3),
    )


@pytest.mark.parametrize(
    ("rules", "place"),
    [
        ([{"records": 30}, {"records": 40}], "rules[1].records"),
        ([{"tenants": ["acme"], "records": 30}, {"tenants": ["globex", "acme"], "records": 40}], "rules[1].records"),
        ([{"tenants": ["acme", "acme"], "records": 30}], "rules[0].tenants"),
        ([{"tenants": ["acme"]}], "rules[0]"),
        ([{"records": 30, "environments": ["prod"]}], "rules[0]"),
        ([{"records": 30, "smallest": 3}], "rules[0].smallest"),
        ([{"records": 0}], "rules[0].records"),
        ([{"records": 3661}], "rules[0].records"),
        ([{"responses": 3}], "rules[0]"),
    ],
)
def test_what_would_mean_two_things_or_nothing_is_refused_and_told_where(rules: list[Any], place: str) -> None:
    with pytest.raises(DocumentError) as refused:
        read(*rules)
    assert refused.value.place == place


@pytest.mark.parametrize(("old", "new"), [(30, 90), (90, 30)])
def test_neither_fewer_days_nor_more_are_in_force_at_once(old: int, new: int) -> None:
    before, after = (
        Standing(default=Held(level=Level.DEFAULT, version=1, digest="", document=read({"records": days})))
        for days in (old, new)
    )
    assert objection(RETENTION, Level.DEFAULT, before, after) is not None
    assert objection(RETENTION, Level.DEFAULT, before, before) is None


def test_it_is_a_kind_like_the_others_and_said_in_plain_words() -> None:
    assert KINDS["retention"] is RETENTION
    document = read({"tenants": ["acme"], "records": 30}, {"captures": 7})
    assert RETENTION.decode(encode(document)) == document
    assert [RETENTION.say(rule) for rule in document.rules] == [
        ["records of acme for 30 days"], ["captures of every tenant without a rule of its own for 7 days"],
    ]  # fmt: skip
    said = RETENTION.explain([("rule 1", document.rules[0])], RETENTION.ceiling(document.rules))
    assert [(each.field, each.by) for each in said] == [("records", ("rule 1",)), ("captures", ()), ("analytics", ())]
