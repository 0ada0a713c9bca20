"""`strongroom scan`, as a person or a pipeline runs it."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from tests.unit.registry.sigstore_service import EMAIL, ISSUER, NOW, Service

from strongroom.cli.main import run
from strongroom.registry import dsse, oms
from strongroom.registry.scan.testing.build import call, safetensors, tensor
from strongroom.signatures import SecretKey


@pytest.fixture
def model(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    place.mkdir()
    (place / "model.safetensors").write_bytes(safetensors({"a": tensor(0, 4)}, b"\0" * 4))
    (place / "config.json").write_text('{"model_type": "llama"}')
    return place


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_clean_model_ends_with_zero_and_says_so(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", str(model)]) == 0
    shown = capsys.readouterr()
    assert "model.safetensors" in shown.out
    assert shown.err.startswith("Clean. 2 files")


def test_a_bad_file_ends_with_one_and_the_reason(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "tokenizer.bin").write_bytes(call("posix", "system", "id"))
    assert run(["scan", str(model)]) == 1
    shown = capsys.readouterr()
    assert "posix system" in shown.out
    assert "Refused." in shown.err


def test_the_report_as_json_has_both_digests_of_every_file(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["scan", str(model / "config.json"), "--json"]) == 0
    report = said(capsys)
    assert report["verdict"] == "clean"
    assert [(each["path"], each["kind"]) for each in report["files"]] == [("config.json", "json")]
    assert len(report["files"][0]["sha256"]) == len(report["files"][0]["blake3"]) == 64
    assert report["scanner"]["name"] == "strongroom-scan"


def test_the_report_as_sarif_names_rule_place_and_level(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "model.safetensors").write_bytes(safetensors({"a": tensor(0, 4)}, b"\0" * 9))
    assert run(["scan", str(model), "--sarif"]) == 1
    log = said(capsys)
    assert log["version"] == "2.1.0"
    (one,) = log["runs"][0]["results"]
    driver = log["runs"][0]["tool"]["driver"]
    assert driver["rules"][one["ruleIndex"]]["id"] == one["ruleId"] == "trailing-bytes"
    assert one["level"] == "error"
    assert one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "model.safetensors"


def test_the_verdict_is_signed_over_every_file_with_scanner_and_rules(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = SecretKey.generate()
    (tmp_path / "key.pem").write_text(key.pem())
    (model / "bad.txt").write_bytes(b"\0")
    out = tmp_path / "verdict.json"
    assert run(["scan", str(model), "--key", str(tmp_path / "key.pem"), "--statement", str(out), "--json"]) == 1
    report = said(capsys)
    payload, signer = dsse.verify(out.read_bytes(), [SecretKey.generate().public, key.public])
    assert signer.id == key.public.id
    statement = json.loads(payload)
    assert statement["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert statement["predicate"]["result"] == "FAILED"
    assert statement["predicate"]["failedTests"] == ["bad.txt"]
    assert {each["name"]: each["digest"]["sha256"] for each in statement["predicate"]["configuration"]} == {
        "strongroom-scan": report["scanner"]["digest"],
        "ruleset": report["ruleset"],
    }
    assert {each["name"]: each["digest"]["blake3"] for each in statement["subject"]} == {
        each["path"]: each["blake3"] for each in report["files"]
    }
    changed = json.loads(out.read_bytes())
    changed["payload"] = base64.b64encode(payload.replace(b"FAILED", b"PASSED")).decode()
    with pytest.raises(dsse.BadEnvelope):
        dsse.verify(json.dumps(changed).encode(), [key.public])


@pytest.mark.parametrize(
    "words",
    [
        ["scan"],
        ["scan", "nothing-is-here"],
        ["scan", ".", "--json", "--sarif"],
        ["scan", ".", "--key", "x.pem"],
        ["scan", ".", "--timeout", "0"],
        ["scan", ".", "--unheard-of"],
    ],
)
def test_words_that_make_no_sense_end_with_two(words: list[str]) -> None:
    assert run(words) == 2


def test_what_could_not_be_looked_at_ends_with_three(model: Path) -> None:
    assert run(["scan", str(model), "--require-scanner", "nobody-installed-this"]) == 3
    assert run(["scan", str(model), "--timeout", "0.000001"]) == 3


def test_a_model_is_signed_and_told_from_what_was_not_signed(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    key, public, signature = tmp_path / "key.pem", tmp_path / "key.pub", model / "model.sig"
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert run(["model", "sign", str(model), "--key", str(key), "--signature", str(signature), "--json"]) == 0
    assert said(capsys)["files"] == 2
    verify = ["model", "verify-signature", str(model), "--signature", str(signature), "--public-key", str(public)]
    assert run(verify) == 0
    assert capsys.readouterr().err.startswith("Good.")
    assert run([*verify, "--name", "other"]) == 1
    (model / ".gitattributes").write_text("")
    assert run(verify) == 1
    (model / ".gitattributes").unlink()
    (model / "config.json").write_text("{}")
    capsys.readouterr()
    assert run([*verify, "--json"]) == 1
    assert said(capsys)["because"] == 'the model is not what was signed (changed: "config.json")'
    assert run(verify[:-2]) == 2
    assert run([*verify, "--roots", str(public)]) == 2


def test_a_signature_through_a_private_service_is_verified_by_its_trusted_root_alone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service = Service()
    root, signature, crl = tmp_path / "trusted_root.json", tmp_path / "model.sig", tmp_path / "ca.crl"
    root.write_text(json.dumps(service.trusted_root()))
    signature.write_text(json.dumps(service.sign(model.name, oms.digests(model))))
    verify = ["model", "verify-signature", str(model), "--signature", str(signature), "--trusted-root", str(root)]
    who = ["--identity", EMAIL, "--issuer", ISSUER]
    assert run([*verify, *who]) == 0
    assert EMAIL in capsys.readouterr().out
    assert run([*verify, "--identity", EMAIL, "--issuer", "https://login.other.example"]) == 1
    assert run(verify) == 2
    assert run([*verify, *who, "--at", "2026-11-27"]) == 2
    crl.write_bytes(service.root.revoke() + service.authority.revoke(at=NOW - timedelta(days=400)))
    assert run([*verify, *who, "--crl", str(crl)]) == 1
    assert "cannot be told" in capsys.readouterr().err
    crl.write_text("nothing")
    assert run([*verify, *who, "--crl", str(crl)]) == 2
