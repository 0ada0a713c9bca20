"""Publishers' signatures as rules demand them: another key, name, file, day, root or identity, and it is not met."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.registry.sigstore_service import EMAIL, ISSUER, NOW, Authority, Service, new_key

from strongroom.registry import oms
from strongroom.registry.admission.manifest import File, Manifest
from strongroom.registry.admission.model import Subject
from strongroom.registry.admission.published import reasons
from strongroom.registry.evidence.model import MOST_BUNDLE, About, BadEvidence, Outside, Taken
from strongroom.registry.evidence.publishers import is_bundle, read, taken_in
from strongroom.registry.oms.keys import fingerprint
from strongroom.registry.oms.service import bundled, message, payload, sign_files, stated
from strongroom.rules.model import DocumentError
from strongroom.rules.publishers import PublisherDemand, check_publishers
from strongroom.vault.signing import pem_of

FILES = {"model.safetensors": "a" * 64, "config.json": "b" * 64}
BLAKE = {"model.safetensors": "c" * 64, "config.json": "d" * 64}
KEY = new_key()
PEM = pem_of(KEY.public_key())
DEMAND: dict[str, Any] = {"signed_as": "acme/{name}-{version}", "keys": [PEM]}
CALLED = "acme/risk-1.0"


def manifest(files: dict[str, str]) -> Manifest:
    return Manifest(
        tuple(File(path=each, sha256=files[each], size=1, blake3=BLAKE.get(each, "e" * 64)) for each in sorted(files)),
        2,
    )


SUBJECT = Subject(digest=manifest(FILES).digest, name="risk", version="1.0")


def signature(name: str = CALLED, files: dict[str, str] | None = None, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    return sign_files(name, FILES if files is None else files, oms.SigningKey(key))[0]


def demanded(**more: Any) -> PublisherDemand:
    found = msgspec.convert(
        {name: value for name, value in (DEMAND | more).items() if value is not None}, PublisherDemand
    )
    check_publishers([found], "rules[0]")
    return found


def taken(bundle: bytes, subject: str = SUBJECT.digest) -> Taken:
    return Taken(
        id=UUID(int=1), about=About.RELEASE, subject=subject, owner="", document=SUBJECT.digest, signer="", by="x", at=NOW,
        facts=read(bundle, NOW),
    )  # fmt: skip


def judged(
    demand: PublisherDemand, *bundles: bytes, at: datetime = NOW, revoked: str = "", files: dict[str, str] | None = None
) -> tuple[bool, str]:
    here = manifest(FILES if files is None else files)
    outside = Outside({About.RELEASE: SUBJECT.digest}, tuple(taken(each) for each in bundles))
    (found,) = reasons([demand], SUBJECT, here, outside, at, lambda key: key == revoked)
    assert found.demand == "publisher"
    return found.met, found.because


def test_what_its_publisher_signed_under_the_name_that_is_demanded_is_met_and_says_who() -> None:
    said = judged(demanded(), signature(key=new_key()), signature())
    assert said == (True, f"Its publisher has signed it as {CALLED}: key {fingerprint(KEY.public_key())}.")


@pytest.mark.parametrize(
    ("bundle", "because"),
    [
        (signature(key=new_key()), "no key that is trusted has signed it"),
        (signature("risk@1.0"), f'it was signed as "risk@1.0", and "{CALLED}" is demanded'),
        (signature("acme/risk-1.00"), "is demanded"),
        (signature("ACME/risk-1.0"), "is demanded"),
        (signature("acme/{name}-{version}"), "is demanded"),
        (signature(files=FILES | {"config.json": "c" * 64}), 'other files ("config.json")'),
        (signature(files={"config.json": "b" * 64}), 'other files ("model.safetensors")'),
        (signature(files=FILES | {"more.bin": "d" * 64}), 'other files ("more.bin")'),
        (signature(files={".": "a" * 64}), "other files"),
        (signature(files={".": "b" * 64}), "other files"),
    ],
)
def test_another_key_name_or_file_is_said_and_not_met(bundle: bytes, because: str) -> None:
    met, said = judged(demanded(), bundle)
    assert (met, because in said) == (False, True), said
    assert said.startswith(f"The signature of its publisher is missing, as {CALLED} by the key that is named.")
    assert judged(demanded(), bundle, signature())[0], "one that does not count keeps none from counting"


def test_with_no_signature_or_nothing_to_tell_by_it_is_not_met() -> None:
    assert judged(demanded()) == (
        False, f"The signature of its publisher is missing, as {CALLED} by the key that is named.",
    )  # fmt: skip
    for here, outside in ((None, Outside({})), (manifest(FILES), None)):
        (found,) = reasons([demanded()], SUBJECT, here, outside, NOW, lambda _: False)
        assert (found.met, "cannot be told" in found.because) == (False, True)
    moved = Outside({About.RELEASE: SUBJECT.digest}, (taken(signature(), "sha256:" + "0" * 64),))
    (found,) = reasons([demanded()], SUBJECT, manifest(FILES), moved, NOW, lambda _: False)
    assert not found.met


def test_a_demand_about_other_releases_asks_nothing_of_this_one() -> None:
    assert list(reasons([demanded(releases=["churn"])], SUBJECT, manifest(FILES), None, NOW, lambda _: False)) == []
    assert not judged(demanded(releases=["churn", "risk"]))[0]


def test_after_its_day_and_once_it_is_revoked_a_signer_counts_no_more() -> None:
    until = demanded(until="2026-11-28")
    assert judged(until, signature())[0]
    met, said = judged(until, signature(), at=NOW + timedelta(days=1))
    assert (met, "counts no more since 2026-11-28" in said) == (False, True)
    met, said = judged(demanded(), signature(), revoked=fingerprint(KEY.public_key()))
    assert (met, "its signer was revoked" in said) == (False, True)


def test_one_file_that_was_signed_by_itself_is_the_release_of_that_one_file_and_of_no_more() -> None:
    alone = {"model.gguf": "a" * 64}
    assert judged(demanded(), signature(files={".": "a" * 64}), files=alone)[0]
    assert not judged(demanded(), signature(files={".": "b" * 64}), files=alone)[0]


def test_files_hashed_by_blake3_count_by_the_manifests_own_and_by_blake2_cannot() -> None:
    def by(algorithm: str, files: dict[str, str]) -> bytes:
        body = payload(CALLED, files).replace(b'"sha256","digest"', b'"%s","digest"' % algorithm.encode())
        body = body.replace(b'"hash_type":"sha256"', b'"hash_type":"%s"' % algorithm.encode())
        return bundled(body, oms.SigningKey(KEY).sign(message(body)), KEY.public_key(), ())

    assert judged(demanded(), by("blake3", BLAKE))[0]
    assert not judged(demanded(), by("blake3", FILES))[0]
    met, said = judged(demanded(), by("blake2b", dict.fromkeys(FILES, "a" * 128)))
    assert (met, "does not know its files" in said) == (False, True)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("root")


def certified(authority: Authority, email: str = EMAIL, name: str = CALLED) -> tuple[bytes, str, Any]:
    key = new_key()
    leaf = authority.leaf(key.public_key(), email)
    return sign_files(name, FILES, oms.SigningKey(key, (leaf,)))[0], fingerprint(key.public_key()), leaf


def test_a_certificate_counts_under_the_root_for_whom_it_names_while_it_does(authority: Authority) -> None:
    root = authority.certificate.public_bytes(Encoding.PEM).decode()
    demand = demanded(keys=None, roots=root, identities=["other@example.com", EMAIL])
    bundle, key, leaf = certified(authority)
    assert judged(demand, bundle) == (True, f"Its publisher has signed it as {CALLED}: certificate of {EMAIL}.")
    assert not judged(demand, bundle, at=NOW + timedelta(hours=1))[0], "it has ended"
    assert not judged(demand, bundle, revoked=key)[0]
    assert not judged(demand, signature())[0], "a bare key is nobody under a root"
    for other in (certified(authority, "eve@example.com")[0], certified(Authority("root"))[0]):
        assert not judged(demand, other)[0]
    lists = authority.revoke().decode()
    assert judged(demanded(keys=None, roots=root, identities=[EMAIL], crl=lists), bundle)[0]
    listed = demanded(keys=None, roots=root, identities=[EMAIL], crl=authority.revoke(leaf).decode())
    assert "was revoked" in judged(listed, bundle)[1]
    old = demanded(keys=None, roots=root, identities=[EMAIL], crl=authority.revoke(at=NOW - timedelta(days=9)).decode())
    assert "cannot be told" in judged(old, bundle)[1], "a list that is old is none"


def test_a_private_services_signature_counts_by_its_log_for_the_identity_and_its_issuer() -> None:
    service = Service()
    root = json.dumps(service.trusted_root())
    bundle = json.dumps(service.sign(CALLED, FILES)).encode()
    demand = demanded(keys=None, trusted_root=root, identities=[EMAIL], issuer=ISSUER)
    later = NOW + timedelta(days=200)
    assert judged(demand, bundle, at=later)[0], "the log dates it: the certificate's ten minutes are over"
    for wrong in ({"identities": ["eve@example.com"]}, {"issuer": "https://evil.example"}):
        assert not judged(
            demanded(
                **{**DEMAND, "keys": None, "trusted_root": root, "identities": [EMAIL], "issuer": ISSUER, **wrong}
            ),
            bundle,
        )[0]
    other = json.dumps(Service().trusted_root())
    assert not judged(demanded(keys=None, trusted_root=other, identities=[EMAIL], issuer=ISSUER), bundle)[0]
    assert not judged(demand, json.dumps(service.sign("acme/risk-2", FILES)).encode())[0]


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "nobody": ({"keys": None}, ""),
    "two kinds of trust": ({"roots": "x", "identities": ["a"]}, ""),
    "anybody under a root": ({"keys": None, "roots": "x"}, ".identities"),
    "a name for a bare key": ({"identities": ["a"]}, ""),
    "a list for a bare key": ({"crl": "x"}, ""),
    "a service without an issuer": ({"keys": None, "trusted_root": "{}", "identities": ["a"]}, ".issuer"),
    "an issuer without a service": ({"keys": None, "roots": "x", "identities": ["a"], "issuer": "i"}, ".issuer"),
    "no key": ({"keys": ["x"]}, ".keys[0]"),
    "two keys in one": ({"keys": [PEM + PEM]}, ".keys[0]"),
    "no root": ({"keys": None, "roots": "x", "identities": ["a"]}, ".roots"),
    "no trusted root": ({"keys": None, "trusted_root": "[]", "identities": ["a"], "issuer": "i"}, ".trusted_root"),
    "no such day": ({"until": "2026-02-30"}, ".until"),
    "another placeholder": ({"signed_as": "{tenant}/{name}"}, ".signed_as"),
    "a brace": ({"signed_as": "{name"}, ".signed_as"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_demand_that_could_not_be_met_or_lets_in_more_than_it_says_is_refused_where_it_is(case: str) -> None:
    with pytest.raises(DocumentError) as error:
        demanded(**BAD[case][0])
    assert error.value.place == f"rules[0].publishers[0]{BAD[case][1]}"


@pytest.mark.parametrize(
    "document", [b'{"dsseEnvelope": 1}', b'{"dsseEnvelope"', signature()[:-2], b" " * MOST_BUNDLE + signature()]
)
def test_what_is_no_signature_of_a_model_is_not_taken_in(document: bytes) -> None:
    assert is_bundle(document)
    with pytest.raises(BadEvidence):
        read(document, NOW)


def test_only_a_signature_that_some_rule_asks_for_is_taken_in() -> None:
    facts, key = taken_in(signature(), NOW, [demanded(signed_as="x"), demanded()], SUBJECT, manifest(FILES))
    assert (facts.tool, key) == (CALLED, fingerprint(KEY.public_key()))
    for demands, said in (
        ([], "name nobody"),
        ([demanded(releases=["churn"])], "name nobody"),
        ([demanded(signed_as="x")], "signed as"),
    ):
        with pytest.raises(BadEvidence, match=said):
            taken_in(signature(), NOW, demands, SUBJECT, manifest(FILES))


NAMES = st.text("abc{}namversio@/-.1", min_size=1, max_size=12)
FILE_SETS = st.dictionaries(
    st.sampled_from(["a.bin", "b.bin", "sub/c.json"]), st.sampled_from(["a" * 64, "b" * 64]), min_size=1
)


@given(FILE_SETS, FILE_SETS, NAMES, NAMES, st.booleans())
def test_it_is_met_by_just_these_files_this_name_and_this_key_and_by_nothing_else(
    files: dict[str, str], signed: dict[str, str], name: str, called: str, ours: bool
) -> None:
    demand = msgspec.convert(DEMAND | {"signed_as": "{name}"}, PublisherDemand)
    subject = Subject(digest=SUBJECT.digest, name=name, version="1")
    bundle = signature(called, signed, KEY if ours else OTHER)
    outside = Outside({About.RELEASE: SUBJECT.digest}, (taken(bundle),))
    (found,) = reasons([demand], subject, manifest(files), outside, NOW, lambda _: False)
    assert found.met is (ours and files == signed and name == called)


OTHER = new_key()


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_bundle_with_any_byte_changed_never_says_that_something_else_was_signed(place: int, by: int) -> None:
    whole = bytearray(signature())
    whole[place % len(whole)] ^= by
    try:
        facts = read(bytes(whole), NOW)
    except (BadEvidence, UnicodeDecodeError):
        return
    outside = Outside({About.RELEASE: SUBJECT.digest}, (msgspec.structs.replace(taken(signature()), facts=facts),))
    (found,) = reasons([demanded()], SUBJECT, manifest(FILES), outside, NOW, lambda _: False)
    if found.met:  # white space, a hint: what is signed is what it was
        assert stated(facts.bundle.encode())[0].payload == stated(signature())[0].payload
