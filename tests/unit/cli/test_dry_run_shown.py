"""Of a dry run people are shown what differs."""

from __future__ import annotations

from strongroom.cli.showing import differing


def test_what_stays_is_left_out_and_what_comes_or_goes_is_not() -> None:
    row = {"who": "w", "before": {"seed": True, "n": 1, "old": 2}, "after": {"seed": False, "n": 1, "new": 3}}
    assert differing([row]) == [{"who": "w", "before": {"seed": True, "old": 2}, "after": {"seed": False, "new": 3}}]


def test_a_line_that_changes_nothing_is_shown_without_fields() -> None:
    assert differing([{"who": "w", "before": {"n": 1}, "after": {"n": 1}}]) == [{"who": "w", "before": {}, "after": {}}]
