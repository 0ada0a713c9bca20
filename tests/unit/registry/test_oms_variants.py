"""What the specification of model signatures lets signers write otherwise, and what older ones wrote, is read as what it is.

None of it decides who signed: it is beside the key and the statement.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from strongroom.registry import dsse, oms
from strongroom.registry.oms.bundle import write
from strongroom.registry.oms.service import payload

Change = Callable[[dict[str, Any]], object]


@pytest.fixture(params=[ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: str(curve.name))
def signer(request: pytest.FixtureRequest) -> oms.SigningKey:
    return oms.SigningKey(ec.generate_private_key(request.param))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    place = tmp_path / "sample"
    for name in ("config.json", ".cache/weights (copy).bin", "\u6a21\u578b.bin", "\u00e9t\u00e9/empty"):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if path.name == "empty" else name.encode())
    return place


def pem(signer: oms.SigningKey) -> bytes:
    return signer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signed(signer: oms.SigningKey, statement: dict[str, Any], bundle: Change = lambda _: None) -> bytes:
    """Return a bundle as others may write it: the statement indented, and `bundle` changing what is around it."""
    body = json.dumps(statement, indent=2).encode()
    made = json.loads(write(body, signer.sign(dsse.encoded(dsse.IN_TOTO, body)), certificates=(), hint=signer.hint))
    bundle(made)
    return json.dumps(made).encode()


def statement(model: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload("sample", oms.digests(model)))
    return found


def holds(model: Path, bundle: bytes, signer: oms.SigningKey) -> oms.Verified:
    return oms.verify(model, "sample", bundle, oms.PublicKeys.read(pem(signer)))


def older(signer: oms.SigningKey) -> Change:
    """Return what changes a bundle into one of before `hint`: the key's own bytes, and a key id that is null."""

    def change(bundle: dict[str, Any]) -> None:
        raw = base64.b64encode(pem(signer)).decode()
        bundle["verificationMaterial"] = {"publicKey": {"rawBytes": raw, "keyDetails": "PKIX_ECDSA_P256_SHA_256"}}
        bundle["dsseEnvelope"]["signatures"][0]["keyid"] = None

    return change


def others(bundle: dict[str, Any]) -> None:
    """Change a bundle into one without a key id and entries of a log, and with what it does not need."""
    del bundle["dsseEnvelope"]["signatures"][0]["keyid"], bundle["verificationMaterial"]["tlogEntries"]
    bundle["verificationMaterial"]["timestampVerificationData"] = {}


def test_bundles_of_other_programs_and_older_ones_hold(model: Path, signer: oms.SigningKey) -> None:
    whole = statement(model)
    for change in (older(signer), others):
        assert len(holds(model, signed(signer, whole, change), signer).signed.files) == 4
    (model / "config.json").write_bytes(b"changed")
    for change in (older(signer), others):
        with pytest.raises(oms.BadSignature, match=r"config\.json"):
            holds(model, signed(signer, whole, change), signer)


def test_a_key_that_a_bundle_brings_is_not_trusted_for_that(model: Path, signer: oms.SigningKey) -> None:
    stranger = oms.SigningKey(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(oms.BadSignature, match="no key that is trusted"):
        holds(model, signed(stranger, statement(model), older(stranger)), signer)


def test_what_a_statement_holds_beside_the_files_is_passed_over(model: Path, signer: oms.SigningKey) -> None:
    whole = statement(model)
    whole["predicate"]["resources"][0] |= {"uri": "https://models.example.com/a", "annotations": {"a": [1]}}
    whole["predicate"]["serialization"].pop("ignore_paths")
    assert len(holds(model, signed(signer, whole), signer).signed.files) == 4
    whole["predicate"]["serialization"]["ignore_paths"] = ["sample.sig", "later", ".gitignore"]
    bundle = signed(signer, whole)
    assert len(holds(model, bundle, signer).signed.files) == 4
    (model / "later").write_bytes(b"")
    with pytest.raises(oms.BadSignature, match=r"added: .*later"):
        holds(model, bundle, signer)


@pytest.mark.parametrize("called", ["config.json", "."])
def test_a_model_of_one_file_may_be_called_by_its_name(called: str, model: Path, signer: oms.SigningKey) -> None:
    one = model / "config.json"
    (digest,) = oms.digests(one).values()
    bundle = signed(signer, json.loads(payload("sample", {called: digest})))
    assert holds(one, bundle, signer).signed.files == {called: digest}
    other = one.rename(one.with_name("other.json"))
    if called != ".":
        with pytest.raises(oms.BadSignature, match="a directory was signed and this is a file"):
            holds(other, bundle, signer)
    other.write_bytes(b"changed")
    with pytest.raises(oms.BadSignature):
        holds(other.rename(one), bundle, signer)


CHANGES: list[Change] = [
    lambda whole: whole.update(_type="https://in-toto.io/Statement/v0.1"),
    lambda whole: whole.update(predicateType="https://example.com/another/v1.0"),
    lambda whole: whole["predicate"].update(resources=[]),
    lambda whole: whole["predicate"].pop("serialization"),
    lambda whole: whole["predicate"]["serialization"].update(method="shards", shard_size=1 << 20),
    lambda whole: whole["predicate"]["serialization"].update(allow_symlinks=True),
    lambda whole: whole["subject"].append(whole["subject"][0]),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_statement_of_another_kind_is_refused_though_a_trusted_key_signed_it(
    change: Change, model: Path, signer: oms.SigningKey
) -> None:
    whole = statement(model)
    change(whole)
    with pytest.raises(oms.BadSignature, match=r"what was signed|it was signed by shards"):
        holds(model, signed(signer, whole), signer)


def test_bytes_that_are_no_text_are_refused_in_a_bundle_and_in_a_statement(model: Path, signer: oms.SigningKey) -> None:
    whole = signed(signer, statement(model))
    with pytest.raises(oms.BadSignature, match="no Sigstore bundle"):
        holds(model, whole.replace(b"application/vnd.dev", b"application/\x8and.dev"), signer)
    payload = json.dumps(statement(model)).encode().replace(b"sample", b"s\x8ample")
    signature = signer.sign(dsse.encoded(dsse.IN_TOTO, payload))
    with pytest.raises(oms.BadSignature, match="no statement about a model"):
        holds(model, oms.bundle.write(payload, signature, certificates=(), hint=""), signer)
