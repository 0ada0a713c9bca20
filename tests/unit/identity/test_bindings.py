"""What a key is bound to holds, and what cannot be determined does not hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.identity.bindings import Bindings, Bound, checked

MONDAY = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Source:
    def country(self, address: str) -> str:
        return {"192.0.2.1": "DE", "192.0.2.2": "FR"}.get(address, "")

    def network(self, address: str) -> str:
        return f"AS{len(address)}"


def broken(
    peer: str = "192.0.2.1", agent: str = "OpenAI/Python 2.0", now: datetime = MONDAY, *, geo: bool = True, **bound: Any
) -> str:
    found = Bound(Bindings(**bound)).broken(peer, agent, now, Source() if geo else None)
    return "" if found is None else found[0]


@pytest.mark.parametrize(
    ("bound", "used", "signal"),
    [
        ({"networks": ("192.0.2.0/24",)}, {}, ""),
        ({"networks": ("192.0.2.0/24",)}, {"peer": "::ffff:192.0.2.9"}, ""),
        ({"networks": ("192.0.2.0/24",)}, {"peer": "198.51.100.1"}, "outside-network"),
        ({"networks": ("192.0.2.0/24",)}, {"peer": ""}, "outside-network"),
        ({"countries": ("DE", "AT")}, {}, ""),
        ({"countries": ("DE",)}, {"peer": "192.0.2.2"}, "outside-country"),
        ({"countries": ("DE",)}, {"peer": "192.0.2.3"}, "outside-country"),
        ({"countries": ("DE",)}, {"geo": False}, "outside-country"),
        ({"agents": ("OpenAI",)}, {}, ""),
        ({"agents": ("OpenAI",)}, {"agent": "curl/8"}, "outside-agent"),
        ({"agents": ("OpenAI",)}, {"agent": "curl/8 OpenAI/2"}, "outside-agent"),
        ({"agents": ("OpenAI",)}, {"agent": ""}, "outside-agent"),
        ({"hours": ("mon-fri 08:00-18:00",)}, {}, ""),
        ({"hours": ("mon-fri 08:00-12:00",)}, {}, "outside-hours"),
        ({"hours": ("mon-fri 08:00-18:00",)}, {"now": MONDAY + timedelta(days=5)}, "outside-hours"),
        ({"hours": ("sat-mon 00:00-24:00",)}, {}, ""),
        ({"hours": ("22:00-06:00",)}, {"now": MONDAY.replace(hour=23)}, ""),
        ({"hours": ("sun 22:00-06:00",)}, {"now": MONDAY.replace(hour=5)}, ""),
        ({"hours": ("mon 22:00-06:00",)}, {"now": MONDAY.replace(hour=5)}, "outside-hours"),
        ({"hours": ("tue 08:00-09:00", "mon 12:00-13:00")}, {}, ""),
        ({"networks": ("192.0.2.0/24",), "agents": ("curl",)}, {}, "outside-agent"),
        ({}, {"peer": "", "agent": "", "geo": False}, ""),
    ],
)
def test_each_binding_holds(bound: dict[str, Any], used: dict[str, Any], signal: str) -> None:
    assert broken(**used, **bound) == signal


@pytest.mark.parametrize(
    "bound",
    [
        {"networks": ("192.0.2.1/24",)},
        {"networks": ("here",)},
        {"countries": ("de",)},
        {"countries": ("Germany",)},
        {"agents": ("two words",)},
        {"agents": ("curl/8",)},
        {"hours": ("8-18",)},
        {"hours": ("mon-fri 08:00-25:00",)},
        {"hours": ("08:00-24:30",)},
        {"hours": ("08:00-08:00",)},
        {"hours": ("mon,fri 08:00-18:00",)},
        {"hours": ("٠٨:00-18:00",)},
    ],
)
def test_what_cannot_be_read_binds_nothing_by_halves(bound: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        checked(Bindings(**bound), Source())


@pytest.mark.parametrize(
    "bound",
    [{"networks": ("192.0.2.0/24",)}, {"countries": ("DE",)}, {"agents": ("curl",)}, {"hours": ("08:00-09:00",)}, {"models": ("m",)}],
)  # fmt: skip
def test_each_binding_alone_is_one(bound: dict[str, Any]) -> None:
    """What counts as bound is passed on to a successor, and demanded of keys in production: none is forgotten."""
    assert Bindings().empty
    assert not Bindings(**bound).empty


def test_a_key_that_is_bound_to_no_model_may_ask_every_one_and_no_other_may() -> None:
    assert Bound(Bindings()).models is None
    assert Bound(Bindings(models=("tiny",))).models == frozenset({"tiny"})


def test_where_it_is_used_from_is_told_by_why_it_is_not_known() -> None:
    for geo, said in ((None, "no geo source"), (Source(), "does not know the address")):
        found = Bound(Bindings(countries=("DE",))).broken("192.0.2.3", "", MONDAY, geo)
        assert found is not None
        assert said in found[1]


def test_a_country_cannot_be_bound_where_no_source_knows_any() -> None:
    with pytest.raises(ValueError, match="no geo source is configured"):
        checked(Bindings(countries=("DE",)), None)
    assert checked(Bindings(countries=("DE",)), Source()).countries == ("DE",)


@given(
    first=st.integers(0, 6), last=st.integers(0, 6), begin=st.integers(0, 1439), end=st.integers(0, 1439),
    minute=st.integers(0, 7 * 1440 - 1),
)  # fmt: skip
def test_a_window_and_the_rest_of_the_week_are_one_week(
    first: int, last: int, begin: int, end: int, minute: int
) -> None:
    if begin == end:
        return
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    text = f"{days[first]}-{days[last]} {begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    now = MONDAY.replace(hour=0) + timedelta(minutes=minute)
    length = (end - begin) % 1440
    starts = [day * 1440 + begin for day in ((first + step) % 7 for step in range((last - first) % 7 + 1))]
    inside = any((minute - start) % (7 * 1440) < length for start in starts)
    assert (broken(now=now, hours=(text,)) == "") is inside
