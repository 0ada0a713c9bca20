"""An entry holds no secret, no second line and nothing long."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from strongroom.audit import DETAIL_LIMIT, TEXT_LIMIT, Entry, Outcome, check_detail, plain
from strongroom.kernel.ids import new_uuid

KEY = "srk_inf_prod_0123456789abcdef_" + "A" * 49
TEXTS = ("actor", "credential", "action", "resource", "reason", "request_id")


def entry(**changes: Any) -> Entry:
    values: dict[str, Any] = {
        "id": new_uuid(),
        "at": datetime.now(UTC),
        "actor": "operator/root",
        "credential": "0123456789abcdef",
        "action": "key.revoke",
        "resource": "installation/key/fedcba9876543210",
        "outcome": Outcome.ALLOWED,
    }
    return Entry(**{**values, **changes})


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize(
    "bad", [KEY, f"key={KEY}", KEY.upper(), "two\nlines", "tab\t", "\x1b[31m", "\u2028", "x" * 513]
)
def test_a_field_that_could_do_harm_is_refused_without_being_repeated(field: str, bad: str) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        entry(**{field: bad})
    assert bad not in str(caught.value)


def test_numbers_are_not_text() -> None:
    with pytest.raises(ValueError, match="must be text"):
        entry(detail={"count": 1.5})
    with pytest.raises(ValueError, match="must be text"):
        entry(reason=None)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        entry(at=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the case


@pytest.mark.parametrize(
    "detail",
    [{"secret": KEY}, {KEY: "x"}, {"Upper": "x"}, {"": "x"}, {"a" * 41: "x"}, {"long": "x" * 257}, {"line": "a\nb"}],
)
def test_a_fact_that_could_do_harm_is_refused(detail: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"fact|audit entry"):
        entry(detail=detail)


def test_facts_are_few() -> None:
    assert len(check_detail({f"f{n}": "" for n in range(DETAIL_LIMIT)})) == DETAIL_LIMIT
    with pytest.raises(ValueError, match="at most"):
        check_detail({f"f{n}": "" for n in range(DETAIL_LIMIT + 1)})


def test_an_entry_cannot_be_changed_through_what_it_was_made_of() -> None:
    detail = {"b": "2", "a": "1"}
    made = entry(detail=detail)
    detail["a"] = "9"
    assert dict(made.detail) == {"a": "1", "b": "2"}
    assert list(made.detail) == ["a", "b"]
    with pytest.raises(TypeError):
        made.detail["a"] = "9"  # type: ignore[index] # a read-only view, for those who do not type-check


def test_plain_makes_any_text_fit() -> None:
    assert plain(f"bad {KEY}!") == "bad [key]!"
    assert plain("a\nb\x00c") == "a b c"
    assert len(plain("x" * 10_000)) == TEXT_LIMIT
    for text in (KEY, "a\nb", "x" * 10_000, "\ud800", f"{'x' * (TEXT_LIMIT - 2)}{KEY}", "s\x00rk_abc", "srk\x00_abc"):
        entry(reason=plain(text))
