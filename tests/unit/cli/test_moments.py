"""A moment is told to people as a minute in UTC, however the API spelt UTC."""

from __future__ import annotations

import pytest

from strongroom.cli import output


@pytest.mark.parametrize(
    "said", ["2026-11-27T19:24:34.487386Z", "2026-11-27T19:24:34.487386+00:00", "2026-11-27T19:24Z"]
)
def test_a_moment_is_told_as_its_minute(said: str) -> None:
    assert output.text(said) == "2026-11-27 19:24Z"


def test_another_zone_is_left_as_it_is() -> None:
    assert output.text("2026-11-27T19:24:34+01:00") == "2026-11-27T19:24:34+01:00"
