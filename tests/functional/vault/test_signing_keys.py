"""Keys that sign models, in both keystores: the embedded one, and a real OpenBao. The private halves stay there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from strongroom.kernel.clock import SystemClock
from strongroom.registry.oms import BadSignature, PublicKeys
from strongroom.registry.oms.service import bundled, message, payload, verify_statement
from strongroom.vault import FileKeystore, Keyring, Keystore, SigningRefused, Use, VaultUnavailable
from strongroom.vault.broker import Broker
from strongroom.vault.openbao import AppRole, OpenBaoKeystore
from strongroom.vault.openbao.testing import Bao
from strongroom.vault.questions import Question
from strongroom.vault.signing import check_signature, request_for, request_signed

BODY: Final = payload("risk@1", {"weights.bin": "a" * 64})
NAME: Final = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "models")])
MOUNT: Final = "strongroom-signing"


@pytest.fixture(params=["embedded", "openbao"])
async def keystore(
    request: pytest.FixtureRequest, tmp_path: Path, bao: Bao, login: AppRole
) -> AsyncGenerator[Keystore]:
    if request.param == "embedded":
        yield FileKeystore(tmp_path / "vault", Keyring.open(tmp_path / "keyring.json"), SystemClock())
        return
    client = bao.client(login)
    yield OpenBaoKeystore(client, SystemClock())
    await client.close()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name of the test's own: the server is shared."""
    return f"k{abs(hash(request.node.nodeid)) % 10**12}"


async def test_a_key_is_made_once_signs_a_model_and_its_signature_is_an_oms_signature(
    keystore: Keystore, name: str
) -> None:
    made = await keystore.signing.make(name)
    with pytest.raises(SigningRefused, match="already"):
        await keystore.signing.make(name)
    assert (await keystore.signing.one(name)) == made
    assert name in [each.name for each in await keystore.signing.every()]
    signature = await keystore.signing.sign(name, 1, message(BODY))
    check_signature(made.current, signature, message(BODY))
    found = verify_statement(
        bundled(BODY, signature, made.current.key, ()), PublicKeys.read(made.current.public_key.encode())
    )
    assert (found.signed.name, found.signed.files) == ("risk@1", {"weights.bin": "a" * 64})
    other = await keystore.signing.make(f"{name}-b")
    with pytest.raises(BadSignature):
        verify_statement(
            bundled(BODY, signature, made.current.key, ()), PublicKeys.read(other.current.public_key.encode())
        )


async def test_after_a_turn_both_versions_are_listed_and_sign_what_they_are_asked(
    keystore: Keystore, name: str
) -> None:
    first = (await keystore.signing.make(name)).current
    turned = await keystore.signing.turn(name)
    assert [each.version for each in turned.versions] == [1, 2]
    assert turned.versions[0].public_key == first.public_key != turned.current.public_key
    check_signature(turned.current, await keystore.signing.sign(name, 2, message(BODY)), message(BODY))
    check_signature(first, await keystore.signing.sign(name, 1, message(BODY)), message(BODY))
    for version in (0, 3, -1):
        with pytest.raises(SigningRefused, match="no version"):
            await keystore.signing.sign(name, version, message(BODY))
    with pytest.raises(SigningRefused, match="no signing key"):
        await keystore.signing.turn("never-made")


async def test_a_request_for_a_certificate_is_of_the_key_and_of_no_other(keystore: Keystore, name: str) -> None:
    key = (await keystore.signing.make(name)).current.key
    names = x509.SubjectAlternativeName([x509.RFC822Name("models@example.com")])
    asked = request_for(key, NAME, names)
    found = request_signed(asked, await keystore.signing.sign(name, 1, asked))
    assert found.is_signature_valid
    assert (found.subject, found.public_key()) == (NAME, key)
    assert found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == names
    theirs = request_for(ec.generate_private_key(ec.SECP256R1()).public_key(), NAME, None)
    with pytest.raises(SigningRefused):
        await keystore.signing.sign(name, 1, theirs)


def certificate() -> bytes:
    """What an authority signs of a certificate: a vault's key is none."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = SystemClock().now()
    return (
        x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now).not_valid_after(now).sign(key, hashes.SHA256()).tbs_certificate_bytes
    )  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        b"", b"\x00" * 32, bytes(range(32)), BODY, b"DSSEv1 28 application/vnd.in-toto+json 3 {}",
        message(BODY) + b" ", message(BODY.replace(b"model_signing", b"slsa.dev/prov")), message(b"[]"), certificate(),
    ],
)  # fmt: skip
async def test_no_digest_and_no_other_document_is_signed_whoever_asks(
    keystore: Keystore, name: str, asked: bytes
) -> None:
    await keystore.signing.make(name)
    with pytest.raises(SigningRefused, match="signs statements about models"):
        await keystore.signing.sign(name, 1, asked)


async def test_a_process_that_does_not_manage_the_vault_has_nothing_signed(keystore: Keystore, name: str) -> None:
    broker = Broker(keystore)
    gateway, control = broker.admit("gateway", list(Use)), broker.admit("control", [], manages=True)
    for verb in ("make_signing_key", "turn_signing_key", "signing_keys", "sign"):
        question = Question(gateway, verb, name=name, version=1, content=message(BODY))
        assert await broker.answer(question) is None
    made = await broker.answer(Question(control, "make_signing_key", name=name))
    assert made is not None
    assert [each.name for each in made.signing] == [name]
    signed = await broker.answer(Question(control, "sign", name=name, version=1, content=message(BODY)))
    assert signed is not None
    check_signature(made.signing[0].current, signed.content, message(BODY))
    refused = await broker.answer(Question(control, "sign", name=name, version=1, content=b"\x00" * 32))
    assert refused is not None
    assert (refused.no, refused.content) == ("refused", b"")
    assert await broker.answer(Question(control, "sign", name="../../keyring", content=message(BODY))) is None
    for each in (made, signed, broker, keystore.signing):
        assert "PRIVATE" not in repr(each)


async def test_openbaos_keys_can_be_taken_out_by_nobody_who_has_our_login(bao: Bao, login: AppRole, name: str) -> None:
    client = bao.client(login)
    keystore = OpenBaoKeystore(client, SystemClock())
    await keystore.signing.make(name)
    for method, path, body in (
        ("GET", f"{MOUNT}/export/signing-key/{name}", None), ("GET", f"{MOUNT}/backup/{name}", None),
        ("POST", f"{MOUNT}/keys/{name}/config", {"exportable": True, "deletion_allowed": True}),
        ("DELETE", f"{MOUNT}/keys/{name}", None), ("DELETE", f"sys/mounts/{MOUNT}", None),
        ("POST", f"{MOUNT}/sign/{name}/sha2-512", {"input": "AAAA"}), ("POST", f"{MOUNT}/sign/{name}", {"input": "AAAA"}),
    ):  # fmt: skip
        with pytest.raises(VaultUnavailable, match="refuses"):
            await client.ask(method, path, body)
    await client.close()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ({"type": "aes256-gcm96"}, "another purpose"), ({"type": "ed25519"}, "another purpose"),
        ({"type": "ecdsa-p384"}, "another purpose"), ({"type": "ecdsa-p256", "exportable": True}, "taken out"),
        ({"type": "ecdsa-p256", "allow_plaintext_backup": True}, "taken out"),
    ],
)  # fmt: skip
async def test_a_key_of_another_purpose_or_one_that_can_be_taken_out_signs_nothing(
    bao: Bao, login: AppRole, name: str, kind: dict[str, object], said: str
) -> None:
    client = bao.client(login)
    keystore = OpenBaoKeystore(client, SystemClock())
    await keystore.signing.make(f"{name}-own")  # the engine is there
    await bao.ask("POST", f"{MOUNT}/keys/{name}", kind)
    with pytest.raises(SigningRefused, match=said):
        await keystore.signing.sign(name, 1, message(BODY))
    with pytest.raises(SigningRefused, match=said):
        await keystore.signing.turn(name)
    await bao.ask("POST", f"{MOUNT}/keys/{name}/config", {"deletion_allowed": True})
    await bao.ask("DELETE", f"{MOUNT}/keys/{name}")
    await client.close()


async def test_the_embedded_keystores_private_halves_lie_sealed_and_each_in_its_own_place(tmp_path: Path) -> None:
    keyring = Keyring.open(tmp_path / "keyring.json")
    keystore = FileKeystore(tmp_path / "vault", keyring, SystemClock())
    one, _ = await keystore.signing.make("one"), await keystore.signing.make("two")
    places = [tmp_path / "vault" / "signing" / f"{name}.json" for name in ("one", "two")]
    assert [place.stat().st_mode & 0o777 for place in places] == [0o600, 0o600]
    documents = [msgspec.json.decode(place.read_bytes()) for place in places]
    swapped = {**documents[0], "versions": documents[1]["versions"]}
    places[0].write_bytes(msgspec.json.encode(swapped))
    with pytest.raises(VaultUnavailable, match="does not open"):
        await keystore.signing.sign("one", 1, message(BODY))
    shown = {**documents[0]["versions"]["1"], "public_key": documents[1]["versions"]["1"]["public_key"]}
    places[0].write_bytes(msgspec.json.encode({**documents[0], "versions": {"1": shown}}))
    with pytest.raises(VaultUnavailable, match="another public key"):
        await keystore.signing.sign("one", 1, message(BODY))
    places[0].write_bytes(msgspec.json.encode(documents[0]))
    await keystore.turn()  # another root: the halves come under it at once
    after = msgspec.json.decode(places[0].read_bytes())
    assert (documents[0]["versions"]["1"]["root"], after["versions"]["1"]["root"]) == (1, 2)
    check_signature(one.current, await keystore.signing.sign("one", 1, message(BODY)), message(BODY))


async def test_while_openbao_is_sealed_nothing_is_signed_and_it_is_said(bao: Bao, login: AppRole, name: str) -> None:
    client = bao.client(login)
    keystore = OpenBaoKeystore(client, SystemClock())
    made = await keystore.signing.make(name)
    await bao.seal()
    try:
        with pytest.raises(VaultUnavailable, match="OpenBao"):
            await keystore.signing.sign(name, 1, message(BODY))
    finally:
        bao.stop()
        await bao.start()  # it unseals itself
    check_signature(made.current, await keystore.signing.sign(name, 1, message(BODY)), message(BODY))
    await client.close()
