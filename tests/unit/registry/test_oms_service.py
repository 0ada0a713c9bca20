"""Signatures through a private Sigstore service, and certificates that were revoked: offline, by what the caller trusts alone."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.unit.registry.sigstore_service import EMAIL, ISSUER, NOW, Authority, Service, b64, new_key

from strongroom.registry import oms
from strongroom.registry.oms.keys import BadKey
from strongroom.registry.oms.revoked import BadList


@pytest.fixture(scope="module")
def service() -> Service:
    return Service()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    place = tmp_path / "sample"
    place.mkdir()
    (place / "config.json").write_text('{"a": 1}')
    return place


def trust(root: dict[str, Any], identity: str = EMAIL, issuer: str = ISSUER, **more: Any) -> oms.SigstoreRoot:
    return oms.SigstoreRoot.read(json.dumps(root).encode(), identity, issuer, **more)


def verify(model: Path, bundle: Any, trusted: Any) -> oms.Verified:
    return oms.verify(model, "sample", json.dumps(bundle).encode(), trusted)


def test_what_a_private_service_certified_and_logged_holds(service: Service, model: Path) -> None:
    bundle = service.sign("sample", oms.digests(model))
    found = verify(model, bundle, trust(service.trusted_root()))
    assert found.signer == f"certificate of {EMAIL}"
    with pytest.raises(oms.BadSignature, match="name its trusted root"):
        verify(model, bundle, oms.Certificates((service.root.certificate,), NOW))
    (model / "config.json").write_text("{}")
    with pytest.raises(oms.BadSignature, match="changed"):
        verify(model, bundle, trust(service.trusted_root()))


def entry_of(bundle: Any) -> Any:
    return bundle["verificationMaterial"]["tlogEntries"][0]


def swap(bundle: Any, place: str, value: Any) -> None:
    *way, last = place.split(".")
    found = entry_of(bundle)
    for each in way:
        found = found[each]
    found[last] = value


OTHER = b64(b"x" * 32)
TAMPERED: dict[str, tuple[Callable[[Any], None], str]] = {
    "no entry": (lambda each: each["verificationMaterial"].pop("tlogEntries"), "not just one entry"),
    "two entries": (
        lambda each: each["verificationMaterial"]["tlogEntries"].append(entry_of(each)),
        "not just one entry",
    ),
    "no promise": (lambda each: entry_of(each).pop("inclusionPromise"), "not just one entry"),
    "no proof": (lambda each: entry_of(each).pop("inclusionProof"), "not just one entry"),
    "another time": (lambda each: swap(each, "integratedTime", str(int(NOW.timestamp()) + 60)), "not promised it"),
    "another number": (lambda each: swap(each, "logIndex", "42"), "not promised it"),
    "a forged promise": (lambda each: swap(each, "inclusionPromise.signedEntryTimestamp", OTHER), "not promised it"),
    "another log": (lambda each: swap(each, "logId.keyId", OTHER), "log is none that is trusted"),
    "another place": (lambda each: swap(each, "inclusionProof.logIndex", "2"), "proof does not hold"),
    "another root": (lambda each: swap(each, "inclusionProof.rootHash", OTHER), "another tree"),
    "another size": (lambda each: swap(each, "inclusionProof.treeSize", "4"), "another tree"),
    "no hashes": (lambda each: swap(each, "inclusionProof.hashes", []), "proof does not hold"),
    "no checkpoint": (lambda each: swap(each, "inclusionProof.checkpoint.envelope", ""), "checkpoint is none"),
    "an unsigned checkpoint": (
        lambda each: swap(each, "inclusionProof.checkpoint.envelope", "log.example - 7\n3\nAAAA\n\n"),
        "checkpoint is not signed",
    ),
    "another kind": (lambda each: swap(each, "kindVersion.kind", "intoto"), "kind that is not read"),
    "another body": (lambda each: swap(each, "canonicalizedBody", b64(b"{}")), "none that is read"),
    "another signature": (
        lambda each: each["dsseEnvelope"]["signatures"][0].update(sig=b64(b"x" * 70)),
        "of another signature",
    ),
    "another payload": (lambda each: each["dsseEnvelope"].update(payload=b64(b"{}")), "of another signature"),
    "a chain beside": (
        lambda each: each["verificationMaterial"].update(x509CertificateChain={"certificates": []}),
        "neither one key nor one chain",
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_was_changed_on_the_way_does_not_hold(case: str, service: Service, model: Path) -> None:
    change, because = TAMPERED[case]
    bundle = copy.deepcopy(service.sign("sample", oms.digests(model)))
    change(bundle)
    with pytest.raises(oms.BadSignature, match=because):
        verify(model, bundle, trust(service.trusted_root()))


def test_another_identity_issuer_service_or_time_does_not_count(service: Service, model: Path) -> None:
    files = oms.digests(model)
    bundle, root = service.sign("sample", files), service.trusted_root()
    for trusted, because in (
        (trust(root, identity="other@example.com"), "names somebody else"),
        (trust(root, issuer="https://login.other.example"), "another issuer"),
        (trust(Service().trusted_root()), "log is none that is trusted"),
        (trust(root | {"tlogs": root["tlogs"], **_authorities(Service())}), "does not lead to a root"),
        (trust(service.trusted_root(end=NOW - timedelta(hours=1))), "was not at that time"),
        (trust(root | _authorities(service, end=NOW - timedelta(hours=1))), "no certificate authority was trusted"),
    ):
        with pytest.raises(oms.BadSignature, match=because):
            verify(model, bundle, trusted)
    late = copy.deepcopy(bundle)
    envelope = late["dsseEnvelope"]
    late["verificationMaterial"]["tlogEntries"] = [
        service.entry(
            oms_payload(envelope), oms_signature(envelope), service.certificate, at=NOW + timedelta(minutes=6)
        )
    ]
    with pytest.raises(oms.BadSignature, match="does not lead to a root"):  # the certificate had ended by then
        verify(model, late, trust(root))
    nobody = service.authority.leaf(service.signer.public_key(), issuer="")
    for named in (ISSUER, ""):  # a variable that was not set names nobody, and nobody vouched
        with pytest.raises(oms.BadSignature, match="another issuer"):
            verify(model, service.sign("sample", files, nobody), trust(root, issuer=named))
    stolen = service.authority.leaf(new_key().public_key())
    with pytest.raises(oms.BadSignature, match="has not signed it"):
        verify(model, service.sign("sample", files, stolen), trust(root))


def _authorities(service: Service, **more: Any) -> dict[str, Any]:
    return {"certificateAuthorities": service.trusted_root(**more)["certificateAuthorities"]}


def oms_payload(envelope: dict[str, Any]) -> bytes:
    return base64.b64decode(envelope["payload"])


def oms_signature(envelope: dict[str, Any]) -> bytes:
    return base64.b64decode(envelope["signatures"][0]["sig"])


@pytest.mark.parametrize(
    "bad",
    [b"", b"{}", b"[" * 100_000, b'{"mediaType": "x", "tlogs": [], "certificateAuthorities": []}'],
)
def test_what_is_no_trusted_root_is_refused(bad: bytes) -> None:
    with pytest.raises(BadKey):
        oms.SigstoreRoot.read(bad, EMAIL, ISSUER)


def test_a_trusted_root_of_another_version_is_refused(service: Service) -> None:
    with pytest.raises(BadKey, match="version"):
        trust(service.trusted_root() | {"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=9"})


def lists(*found: bytes) -> oms.RevocationLists:
    return oms.RevocationLists.read(b"".join(found), NOW)


def test_a_certificate_counts_only_by_lists_that_count_today(service: Service, model: Path) -> None:
    bundle, root, authority = service.sign("sample", oms.digests(model)), service.trusted_root(), service.authority
    whole = service.root.revoke(), authority.revoke()
    assert verify(model, bundle, trust(root, revoked=lists(*whole))).signer == f"certificate of {EMAIL}"
    partial = x509.IssuingDistributionPoint(
        full_name=None, relative_name=None, only_contains_user_certs=True, only_contains_ca_certs=False,
        only_some_reasons=None, indirect_crl=False, only_contains_attribute_certs=False,
    )  # fmt: skip
    for found, because in (
        ((service.root.revoke(), authority.revoke(service.certificate)), "was revoked"),
        ((service.root.revoke(authority.certificate), authority.revoke()), "was revoked"),
        ((service.root.revoke(),), "cannot be told"),
        ((authority.revoke(),), "cannot be told"),
        ((service.root.revoke(), authority.revoke(at=NOW - timedelta(days=8))), "cannot be told"),
        ((service.root.revoke(), authority.revoke(at=NOW + timedelta(days=1))), "cannot be told"),
        ((service.root.revoke(), authority.revoke(key=new_key())), "cannot be told"),
        ((service.root.revoke(), authority.revoke(extensions=[partial])), "cannot be told"),
        ((service.root.revoke(), Authority("between").revoke()), "cannot be told"),
    ):
        with pytest.raises(oms.BadSignature, match=because):
            verify(model, bundle, trust(root, revoked=lists(*found)))
    newer_says_otherwise = lists(*whole, authority.revoke(service.certificate))
    with pytest.raises(oms.BadSignature, match="was revoked"):
        verify(model, bundle, trust(root, revoked=newer_says_otherwise))


def test_lists_bind_a_chain_of_a_private_authority_too(service: Service, model: Path) -> None:
    chain = (service.certificate, service.authority.certificate)
    bundle, _ = oms.sign(model, "sample", oms.SigningKey(service.signer, chain))
    roots = service.root.certificate.public_bytes(Encoding.PEM)
    whole = lists(service.root.revoke(), service.authority.revoke())
    assert oms.verify(model, "sample", bundle, oms.Certificates.read(roots, NOW, EMAIL, whole)).signer
    gone = lists(service.root.revoke(), service.authority.revoke(service.certificate))
    with pytest.raises(oms.BadSignature, match="was revoked"):
        oms.verify(model, "sample", bundle, oms.Certificates.read(roots, NOW, EMAIL, gone))
    with pytest.raises(BadList):
        lists(b"nothing")
