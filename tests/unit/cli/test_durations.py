"""Lengths of time as people write them."""

from __future__ import annotations

import pytest

from strongroom.cli.durations import seconds
from strongroom.cli.failures import USAGE, Failure


@pytest.mark.parametrize(
    ("text", "expected"), [("90s", 90), ("30m", 1800), ("24h", 86_400), ("3d", 259_200), ("0", 0), ("1.5h", 5400)]
)
def test_a_length_of_time_is_read_as_it_is_written(text: str, expected: float) -> None:
    assert seconds(text, "--overlap") == expected


@pytest.mark.parametrize("text", ["", "h", "24", "-1h", "1w", "1h30m", " 1h", "1e3s", "٣h", "inf"])
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(Failure) as failure:
        seconds(text, "--overlap")
    assert failure.value.code == USAGE
    assert "--overlap" in failure.value.said
