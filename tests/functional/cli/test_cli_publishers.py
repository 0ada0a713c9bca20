"""A release that its publisher signed, by the commands that people use: signed elsewhere, demanded, brought with it, explained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from strongroom.registry.scan.testing.build import ARCHITECTURE, gguf
from strongroom.vault.signing import pem_of

Run = Any
RULES = """kind = "approval"

[[rules]]
environments = ["test"]

[[rules.publishers]]
releases = ["signed"]
signed_as = "acme/{{name}}-{{version}}"
keys = ['''{key}''']
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    place.mkdir()
    (place / "model.gguf").write_bytes(gguf([ARCHITECTURE]))
    (place / "README.md").write_text("of a publisher")
    return place


def test_a_publishers_signature_is_brought_with_the_release_and_nothing_else_serves(
    run: Run, inside: Run, model: Path, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    private, rules, good, wrong = (tmp_path / each for each in ("key.pem", "approval.toml", "good.sig", "wrong.sig"))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    sign = ("model", "sign", str(model), "--key", str(private), "--quiet")
    assert inside(*sign, "--name", "acme/signed-1", "--signature", str(good)).code == 0
    assert inside(*sign, "--name", "acme/signed-2", "--signature", str(wrong)).code == 0

    add = ("model", "add", str(model), "--name", "signed", "--version", "1")
    assert run(*add, "--signature", str(tmp_path / "none.sig")).code == 2
    early = run(*add, "--signature", str(good))
    assert (early.code, "name nobody" in early.err) == (1, True), early.err
    rules.write_text(RULES.format(key=pem_of(key.public_key()).strip()))
    assert inside("rules", "check", str(rules)).code == 0
    assert run("rules", "set", str(rules), "--reason", "as agreed").code == 0

    explain = ("model", "explain", "signed@1", "--env", "test")
    missing = "  NO   The signature of its publisher is missing, as acme/signed-1 by the key that is named."
    assert missing in run(*explain).out
    assert "publisher" not in run("model", "explain", "signed@1", "--env", "dev").out
    attach = ("evidence", "add", "--release", "signed@1")
    other = run(*attach, str(wrong))
    assert (other.code, '"acme/signed-1" is demanded' in other.err) == (1, True), other.err
    assert missing in run(*explain).out
    done = run(*attach, str(good))
    assert done.code == 0, done.err
    assert "  yes  Its publisher has signed it as acme/signed-1: key " in run(*explain).out
    (piece,) = run("evidence", "list", "--release", "signed@1", "--json").json["data"]
    assert (piece["form"], piece["tool"]) == ("oms", "acme/signed-1")
    assert run("evidence", "verify", piece["id"]).code == 0
    (model / "README.md").write_text("of a publisher, again")
    assert inside(*sign, "--name", "acme/signed-2", "--signature", str(wrong)).code == 0
    whole = run("model", "add", str(model), "--name", "signed", "--version", "2", "--signature", str(wrong))
    assert whole.code == 0, whole.err
    assert run("evidence", "list", "--release", "signed@2", "--json").json["data"][0]["tool"] == "acme/signed-2"
    assert run("model", "revoke", "--signer", piece["signer"], "--reason", "it was copied").code == 0
    assert "its signer was revoked" in run(*explain).out
    log = [each for each in run("audit", "list", "--json").json["data"] if each["action"] == "evidence.add"]
    assert {each["outcome"] for each in log} == {"allowed", "refused"}
    assert json.loads(good.read_text())["dsseEnvelope"]
