"""Wishes of command lines: what two answers at the same moment come to."""

from __future__ import annotations

from strongroom.identity.people.wishes import INTERVAL_S, NotYet, Wishes
from strongroom.kernel.ids import new_key_id

KEY = b"k" * 32


def test_a_no_that_came_beside_a_yes_is_no_token() -> None:
    wishes, sign_on = Wishes(), new_key_id()
    wish, code = wishes.device(KEY, "192.0.2.1", 0.0)
    wishes.grant(wish, sign_on, 1.0)
    wishes.deny(wish)
    assert wishes.poll(code, KEY, 2.0) is NotYet.DENIED
    wish, code = wishes.device(KEY, "192.0.2.1", 3.0)
    wishes.grant(wish, sign_on, 4.0)
    assert wishes.poll(code, KEY, 5.0 + INTERVAL_S) == sign_on
