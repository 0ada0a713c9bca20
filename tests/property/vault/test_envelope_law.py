"""What is sealed under a tenant's keys opens in its own place alone."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.vault import DataKeys, Material, Scope, SealBroken, Use, is_subject

SAME = Material("a" * 32, {1: b"k" * 32, 2: b"l" * 32}, 2)
scopes = st.builds(
    Scope,
    st.sampled_from([TenantId(UUID(int=1)), TenantId(UUID(int=2))]),
    st.sampled_from(Use),
    st.sampled_from([None, *Environment]),
    st.sampled_from(["", f"sub_{'0' * 32}", f"sub_{'1' * 32}"]),
)
names = st.lists(st.text(max_size=6), max_size=3)


@given(scope=scopes, plain=st.binary(max_size=60), name=names)
def test_it_opens_in_its_own_place(scope: Scope, plain: bytes, name: list[str]) -> None:
    keys = DataKeys(scope, SAME)
    sealed = keys.seal(plain, *name)
    assert keys.unseal(sealed, *name) == plain
    assert keys.seal(plain, *name) != sealed
    assert "k" * 32 not in repr(keys)


@given(one=scopes, other=scopes, name=names, another=names)
def test_it_opens_nowhere_else_even_under_the_same_bytes_of_key(
    one: Scope, other: Scope, name: list[str], another: list[str]
) -> None:
    assume((one, name) != (other, another))
    sealed = DataKeys(one, SAME).seal(b"canary", *name)
    with pytest.raises(SealBroken):
        DataKeys(other, SAME).unseal(sealed, *another)


@given(data=st.data(), scope=scopes)
def test_a_changed_bit_anywhere_is_noticed(data: st.DataObject, scope: Scope) -> None:
    sealed = bytearray(DataKeys(scope, SAME).seal(b"canary", "x"))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(SealBroken):
        DataKeys(scope, SAME).unseal(bytes(sealed), "x")


@given(scope=scopes, key=st.binary(min_size=32, max_size=32), incarnation=st.sampled_from(["a" * 32, "b" * 32]))
def test_another_key_or_incarnation_opens_nothing(scope: Scope, key: bytes, incarnation: str) -> None:
    assume(key != SAME.generations[2] or incarnation != SAME.incarnation)
    sealed = DataKeys(scope, SAME).seal(b"canary", "x")
    with pytest.raises(SealBroken):
        DataKeys(scope, Material(incarnation, {2: key}, 2)).unseal(sealed, "x")


@given(scope=scopes, cut=st.integers(0, 90))
def test_a_part_of_it_is_nothing(scope: Scope, cut: int) -> None:
    with pytest.raises(SealBroken):
        DataKeys(scope, SAME).unseal(DataKeys(scope, SAME).seal(b"canary", "x")[:cut], "x")


@given(one=st.text(max_size=30), other=st.text(max_size=30))
def test_a_pseudonym_is_one_persons_in_one_tenant(one: str, other: str) -> None:
    acme, globex = (Scope(TenantId(UUID(int=number)), Use.SUBJECT_NAME) for number in (1, 2))
    pseudonym = DataKeys(acme, SAME).pseudonym(one)
    assert is_subject(pseudonym)
    assert (pseudonym == DataKeys(acme, SAME).pseudonym(other)) == (one == other)
    assert pseudonym != DataKeys(globex, SAME).pseudonym(one)
    assert pseudonym != DataKeys(acme, Material("a" * 32, {1: b"x" * 32}, 1)).pseudonym(one)
    assert pseudonym == DataKeys(acme, Material("a" * 32, {**SAME.generations, 3: b"m" * 32}, 3)).pseudonym(one)
