"""An access token's text stays what scanners were told to look for, and gateways of every version read."""

from __future__ import annotations

from uuid import UUID

from strongroom.identity import accesstoken, secretkey
from strongroom.identity.accesstoken import PATTERN, Claims, Signer, Verifier, public_keys
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Confirmation, Environment, Proof

SEED = bytes(range(32))
CLAIMS = Claims(
    KeyId("0123456789abcdef"),
    Environment.PROD,
    UUID("0198c000-0000-7000-8000-00000000000a"),
    1_800_000_000,
    1_800_000_900,
    Confirmation(Proof.DPOP, bytes(range(32))),
)
# Made once and written down (Ed25519 is deterministic): a release that no longer reads it has changed the format.
GOLDEN = (
    "srk_tok_prod_0123456789abcdef_"
    "02wVaGvv0SDfrS5umuPlwWQPeyFbA49pzNqSkQRYYKmPlC6uEce8SgmUNs7pQrnzdkgOaC1c65d2q0LTU1FC8Auo6c"
    "NIVpv6rEt5NT7YnumnQ2WeBx4GOiCxy2UbmjGGWScnmkrjbkyMhFkngk8xTr7VyH5oFehDuwnfLNP1bwpc4"
)


def test_what_an_earlier_version_made_is_read() -> None:
    assert Verifier(public_keys({1: SEED})).verify(GOLDEN) == CLAIMS
    assert Signer(1, SEED).mint(CLAIMS) == GOLDEN
    assert accesstoken.read(GOLDEN) == "0123456789abcdef"
    assert PATTERN.fullmatch(GOLDEN)


def test_neither_is_mistaken_for_the_other() -> None:
    assert secretkey.read(GOLDEN) is None
    assert secretkey.PATTERN.search(GOLDEN) is None
    assert accesstoken.read("srk_inf_dev_0123456789abcdef_" + "0" * 49) is None


def test_a_process_without_the_key_of_that_version_reads_none() -> None:
    assert Verifier({}).verify(GOLDEN) is None
    assert Verifier(public_keys({2: SEED})).verify(GOLDEN) is None
    assert Verifier(public_keys({1: bytes(32)})).verify(GOLDEN) is None
    older = Verifier(public_keys({2: bytes(32), 1: SEED}))
    assert older.verify(GOLDEN) == CLAIMS  # after a rotation, what was made before it counts until its end
