"""Releases signed by keys that stay in the vault, by the commands that people use."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from strongroom.app.rig import Installation
from strongroom.app.testing import RELEASE, ControlPlane
from strongroom.registry.oms import BadSignature, Certificates, PublicKeys
from strongroom.registry.oms.service import verify_statement
from strongroom.vault import Keyring, Purpose, box

Run = Any
RELEASED = f"{RELEASE.name}@{RELEASE.version}"


def issued(request: bytes, *, usage: bool = True, days: int = 1) -> tuple[bytes, bytes]:
    """Return a root, and the chain that it issues to a request."""
    root, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    asked = x509.load_pem_x509_csr(request)
    assert asked.is_signature_valid

    def made(subject: x509.Name, key: Any, *, ca: bool) -> Any:
        return (
            x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2)).not_valid_after(now + timedelta(days=1 if ca else days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=not ca and usage, content_commitment=False, key_encipherment=not ca and not usage,
                    data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False,
                    decipher_only=False,
                ), critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        )  # fmt: skip

    certificate = made(asked.subject, asked.public_key(), ca=False)
    for each in asked.extensions:  # what it is for among them
        other = not usage and isinstance(each.value, x509.ExtendedKeyUsage)
        value = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]) if other else each.value
        certificate = certificate.add_extension(value, each.critical)
    top = made(name, root.public_key(), ca=True).sign(root, hashes.SHA256())
    return top.public_bytes(Encoding.PEM), certificate.sign(root, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_a_release_is_signed_by_a_key_that_stays_in_the_vault_and_verifies_by_its_public_half(
    run: Run, tmp_path: Path
) -> None:
    release = RELEASED
    made = run("vault", "signing-key", "create", "first", "--json")
    assert made.code == 0, made.err
    again = run("vault", "signing-key", "create", "first")
    assert (again.code, "already" in again.err) == (1, True)
    signature = tmp_path / "tiny.sig"
    done = run("model", "sign", release, "--vault-key", "first", "--signature", str(signature), "--json")
    assert done.code == 0, done.err
    assert (done.json["vault_key"], done.json["key_version"], done.json["name"]) == ("first", 1, release)
    found = verify_statement(signature.read_bytes(), PublicKeys.read(made.json["public_key"].encode()))
    assert found.signed.name == release
    shown = run("model", "show", release, "--json").json
    assert shown["digest"] == done.json["digest"]
    assert found.signed.files == {each["path"]: each["sha256"] for each in shown["files"]}
    entries = [
        each for each in run("audit", "list", "--json").json["data"]
        if each["action"] == "model.admit" and each["detail"].get("did") == "signed"
    ]  # fmt: skip
    assert [(each["outcome"], each["detail"]["signing_key"], each["detail"]["key_version"]) for each in entries] == [
        ("allowed", "first", "1")
    ]
    assert entries[0]["detail"]["digest"] == done.json["digest"]


def test_nobody_but_an_operator_has_anything_signed_or_looks_at_the_keys(run: Run, tmp_path: Path) -> None:
    assert run("vault", "signing-key", "create", "guarded").code == 0
    signature = tmp_path / "tiny.sig"
    sign = ("model", "sign", RELEASED, "--vault-key", "guarded", "--signature", str(signature))
    for role in ("approver", "acme-admin", "acme-inference"):
        for words in (
            sign, ("vault", "signing-key", "create", "theirs"), ("vault", "signing-key", "list"),
            ("vault", "signing-key", "show", "guarded"), ("vault", "signing-key", "rotate", "guarded"),
            ("vault", "signing-key", "csr", "guarded", "--subject", "CN=mine"),
        ):  # fmt: skip
            assert run(*words, by=role).code == 1, (role, words)
    assert not signature.exists()
    assert {each["name"] for each in run("vault", "signing-key", "list", "--json").json["data"]} & {"theirs"} == set()
    entries = [
        each
        for each in run("audit", "list", "--limit", "200", "--json").json["data"]
        if each["action"] == "model.admit"
    ]
    assert {"refused"} == {each["outcome"] for each in entries if each["actor"].startswith("approver")}
    assert run(*sign).code == 0, "who may, can"


def test_a_certificate_of_the_key_signs_for_it_and_one_of_another_version_does_not(run: Run, tmp_path: Path) -> None:
    assert run("vault", "signing-key", "create", "certified").code == 0
    request, chain, signature = (tmp_path / name for name in ("key.csr", "chain.pem", "tiny.sig"))
    csr = (
        "vault",
        "signing-key",
        "csr",
        "certified",
        "--subject",
        "CN=models,O=Example",
        "--name",
        "models@example.com",
    )
    asked = run(*csr, "--out", str(request))
    assert asked.code == 0, asked.err
    root, leaf = issued(request.read_bytes())
    chain.write_bytes(leaf + root)
    sign = (
        "model",
        "sign",
        RELEASED,
        "--vault-key",
        "certified",
        "--signature",
        str(signature),
        "--certificates",
        str(chain),
    )
    done = run(*sign)
    assert done.code == 0, done.err
    now = datetime.now(UTC)
    trust = Certificates.read(root, now, "models@example.com")
    assert verify_statement(signature.read_bytes(), trust).signer == "certificate of models@example.com"
    with pytest.raises(BadSignature):
        verify_statement(signature.read_bytes(), Certificates.read(root, now, "other@example.com"))
    signature.unlink()
    other, _ = issued(request.read_bytes())
    expired, server = issued(request.read_bytes(), days=-1)[1], issued(request.read_bytes(), usage=False)[1]
    for broken, said in (
        (b"no certificate", "no certificate"), (root + leaf, "not of this key"), (leaf + other, "do not follow"),
        (expired, "does not count"), (server, "not for signing code"),
    ):  # fmt: skip
        chain.write_bytes(broken)
        refused = run(*sign)
        assert (refused.code, said in refused.err) == (1, True), refused.err
    assert run("vault", "signing-key", "rotate", "certified").code == 0
    chain.write_bytes(leaf)
    refused = run(*sign)
    assert (refused.code, "not of this key" in refused.err) == (1, True)
    assert not signature.exists()


def test_after_a_rotation_the_new_version_signs_and_what_the_old_one_signed_still_verifies(
    run: Run, tmp_path: Path
) -> None:
    first = run("vault", "signing-key", "create", "turned", "--json").json
    old, new = tmp_path / "old.sig", tmp_path / "new.sig"
    sign = ("model", "sign", RELEASED, "--vault-key", "turned", "--signature")
    assert run(*sign, str(old)).code == 0
    turned = run("vault", "signing-key", "rotate", "turned", "--json").json
    assert (turned["version"], [each["version"] for each in turned["versions"]]) == (2, [1, 2])
    assert turned["versions"][0]["public_key"] == first["public_key"] != turned["public_key"]
    assert run(*sign, str(new)).code == 0
    only_new = PublicKeys.read(turned["public_key"].encode())
    both = PublicKeys.read(run("vault", "signing-key", "show", "turned", "--every").out.encode())
    verify_statement(new.read_bytes(), only_new)
    with pytest.raises(BadSignature):
        verify_statement(old.read_bytes(), only_new)
    verify_statement(old.read_bytes(), both)


def test_what_a_vault_cannot_give_is_said_and_nothing_is_written(run: Run, plane: ControlPlane, tmp_path: Path) -> None:
    signature = tmp_path / "tiny.sig"
    sign = ("model", "sign", RELEASED, "--signature", str(signature), "--vault-key")
    none = run(*sign, "none")
    assert (none.code, "no signing key none" in none.err) == (1, True)
    assert run(*sign, "../keyring").code == 1
    assert run("model", "sign", "never@9", "--signature", str(signature), "--vault-key", "none").code == 1
    both = run(*sign, "none", "--key", str(signature))
    assert both.code == 2
    assert run(*sign, "none", "--name", "another").code == 2
    assert run("vault", "signing-key", "create", "away").code == 0
    held = plane.sockets.parent / "vault" / "signing" / "away.json"
    private = b"PRIVATE"
    assert private not in held.read_bytes()
    held.chmod(0o644)  # the embedded keystore is then not there, as a sealed server is not
    away = run(*sign, "away")
    assert (away.code, "can be read or written by others" in away.err) == (3, True)
    assert not signature.exists()
    held.chmod(0o600)
    assert run(*sign, "away").code == 0


def test_a_running_installations_key_is_with_its_supervisor_and_in_no_argument_environment_or_log(
    installation: Installation, inside: Run, tmp_path: Path
) -> None:
    env = {"STRONGROOM_HOME": str(installation.home)}
    made = inside("vault", "signing-key", "create", "live", "--json", env=env)
    assert made.code == 0, made.err
    release = inside("model", "list", "--json", env=env).json["data"][0]
    called, signature = f"{release['name']}@{release['version']}", tmp_path / "live.sig"
    done = inside("model", "sign", called, "--vault-key", "live", "--signature", str(signature), env=env)
    assert done.code == 0, done.err
    found = verify_statement(signature.read_bytes(), PublicKeys.read(made.json["public_key"].encode()))
    assert found.signed.name == called
    places = installation.places
    held = msgspec.json.decode((places.vault / "signing" / "live.json").read_bytes())["versions"]["1"]
    root = Keyring.open(places.keyring).derive(Purpose.VAULT).key_of(Purpose.VAULT, held["root"])
    assert root is not None
    sealed = msgspec.convert(held["sealed"], bytes)
    plain = box.disclose(root, b"strongroom/vault/signing/1", sealed, box.framed("signing", "live", "1"))
    needles = (plain, plain.hex().encode(), base64.b64encode(plain)[:64])
    seen = [
        Path(f"/proc/{each.pid}/{what}").read_bytes()
        for each in installation.processes()
        for what in ("cmdline", "environ")
    ]
    seen += [each.read_bytes() for each in places.logs.rglob("*") if each.is_file()]
    seen += [made.out.encode(), done.out.encode(), installation.printed.encode(), signature.read_bytes()]
    assert any(str(places.home).encode() in each for each in seen), "what is looked for would be seen"
    assert not [needle for needle in needles for each in seen if needle in each]
