"""When a revoked key was taken last is told so that nobody has to think about a sign."""

from __future__ import annotations

import pytest

from strongroom.cli.keys import last_taken

AT = "2026-11-27T17:47:54Z"


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (None, "No process would have taken it"),
        (-4.04, "Never taken after it was revoked; for the last time 4.0 ms before"),
        (0.0, "Never taken after it was revoked"),
        (12.34, "Taken for the last time 12.3 ms after it was revoked"),
    ],
)
def test_the_last_moment_is_said_to_be_before_or_after(after: float | None, said: str) -> None:
    assert last_taken({"accepted_ms": after, "accepted_until": AT}).startswith(said)
