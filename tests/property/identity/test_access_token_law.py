"""A token that is not, to the character, one that was made here is none."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from strongroom.identity.accesstoken import Claims, Signer, Verifier, _crc_of, public_keys
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Confirmation, Environment, Proof

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SIGNER = Signer(7, bytes(range(32)))
KEYS = public_keys({7: bytes(range(32))})
THUMBPRINTS = st.binary(min_size=32, max_size=32)
CLAIMS = st.builds(
    Claims,
    st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=16, max_size=16).map(KeyId),
    st.sampled_from(Environment),
    st.binary(min_size=16, max_size=16).map(lambda each: UUID(bytes=each)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.none() | st.builds(Confirmation, st.sampled_from([Proof.DPOP, Proof.MTLS]), THUMBPRINTS),
)


@given(CLAIMS)
def test_what_is_made_is_read_back(claims: Claims) -> None:
    text = SIGNER.mint(claims)
    verifier = Verifier(KEYS)
    assert verifier.verify(text) == claims
    assert verifier.verify(text) == claims  # from memory


@given(CLAIMS, st.data())
def test_a_changed_character_makes_it_nobodys(claims: Claims, data: st.DataObject) -> None:
    verifier = Verifier(KEYS)
    text = SIGNER.mint(claims)
    assert verifier.verify(text) == claims
    at = data.draw(st.integers(0, len(text) - 7))
    other = data.draw(st.sampled_from(ALPHABET + "_-").filter(lambda each: each != text[at]))
    body = text[:at] + other + text[at + 1 : -6]
    assert verifier.verify(body + _crc_of(body)) is None
    assert verifier.verify(body + text[-6:]) is None


@given(CLAIMS, CLAIMS, st.integers(0, 203))
def test_two_tokens_make_no_third(one: Claims, other: Claims, at: int) -> None:
    first, second = SIGNER.mint(one), SIGNER.mint(other)
    mixed = first[:at] + second[at:]
    if mixed in {first, second}:
        return
    body = mixed[:-6]
    assert Verifier(KEYS).verify(body + _crc_of(body)) in {None, one, other}
    if body not in {first[:-6], second[:-6]}:
        assert Verifier(KEYS).verify(body + _crc_of(body)) is None
