"""What is found about keys: each concern where it is due, and none where a key is used as it should be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from strongroom.custody.model import PATIENCE, Patience, Uses, neglected, review
from strongroom.gateway.using import FirstSeen, PlaceOfUse, Touched
from strongroom.identity import Key
from strongroom.kernel.principal import Environment, Role
from strongroom.registry import Deployment, Operation

NOW = datetime(2026, 5, 1, tzinfo=UTC)
AGO = {days: NOW - timedelta(days=days) for days in (0, 1, 2, 20)}
KEY = Key(
    id="k" * 16,
    environment=Environment.DEV,
    workload="w",
    role=Role.INFERENCE,
    label="",
    owner="o",
    created_at=AGO[20],
    expires_at=NOW + timedelta(days=1),
    status="active",
)
CHAT, OTHER = (
    Deployment(
        id=UUID(int=n), environment=Environment.DEV, name=name, release=None, model=None, version=None,
        kind=Operation.CHAT, created_at=NOW,
    )
    for n, name in ((1, "chat"), (2, "other"))
)  # fmt: skip


def touched(deployment: Deployment = CHAT, days: int = 1) -> Touched:
    return Touched(
        key=KEY.id, deployment=deployment.id, operation="chat", requests=3, refused=0, first_at=AGO[days],
        last_at=AGO[days], input_tokens=1, output_tokens=1,
    )  # fmt: skip


def place(address: str = "10.0.0.1", agent: str = "openai/1") -> PlaceOfUse:
    return PlaceOfUse(
        key=KEY.id, address=address, agent=agent, country="", first_hour=AGO[1], last_hour=AGO[1], hours=1
    )


def first(key: str = KEY.id, days: int = 20) -> FirstSeen:
    return FirstSeen(key=key, kind="use", value="", at=AGO[days])


def concerns(key: Key = KEY, reach: tuple[Deployment, ...] = (CHAT,), **uses: Any) -> dict[str, str]:
    given: dict[str, Any] = {"touched": [touched()], "places": [place()], "firsts": [first()]}
    found = review([key], {key.id: reach}, Uses(**(given | uses)), now=NOW, patience=PATIENCE)
    return {each.concern: each.proposal for each in found}


def test_a_key_that_is_used_as_it_should_be_concerns_nobody() -> None:
    assert concerns() == {}
    assert concerns(places=[place(), place(agent="openai/2")]) == {}
    assert concerns(replace(KEY, created_at=NOW), touched=[], places=[], firsts=[]) == {}, "it was made just now"


@pytest.mark.parametrize(
    ("concern", "case"),
    [
        ("never-used", {"touched": [], "places": [], "firsts": []}),
        ("stale", {"touched": [touched(days=20)]}),
        ("stale", {"touched": []}),
        ("shared", {"places": [place(), place("10.0.0.2")]}),
        ("shared", {"places": [place(), place(agent="curl/8")]}),
    ],
)
def test_a_concern_is_told_where_it_is_due(concern: str, case: dict[str, Any]) -> None:
    assert list(concerns(**case)) == [concern]


def test_what_was_never_asked_is_proposed_for_removal() -> None:
    assert concerns(reach=(CHAT, OTHER)) == {"unused-scope": f"strongroom key bind {KEY.id} --model chat"}
    assert concerns(reach=(CHAT, OTHER), touched=[touched(), touched(OTHER)]) == {}


def test_an_old_key_concerns_once_its_successor_is_in_use() -> None:
    old = replace(KEY, replaced_by="n" * 16, replaced_at=AGO[2], retires_at=NOW + timedelta(hours=1))
    assert "old-in-use" not in concerns(old)
    assert "old-in-use" in concerns(old, firsts=[first(), first("n" * 16, days=2)])
    assert "old-in-use" not in concerns(old, firsts=[first(), first("n" * 16, days=0)])


@pytest.mark.parametrize("environment", list(Environment))
def test_how_long_a_key_may_lie_unused_is_its_environments_to_say(environment: Environment) -> None:
    days = {Environment.DEV: 1, Environment.TEST: 5, Environment.PROD: 30}
    lengths = {each: timedelta(days=n) for each, n in days.items()}
    patience, key = Patience(stale=lengths, unused=lengths), replace(KEY, environment=environment)
    used, unused = Uses(touched=[touched(days=2)], places=[], firsts=[first()]), Uses(touched=[], places=[], firsts=[])
    told = [each.concern for uses in (used, unused) for each in neglected([key], uses, now=NOW, patience=patience)]
    assert (
        told
        == {
            Environment.DEV: ["stale", "never-used"],  # used two days ago; made twenty ago
            Environment.TEST: ["never-used"],
            Environment.PROD: [],
        }[environment]
    )
    longer = patience.staler(1)
    assert [each.concern for each in neglected([key], used, now=NOW, patience=longer)] == ["stale"]
