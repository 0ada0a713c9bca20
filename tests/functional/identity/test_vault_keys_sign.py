"""What the vault's signing keys sign, and on whose word: in production two people's, and a release that is proven alone."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key
from tests.functional.identity.test_release_admission import RELEASE, SUBJECT, alter, listed

from strongroom.app.seed import INSTALLER
from strongroom.identity.approvals import Request
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.admission.testing import manifest_of
from strongroom.registry.channels.model import RevokedKind
from strongroom.registry.oms import PublicKeys
from strongroom.registry.oms.service import verify_statement
from strongroom.vault import Keyring, Purpose, box

if TYPE_CHECKING:
    from pathlib import Path

    from tests.functional.identity.conftest import House

ASK = Ask()
OPERATOR = Principal(role=Role.OPERATOR, name="op", credential=KeyId("0123456789abcdef"))
OTHER = Principal(role=Role.OPERATOR, name="other", credential=KeyId("2123456789abcdef"))
APPROVER = Principal(role=Role.APPROVER, name="ann", credential=KeyId("1123456789abcdef"))


async def sign(house: House, approved: UUID | None = None, who: Principal = OPERATOR, key: str = "releases") -> Any:
    keys = house.services.vault_keys
    return await keys.second.asked(who, ASK, lambda: keys.sign(who, "m", "1", key, None, ASK, approved))


async def kind(asking: Any) -> RefusalKind:
    with pytest.raises(Refused) as no:
        await asking
    return no.value.refusal.kind


async def approve(house: House, found: Request, who: Principal = APPROVER) -> None:
    await house.services.proposals.decide(who, found.id, "approve", found.digest, "seen", ASK)


async def test_in_production_just_the_signature_that_somebody_else_approved_is_made_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await listed(house)
    keys = house.services.vault_keys
    made = await keys.make(OPERATOR, "releases", ASK)
    await keys.make(OPERATOR, "another", ASK)
    monkeypatch.setattr(keys.second, "demanded", True)
    found = await sign(house)
    assert isinstance(found, Request)
    assert found.subject["summary"] == "sign m@1 with the vault's key releases"
    assert found.subject["digest"] == SUBJECT.digest
    assert await kind(sign(house, found.id)) is RefusalKind.CONFLICT
    for who in (OPERATOR, OTHER):
        assert await kind(approve(house, found, who)) is RefusalKind.FORBIDDEN
    await approve(house, found)
    assert await kind(sign(house, found.id, OTHER)) is RefusalKind.FORBIDDEN
    assert await kind(sign(house, found.id, key="another")) is RefusalKind.CONFLICT
    done = await sign(house, found.id)
    signed = verify_statement(done.signature.encode(), PublicKeys.read(made.public_key.encode())).signed
    assert (signed.name, signed.files) == ("m@1", manifest_of("m").digests)
    assert await kind(sign(house, found.id)) is RefusalKind.CONFLICT
    again = await sign(house)
    await approve(house, again)
    await keys.turn(OPERATOR, "releases", ASK)
    assert await kind(sign(house, again.id)) is RefusalKind.CONFLICT, "another version is another act"
    log = [each for each in await house.services.audit.of_platform(INSTALLER, ASK) if each.action == "model.admit"]
    did = [each for each in log if each.detail.get("did") == "signed" and each.outcome == "allowed"]
    assert [(each.detail["signing_key"], each.detail["key_version"], each.detail["digest"]) for each in did] == [
        ("releases", "1", SUBJECT.digest)
    ]


async def test_no_other_role_signs_makes_or_looks_and_each_attempt_is_recorded(house: House) -> None:
    acme = await listed(house)
    keys = house.services.vault_keys
    await keys.make(OPERATOR, "releases", ASK)
    for role in [each for each in Role if each is not Role.OPERATOR]:
        place: dict[str, Any] = {} if role in {Role.APPROVER, Role.AUDITOR} else {"tenant": acme}
        place |= {"environment": Environment.DEV} if role.is_placed else {}
        who = Principal(role=role, name=f"a-{role}", credential=KeyId("4123456789abcdef"), **place)
        for asking in (
            sign(house, who=who),
            keys.make(who, "theirs", ASK),
            keys.every(who, ASK),
            keys.show(who, "releases", ASK),
            keys.turn(who, "releases", ASK),
            keys.request(who, "releases", "CN=mine", [], ASK),
        ):
            assert await kind(asking) in {RefusalKind.FORBIDDEN, RefusalKind.HIDDEN}, role
    (only,) = await keys.every(OPERATOR, ASK)
    assert (only.name, only.version) == ("releases", 1)
    log = await house.services.audit.of_platform(INSTALLER, ASK, limit=200)
    tried = [each for each in log if each.actor == "auditor/a-auditor"]
    assert [(each.action, each.outcome.value) for each in reversed(tried)] == [
        ("model.admit", "refused"), ("vault.rotate", "refused"), ("vault.read", "refused"), ("vault.read", "refused"),
        ("vault.rotate", "refused"), ("vault.rotate", "refused"),
    ]  # fmt: skip
    assert (await sign(house)).key_version == 1, "who may, can"


async def test_a_request_that_cannot_be_written_is_refused_and_is_no_fault_of_ours(house: House) -> None:
    keys = house.services.vault_keys
    await keys.make(OPERATOR, "releases", ASK)
    subjects = ("", "models", "CN=", "CN=a,,O=b", "C=USA", "C=\u00e9", "CN=" + "a" * 65)
    for subject, names in (
        *((each, []) for each in subjects),
        ("CN=models", ["\u00e9"]),
        ("CN=models", ["http://\u00e9"]),
        ("CN=models", ["a"] * 11),
    ):
        assert await kind(keys.request(OPERATOR, "releases", subject, names, ASK)) is RefusalKind.INVALID, subject


async def test_a_release_that_is_not_proven_or_is_revoked_is_not_signed(house: House) -> None:
    services = house.services
    await services.vault_keys.make(OPERATOR, "releases", ASK)
    assert await services.channels.renew(INSTALLER, ASK) == {}
    await services.registry.admit(INSTALLER, RELEASE, ASK)  # listed, and never scanned
    assert await kind(sign(house)) is RefusalKind.INVALID
    assert await kind(services.vault_keys.sign(OPERATOR, "never", "1", "releases", None, ASK)) is RefusalKind.HIDDEN


async def test_a_verdict_that_does_not_hold_any_more_keeps_a_release_from_being_signed(house: House) -> None:
    services = house.services
    await services.vault_keys.make(OPERATOR, "releases", ASK)
    await listed(house)
    assert (await sign(house)).name == "m@1"
    await alter(house, "UPDATE registry.evidence SET statement = 'x' WHERE kind = 'scan'")
    with pytest.raises(Refused) as no:
        await sign(house)
    assert (
        no.value.refusal.tell == "m@1 is not signed. There is a verdict that this installation's scanner did not sign."
    )


async def test_a_revoked_release_is_not_signed(house: House) -> None:
    services = house.services
    await services.vault_keys.make(OPERATOR, "releases", ASK)
    await listed(house)
    await services.channels.holds.revoke(INSTALLER, RevokedKind.DIGEST, RELEASE.digest, "a test", ASK)
    assert await kind(sign(house)) is RefusalKind.INVALID


async def test_no_private_half_is_in_the_database_an_answer_or_a_log(
    house: House, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await listed(house)
    made = await house.services.vault_keys.make(OPERATOR, "releases", ASK)
    done = await sign(house)
    request = await house.services.vault_keys.request(OPERATOR, "releases", "CN=models", [], ASK)
    held = msgspec.json.decode((tmp_path / "vault" / "signing" / "releases.json").read_bytes())["versions"]["1"]
    root = Keyring.open(tmp_path / "keyring.json").derive(Purpose.VAULT).key(Purpose.VAULT)
    sealed = msgspec.convert(held["sealed"], bytes)
    plain = box.disclose(root, b"strongroom/vault/signing/1", sealed, box.framed("signing", "releases", "1"))
    key = load_der_private_key(plain, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    secret = key.private_numbers().private_value.to_bytes(32, "big")
    rows = await everything(house)
    said = (repr(made), repr(done), repr(request), repr(house.services.vault_keys), caplog.text, rows)
    for needle in (secret.hex(), base64.b64encode(secret).decode(), pem.splitlines()[1]):
        assert not any(needle in each for each in said)
    assert RELEASE.digest in rows, "what is looked for would be seen"


async def everything(house: House) -> str:
    """Return every row of the database, as text."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        tables = await connection.fetch(
            """SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) AS name FROM information_schema.tables
               WHERE table_schema NOT IN ('pg_catalog', 'information_schema') AND table_type = 'BASE TABLE'"""
        )
        rows = [await connection.fetch(f"SELECT t::text AS said FROM {each['name']} t") for each in tables]  # noqa: S608 - quoted
        return "\n".join(row["said"] for found in rows for row in found)
    finally:
        await connection.close()
