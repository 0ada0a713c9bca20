"""How far an entry of the log has come is told for what it is: never signed before a head covers it."""

from __future__ import annotations

import pytest

from strongroom.console.audit import sealing


@pytest.mark.parametrize(
    ("seq", "signed", "seal"),
    [
        (None, 7, "waiting"),
        (6, 7, "signed"),  # numbers begin with 0: a head over seven covers the entries 0 to 6
        (7, 7, "sealed"),
        (8, 7, "sealed"),
        (0, 0, "sealed"),
        (0, 1, "signed"),
    ],
)
def test_an_entry_is_signed_where_a_head_covers_it_and_nowhere_else(seq: int | None, signed: int, seal: str) -> None:
    assert sealing(seq, signed=signed) == seal
