"""What the settings say of people: read strictly, the first that fits, auditors with an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from strongroom.identity.people.model import MappingError, first_fitting, name_of, parse_mapping
from strongroom.kernel.principal import Role

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "groups",
        "groups=a",
        "groups=a -> nobody",
        "groups=a -> inference",
        "groups=a -> delivery",
        "groups=a -> operator acme",
        "groups=a -> tenant-admin",
        "groups=a -> auditor",
        "groups=a -> tenant-auditor acme",
        "groups=a -> tenant-auditor until 2026-01-01",
        "groups=a -> auditor until 2026-13-01",
        "=a -> operator",
        "groups= -> operator",
    ],
)
def test_what_says_too_little_or_too_much_is_refused(text: str) -> None:
    with pytest.raises(MappingError):
        parse_mapping(text)


def test_the_first_that_fits_and_has_not_ended_counts() -> None:
    lines = [
        parse_mapping("groups=both -> auditor until 2026-05-31"),
        parse_mapping("groups=both -> tenant-admin acme"),
        parse_mapping("sub=1 -> operator"),
    ]
    ended = first_fitting(lines, {"groups": ["both"], "sub": "1"}, NOW)
    assert ended is not None
    assert (ended.role, ended.tenant) == (Role.TENANT_ADMIN, "acme")
    lives = first_fitting(lines, {"groups": ["both"]}, NOW - timedelta(seconds=1))  # the last second of the last day
    assert lives is not None
    assert lives.role is Role.AUDITOR
    assert first_fitting(lines, {"groups": ["neither"], "sub": 1}, NOW) is None


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "Jane Doe"}, "jane-doe-01234567"),
        ({"email": "jane@example.org"}, "jane-01234567"),
        ({"preferred_username": "../../etc"}, "etc-01234567"),
        ({"preferred_username": "ŁÓDŹ"}, "d-01234567"),
        ({"preferred_username": "x" * 500}, "x" * 48 + "-01234567"),
        ({}, "person-01234567"),
        ({"email": 7}, "person-01234567"),
    ],
)
def test_a_name_is_plain_and_ends_in_what_nobody_chooses(claims: dict[str, object], name: str) -> None:
    assert name_of(claims, "0123456789abcdef") == name
