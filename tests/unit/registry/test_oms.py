"""Model signatures: those that `model-signing` 1.1.1 made hold here, and whatever is not exactly what was signed does not.

`oms/` holds what it signed: the model of `sample`, by bare keys, by a certificate, as a file, with an ignored path, by
BLAKE2b and by shards. `python -m bench.oms` shows the other direction, in an environment of its own.
"""

from __future__ import annotations

import base64
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.registry import dsse, oms
from strongroom.registry.oms.keys import BadKey

GOLDEN = Path(__file__).parent / "oms"
NOW = datetime(2026, 11, 27, tzinfo=UTC)
EMAIL = "models@example.com"


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the model that the golden signatures are of."""
    place = tmp_path / "sample"
    (place / "sub").mkdir(parents=True)
    (place / "config.json").write_text('{"a": 1}')
    (place / "sub" / "weights.txt").write_text("one two three\n")
    return place


def trust(name: str = "key.pem") -> oms.PublicKeys:
    return oms.PublicKeys.read(golden(name))


def verify(model: Path, signature: bytes, trusted: Any = None, name: str = "sample") -> oms.Verified:
    return oms.verify(model, name, signature, trusted or trust())


@pytest.mark.parametrize(
    ("signature", "key"), [("key.sig.json", "key.pem"), ("p384.sig.json", "p384.pem"), ("blake2.sig.json", "key.pem")]
)
def test_a_signature_of_model_signing_holds(signature: str, key: str, model: Path) -> None:
    assert verify(model, golden(signature), trust(key)).signed.files.keys() == {"config.json", "sub/weights.txt"}


def test_a_signature_of_model_signing_over_a_file_holds(model: Path) -> None:
    assert verify(model / "config.json", golden("file.sig.json"), name="config.json").signed.files.keys() == {"."}
    with pytest.raises(oms.BadSignature, match="a directory was signed"):
        verify(model, golden("file.sig.json"), name="config.json")


def test_a_certificate_of_model_signing_holds_under_its_root_at_its_time_for_its_name(model: Path) -> None:
    signature, roots = golden("certificate.sig.json"), golden("root.pem")
    found = verify(model, signature, oms.Certificates.read(roots, NOW, EMAIL))
    assert found.signer == f"certificate of {EMAIL}"
    for at in (NOW - timedelta(days=3650), NOW + timedelta(days=36500)):
        with pytest.raises(oms.BadSignature, match="does not lead to a root"):
            verify(model, signature, oms.Certificates.read(roots, at))
    with pytest.raises(oms.BadSignature, match="somebody else"):
        verify(model, signature, oms.Certificates.read(roots, NOW, "other@example.com"))
    with pytest.raises(oms.BadSignature, match="name the roots"):
        verify(model, signature, trust())


@pytest.mark.parametrize("added", [".gitattributes", ".git/config", "notes.txt", "empty", "model.sig"])
def test_an_added_file_is_refused_whatever_it_is_called_and_whatever_the_signature_says(
    added: str, model: Path
) -> None:
    (model / added).parent.mkdir(exist_ok=True)
    (model / added).write_bytes(b"")
    with pytest.raises((oms.BadSignature, oms.NotAModel)):
        verify(model, golden("ignoring.sig.json"))


def test_the_signature_itself_is_no_part_of_the_model_by_what_it_is_and_not_by_its_name(model: Path) -> None:
    inside = model / "model.sig"
    inside.write_bytes(golden("key.sig.json"))
    assert oms.verify(model, "sample", inside.read_bytes(), trust(), without=inside).signed.name == "sample"
    shutil.copy(inside, model / "copy.sig")
    with pytest.raises(oms.BadSignature, match="added"):
        oms.verify(model, "sample", inside.read_bytes(), trust(), without=inside)


def test_the_same_bytes_under_another_name_are_refused(model: Path) -> None:
    with pytest.raises(oms.BadSignature, match="signed as"):
        verify(model, golden("key.sig.json"), name="other")


def test_files_that_are_changed_gone_swapped_or_renamed_are_refused(model: Path, tmp_path: Path) -> None:
    def tampered(act: Any) -> None:
        place = tmp_path / f"copy{len(list(tmp_path.iterdir()))}"
        shutil.copytree(model, place)
        act(place)
        with pytest.raises((oms.BadSignature, oms.NotAModel)):
            oms.verify(place, "sample", golden("key.sig.json"), trust())

    tampered(lambda place: (place / "config.json").write_text('{"a": 2}'))
    tampered(lambda place: (place / "config.json").unlink())
    tampered(lambda place: (place / "config.json").rename(place / "Config.json"))
    tampered(lambda place: (place / "more").mkdir())
    tampered(lambda place: (place / "more").symlink_to("config.json"))

    def swapped(place: Path) -> None:
        one, two = place / "config.json", place / "sub" / "weights.txt"
        data = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(data)

    tampered(swapped)


def test_a_link_in_the_place_of_a_file_is_refused(model: Path) -> None:
    held = model.with_name("held.json")
    (model / "config.json").rename(held)
    (model / "config.json").symlink_to(held)
    with pytest.raises(oms.NotAModel, match="symbolic link"):
        verify(model, golden("key.sig.json"))


def test_what_is_not_read_here_is_refused_and_not_guessed(model: Path) -> None:
    with pytest.raises(oms.BadSignature, match="shards"):
        verify(model, golden("shards.sig.json"))
    changes: tuple[dict[str, Any], ...] = (
        {"mediaType": "application/vnd.dev.sigstore.bundle.v9+json"},
        {"verificationMaterial": {"certificate": {"rawBytes": "AAAA"}, "tlogEntries": []}},
        {"verificationMaterial": {}},
        {"dsseEnvelope": {"payload": "e30=", "payloadType": "text/plain", "signatures": [{"sig": "AAAA"}]}},
    )
    for change in changes:
        with pytest.raises(oms.BadSignature):
            verify(model, json.dumps(json.loads(golden("key.sig.json")) | change).encode())
    for text in (b"", b"{}", b"[" * 100_000, golden("key.pem")):
        with pytest.raises(oms.BadSignature):
            verify(model, text)


def test_a_payload_that_was_changed_or_signed_by_another_is_refused(model: Path) -> None:
    bundle = json.loads(golden("key.sig.json"))
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload.replace(b"sample", b"simple")).decode()
    with pytest.raises(oms.BadSignature, match="no key that is trusted"):
        oms.verify(model, "simple", json.dumps(bundle).encode(), trust())
    with pytest.raises(oms.BadSignature, match="no key that is trusted"):
        verify(model, golden("key.sig.json"), trust("p384.pem"))


def key() -> oms.SigningKey:
    return oms.SigningKey(ec.generate_private_key(ec.SECP256R1()))


def public(signer: oms.SigningKey) -> oms.PublicKeys:
    return oms.PublicKeys.read(signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def test_a_statement_that_contradicts_itself_is_refused_even_when_it_is_signed() -> None:
    signer = key()
    twice = b'{"name":"a","algorithm":"sha256","digest":"' + b"0" * 64 + b'"}'
    whole = oms.service.payload("m", {"a": "0" * 64})
    for body in (
        whole.replace(twice, twice + b"," + twice),
        whole.replace(b'"name":"a"', b'"name":"../a"'),
        whole.replace(b'"name":"a"', b'"name":".git/config"'),
        whole.replace(b'"files"', b'"shards"'),
        whole.replace(b'"allow_symlinks":false', b'"allow_symlinks":true'),
        whole.replace(b"signature/v1.0", b"signature/v2.0"),
        whole.replace(b"0" * 64, b"1" * 64, 2),
        whole.replace(b'"digest":"' + b"0" * 64, b'"digest":"' + b"1" * 64),
    ):
        assert body != whole
        signature = signer.sign(dsse.encoded(dsse.IN_TOTO, body))
        bundle = oms.bundle.write(body, signature, certificates=(), hint="")
        with pytest.raises(oms.BadSignature):
            oms.service.verify_statement(bundle, public(signer))


def test_what_we_sign_is_what_we_verify_and_a_key_of_another_kind_is_refused(model: Path) -> None:
    signer = key()
    bundle, made = oms.sign(model, "sample", signer)
    assert verify(model, bundle, public(signer)).signed == made.signed
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(BadKey, match="ECDSA"):
        oms.SigningKey.read(other)


def usage(*, signs: bool, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def certificate(
    issuer: x509.Certificate | None, by: oms.SigningKey, of: oms.SigningKey, **wanted: Any
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(wanted.get("name", "signer")))])
    ca = bool(wanted.get("ca"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer else name)
        .public_key(of.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=wanted.get("days", 30)))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(usage(signs=bool(wanted.get("signs", not ca)), ca=bool(wanted.get("issues", ca))), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(of.key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False)
    )
    purpose = wanted.get("purpose", None if issuer is None else ExtendedKeyUsageOID.CODE_SIGNING)
    if purpose is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    return made.sign(by.key, hashes.SHA256())


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({}, None),
        ({"purpose": None}, "not for signing"),
        ({"purpose": ExtendedKeyUsageOID.SERVER_AUTH}, "not for signing"),
        ({"signs": False}, "not for signing"),
        ({"ca": True, "signs": True}, "not for signing"),
        ({"ca": True, "signs": True, "issues": False}, None),
        ({"days": -0.5}, "does not lead"),
    ],
)
def test_a_certificate_counts_for_what_it_is_for(wanted: dict[str, Any], why: str | None, model: Path) -> None:
    root_key, signer = key(), key()
    root = certificate(None, root_key, root_key, name="root", ca=True)
    leaf = certificate(root, root_key, signer, **wanted)
    bundle, _ = oms.sign(model, "sample", oms.SigningKey(signer.key, (leaf,)))
    trusted = oms.Certificates((root,), NOW)
    if why is None:
        assert verify(model, bundle, trusted).signer == "certificate of signer"
        return
    with pytest.raises(oms.BadSignature, match=why):
        verify(model, bundle, trusted)
    private = signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    if why == "not for signing":
        with pytest.raises(BadKey, match="codeSigning"):
            oms.SigningKey.read(private, leaf.public_bytes(Encoding.PEM))


def test_a_certificate_that_is_its_own_root_counts_where_it_is_the_root_and_nowhere_else(model: Path) -> None:
    signer, other = key(), key()
    alone = {"ca": True, "signs": True, "issues": False, "purpose": ExtendedKeyUsageOID.CODE_SIGNING}
    leaf, stranger = certificate(None, signer, signer, **alone), certificate(None, other, other, **alone)
    bundle, _ = oms.sign(model, "sample", oms.SigningKey(signer.key, (leaf,)))
    assert verify(model, bundle, oms.Certificates((leaf,), NOW)).signer == "certificate of signer"
    with pytest.raises(oms.BadSignature, match="does not lead to a root"):
        verify(model, bundle, oms.Certificates((stranger,), NOW))


def test_a_certificate_of_a_version_that_there_is_not_is_refused(model: Path) -> None:
    signer = key()
    data = certificate(None, signer, signer, purpose=ExtendedKeyUsageOID.CODE_SIGNING).public_bytes(Encoding.DER)
    odd = data.replace(bytes.fromhex("a003020102"), bytes.fromhex("a00302015f"), 1)
    assert odd != data
    bundle = json.loads(golden("certificate.sig.json"))
    chain = bundle["verificationMaterial"]["x509CertificateChain"]["certificates"]
    chain[0]["rawBytes"] = base64.b64encode(odd).decode()
    with pytest.raises(oms.BadSignature, match="none that is taken here"):
        verify(model, json.dumps(bundle).encode(), oms.Certificates.read(golden("root.pem"), NOW))
    text = b"-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(odd) + b"-----END CERTIFICATE-----\n"
    with pytest.raises(BadKey, match="no certificate in PEM"):
        oms.Certificates.read(text, NOW)


def test_a_certificate_under_another_root_and_a_signature_by_another_key_are_refused(model: Path) -> None:
    root_key, other_key, signer = key(), key(), key()
    root = certificate(None, root_key, root_key, name="root", ca=True)
    other = certificate(None, other_key, other_key, name="root", ca=True)
    leaf = certificate(root, root_key, signer)
    bundle, _ = oms.sign(model, "sample", oms.SigningKey(signer.key, (leaf,)))
    with pytest.raises(oms.BadSignature, match="does not lead to a root"):
        verify(model, bundle, oms.Certificates((other,), NOW))
    stolen, _ = oms.sign(model, "sample", oms.SigningKey(key().key, (leaf,)))
    with pytest.raises(oms.BadSignature, match="has not signed it"):
        verify(model, stolen, oms.Certificates((root,), NOW))
