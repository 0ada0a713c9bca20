"""A proof of possession shows one thing about one request; changed in any way, it shows nothing."""

from __future__ import annotations

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from strongroom.identity.federation.testing import SigningKey
from strongroom.identity.possession import Seen, Shown, confirmed, wants_nonce
from strongroom.kernel.principal import Confirmation, Proof
from strongroom.signatures import SecretKey
from strongroom.signatures.dpop import AHEAD_S, MAX_AGE_S, Proven, Prover, check, token_hash
from strongroom.signatures.jose import BadToken
from strongroom.signatures.proofnonces import ProofNonces

NOW = int(time.time())
URL = "https://gateway.example/v1/chat/completions"
TOKEN = "srk_tok_dev_x"
OURS = Prover.generate()


def made(key: SigningKey, header: dict[str, Any] | None = None, **claims: Any) -> str:
    said = {"jti": "0123456789", "htm": "POST", "htu": URL, "iat": NOW, "ath": token_hash(TOKEN), **claims}
    jwk = {name: value for name, value in key.jwk.items() if name in {"kty", "crv", "x", "y", "n", "e"}}
    return key.token(
        {name: value for name, value in said.items() if value is not None},
        **{"typ": "dpop+jwt", "kid": None, "jwk": jwk, **(header or {})},
    )


def holds(proof: str, method: str = "POST", url: str = URL, token: str | None = TOKEN) -> bool:
    try:
        check(proof, method=method, url=url, now=NOW, token=token)
    except BadToken:
        return False
    return True


@pytest.mark.parametrize(
    "prover", [OURS, Prover(SecretKey(ec.generate_private_key(ec.SECP256R1())))], ids=["ed", "p256"]
)
def test_what_the_helper_makes_is_taken(prover: Prover) -> None:
    proven = check(
        prover.proof("POST", URL + "?q#f", token=TOKEN, at=NOW), method="POST", url=URL, now=NOW, token=TOKEN
    )
    assert prover.thumbprint == token_hash_of(proven.thumbprint)


def token_hash_of(thumbprint: bytes) -> str:
    import base64  # noqa: PLC0415 - beside its only use

    return base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["ES256", "RS256", "EdDSA", "ES384"])
def test_every_algorithm_that_is_taken_is_taken_here(alg: str) -> None:
    assert holds(made(SigningKey.make(alg)))


@pytest.mark.parametrize(
    "url",
    ["https://GATEWAY.example:443/v1/chat/completions", URL + "?a=b", "https://gateway.example/v1/chat/completions#x"],
)
def test_spellings_of_one_place_are_one_place(url: str) -> None:
    assert holds(made(SigningKey.make(), htu=url))


WRONG: dict[str, dict[str, Any]] = {
    "another method": {"htm": "GET"},
    "a method in small letters": {"htm": "post"},
    "no method": {"htm": None},
    "another path": {"htu": "https://gateway.example/v1/embeddings"},
    "another host": {"htu": "https://other.example/v1/chat/completions"},
    "without TLS": {"htu": "http://gateway.example/v1/chat/completions"},
    "with a user": {"htu": "https://x@gateway.example/v1/chat/completions"},
    "no place": {"htu": None},
    "no address": {"htu": "nonsense"},
    "a number for a place": {"htu": 7},
    "another port": {"htu": "https://gateway.example:8443/v1/chat/completions"},
    "longer than any": {"more": "a" * 4096},
    "for a token that is no ASCII": {"ath": "é" * 43},
    "old": {"iat": NOW - MAX_AGE_S - 1},
    "of the future": {"iat": NOW + AHEAD_S + 1},
    "timeless": {"iat": None},
    "for another token": {"ath": token_hash("other")},
    "for no token": {"ath": None},
    "nameless": {"jti": None},
    "with a short name": {"jti": "1"},
    "with a name that is a list": {"jti": ["0123456789"]},
}


@pytest.mark.parametrize("claims", WRONG.values(), ids=WRONG)
def test_a_proof_of_something_else_is_none(claims: dict[str, Any]) -> None:
    key = SigningKey.make()
    assert holds(made(key))
    assert not holds(made(key, **claims))


@pytest.mark.parametrize(
    "url", ["ftp://gateway.example/v1", "https:///v1", "https://x@gateway.example/v1", "https://a:b/"]
)
def test_what_is_no_place_of_ours_is_none_though_both_say_it(url: str) -> None:
    assert not holds(made(SigningKey.make(), htu=url), url=url)


def test_no_path_is_the_root_and_a_port_is_the_schemes() -> None:
    for said, asked in (("https://g.example", "https://g.example:443/"), ("http://g.example:80/", "http://g.example")):
        assert holds(made(SigningKey.make(), htu=said), url=asked)


def test_a_proof_that_is_not_by_the_key_it_carries_is_none() -> None:
    key, other = SigningKey.make(), SigningKey.make()
    assert not holds(made(key, {"jwk": {name: other.jwk[name] for name in ("kty", "crv", "x", "y")}}))
    for header in (
        {"typ": "JWT"},
        {"typ": None},
        {"jwk": None},
        {"jwk": "x"},
        {"jwk": dict(key.key.as_dict(private=True))},
        {"jwk": {"kty": "oct", "k": "c2VjcmV0"}},
        {"alg": "none"},
        {"crit": ["x"]},
    ):
        assert not holds(made(key, header)), header
    assert not holds(key.as_shared_secret({"htm": "POST"}))
    for text in ("", "x", "a.b.c", "e30.e30.AA", "é" * 50, "a" * 5000):
        assert not holds(text)


def test_a_bound_credential_needs_the_proof_of_its_own_key() -> None:
    key = Confirmation(
        Proof.DPOP, check(OURS.proof("POST", URL, at=NOW), method="POST", url=URL, now=NOW, token=None).thumbprint
    )

    def shown(*proofs: str, scheme: str = "dpop") -> Shown:
        return Shown(method="POST", url=URL, scheme=scheme, proofs=proofs)

    good = OURS.proof("POST", URL, token=TOKEN, at=NOW)
    assert confirmed(key, shown(good), TOKEN, NOW) is not None
    assert confirmed(key, shown(good, scheme=""), TOKEN, NOW) is not None  # x-api-key has no scheme
    theirs = Prover.generate().proof("POST", URL, token=TOKEN, at=NOW)
    for wrong in (shown(), shown(good, good), shown(theirs), shown(good, scheme="bearer")):
        with pytest.raises(BadToken):
            confirmed(key, wrong, TOKEN, NOW)


def test_a_token_that_is_bound_to_a_certificate_needs_that_certificate() -> None:
    from hashlib import sha256  # noqa: PLC0415 - beside its only use

    bound = Confirmation(Proof.MTLS, sha256(b"ours").digest())
    ours = Shown(method="POST", url=URL, scheme="bearer", certificate=b"ours")
    assert confirmed(bound, ours, TOKEN, NOW) is None
    for certificate in (None, b"theirs", b""):
        with pytest.raises(BadToken, match="certificate"):
            confirmed(bound, Shown(method="POST", url=URL, scheme="bearer", certificate=certificate), TOKEN, NOW)


def test_a_proof_is_seen_once_and_none_from_before_the_process_began() -> None:
    seen = Seen(NOW - 10.0)
    proof = check(OURS.proof("POST", URL, at=NOW), method="POST", url=URL, now=NOW, token=None)
    assert seen.take(proof, NOW)
    assert not seen.take(proof, NOW)
    assert not seen.take(proof, NOW + MAX_AGE_S)
    old = check(OURS.proof("POST", URL, at=NOW - 11), method="POST", url=URL, now=NOW, token=None)
    assert not seen.take(old, NOW)


def test_a_proof_is_taken_once_though_the_clock_of_the_machine_is_set_forwards_and_back() -> None:
    boot = [0.0]
    seen = Seen(NOW - 10_000.0, lambda: boot[0])

    def shown(made_at: float, wall: float, after: float = 1.0) -> bool:
        """Show the one proof of that moment, so many seconds after the last one, when the clock says `wall`."""
        boot[0] += after
        return seen.take(Proven(bytes(32), f"of-{made_at}", made_at, None), wall)

    assert shown(NOW, NOW)
    assert shown(NOW + 3600, NOW + 3600), "an hour ahead"
    assert not shown(NOW, NOW + 2), (
        "and right again: it was forgotten by the clock, and not by the time that had passed"
    )
    assert not shown(NOW + 3600, NOW + 3601, after=3600), "of the hour ahead, when that has come"
    later = NOW + 3700
    assert shown(later, later)
    assert shown(later + 200, later + 200, after=200), "by now the one before is forgotten"
    for made in (later, later - 30):
        assert not shown(made, later, after=10), "set back to when it was made: what is forgotten does not count again"
    assert shown(later + 201, later + 201, after=201), "nobody is locked out for longer than the clock was set back"


def test_what_was_seen_ahead_of_time_is_kept_and_holds_up_nothing() -> None:
    boot = [0.0]
    seen = Seen(0.0, lambda: boot[0])
    ahead = Proven(bytes(32), "ten years ahead", NOW + 10 * 366 * 86_400, None)
    assert seen.take(ahead, ahead.made)
    for number in range(1000):
        boot[0] += 10
        at = NOW + 10.0 * number
        assert seen.take(Proven(bytes(32), str(number), at, None), at)
    assert len(seen._seen) < 10
    assert not seen.take(ahead, ahead.made)


def test_where_nonces_are_given_a_proof_without_one_is_told_which_and_nothing_else_is() -> None:
    nonces = ProofNonces([bytes(32)])
    given = nonces.give(NOW)
    assert wants_nonce(nonces, Proven(bytes(32), "x", NOW, given), NOW) is None
    assert wants_nonce(None, Proven(bytes(32), "x", NOW), NOW) is None, "off"
    for said, now in ((None, NOW), ("A" * len(given), NOW), (given, NOW + 86_400)):
        wanted = wants_nonce(nonces, Proven(bytes(32), "x", NOW, said), now)
        assert wanted is not None
        assert wanted.fields[0][1].decode() == nonces.give(now)


def test_what_is_bound_to_a_signing_key_is_not_taken_where_no_signature_is_read() -> None:
    shown = Shown(method="POST", url=URL, scheme="dpop", proofs=(OURS.proof("POST", URL, token=TOKEN, at=NOW),))
    with pytest.raises(BadToken, match="where no signature is read"):
        confirmed(Confirmation(Proof.SIGNATURE, bytes(32)), shown, TOKEN, NOW)


def test_beyond_what_is_remembered_nothing_is_taken_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strongroom.identity.possession._MOST", 3)
    boot = [0.0]
    seen = Seen(NOW - 10.0, lambda: boot[0])
    taken = [seen.take(Proven(bytes(32), str(each), NOW, None), NOW) for each in range(5)]
    assert taken == [True, True, True, False, False]
    boot[0] += 2 * MAX_AGE_S
    assert seen.take(Proven(bytes(32), "later", NOW + 2 * MAX_AGE_S, None), NOW + 2 * MAX_AGE_S)
