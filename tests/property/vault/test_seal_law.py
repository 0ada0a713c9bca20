"""What is sealed opens in its own place alone, whatever else is tried."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.vault import Purpose, PurposeKeys, SealBroken, seal, unseal

KEYS = PurposeKeys(2, {purpose: {n: bytes([n, i]) * 16 for n in (1, 2)} for i, purpose in enumerate(Purpose)})
OLD = PurposeKeys(1, {Purpose.PROVIDER_SECRET: {1: bytes([1, list(Purpose).index(Purpose.PROVIDER_SECRET)]) * 16}})
P = Purpose.PROVIDER_SECRET
context = st.lists(st.text(max_size=8), min_size=1, max_size=3)


@given(plain=st.binary(max_size=80), place=context)
def test_what_was_sealed_opens_with_the_same_context(plain: bytes, place: list[str]) -> None:
    sealed = seal(KEYS, P, plain, *place)
    assert unseal(KEYS, P, sealed, *place) == plain
    assert len(plain) < 4 or plain not in sealed
    assert seal(KEYS, P, plain, *place) != sealed


@given(place=context, other=context)
def test_it_opens_in_no_other_place_and_for_no_other_purpose(place: list[str], other: list[str]) -> None:
    assume(place != other)
    sealed = seal(KEYS, P, b"sk-1", *place)
    for purpose, where in ((P, other), (Purpose.BACKUP, place)):
        with pytest.raises(SealBroken):
            unseal(KEYS, purpose, sealed, *where)


@given(data=st.data())
def test_a_changed_bit_anywhere_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(seal(KEYS, P, b"sk-1", "a"))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(SealBroken):
        unseal(KEYS, P, bytes(sealed), "a")


@given(cut=st.integers(0, 80))
def test_a_part_of_it_is_nothing(cut: int) -> None:
    with pytest.raises(SealBroken):
        unseal(KEYS, P, seal(KEYS, P, b"sk-1", "a")[:cut], "a")


def test_what_an_older_key_sealed_still_opens_and_a_newer_one_is_not_guessed() -> None:
    assert unseal(KEYS, P, seal(OLD, P, b"sk-1", "a"), "a") == b"sk-1"
    with pytest.raises(SealBroken, match="not held"):
        unseal(OLD, P, seal(KEYS, P, b"sk-1", "a"), "a")
