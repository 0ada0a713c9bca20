"""A key's text: what is minted is read, and what was changed in any one place is not."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from strongroom.identity.secretkey import PATTERN, SecretKey, Told, mint, parse, read
from strongroom.kernel.principal import Environment, Role

MINTED = st.builds(mint, st.sampled_from(Role), st.sampled_from([*Environment, None]))
PLACES = st.integers(min_value=0, max_value=200)
ALPHABET = string.ascii_letters + string.digits + "_"


@given(MINTED)
def test_what_is_minted_is_read(key: SecretKey) -> None:
    assert read(key.text) == key.id
    assert key.text not in f"{key!r} {key}"


@given(
    st.sampled_from(Role), st.sampled_from([*Environment, None]), PLACES, st.sampled_from(ALPHABET) | st.characters()
)
def test_a_change_in_any_one_place_is_noticed(role: Role, place: Environment | None, at: int, other: str) -> None:
    text = mint(role, place).text
    at %= len(text)
    changed = text[:at] + other + text[at + 1 :]
    assert (read(changed) is None) == (changed != text)


@given(st.sampled_from(Role), PLACES)
def test_two_neighbours_swapped_or_one_left_out_is_noticed(role: Role, at: int) -> None:
    text = mint(role, None).text
    at %= len(text) - 1
    swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    assert (read(swapped) is None) == (swapped != text)
    assert read(text[:at] + text[at + 1 :]) is None
    assert read(text[:at] + text[at] + text[at:]) is None


@given(st.text(max_size=120))
def test_no_other_text_is_a_key(text: str) -> None:
    assert read(text) is None


@given(st.sampled_from(Role), st.sampled_from([*Environment, None]), st.text(max_size=40))
def test_a_scanner_finds_a_key_in_any_text(role: Role, place: Environment | None, around: str) -> None:
    key = mint(role, place)
    found = PATTERN.search(f"{around} token={key.text}\n{around}")
    assert found is not None
    assert (found[0], found[1]) == (key.text, key.id)
    assert read(key.text + "\n") is None


@given(st.sampled_from(Role), st.sampled_from([*Environment, None]))
def test_a_key_tells_what_it_was_made_for(role: Role, place: Environment | None) -> None:
    key = mint(role, place)
    assert parse(key.text) == Told(key.id, role, place)
