"""Nothing unscanned, unsigned or unapproved is deployed: every way around it is refused, and the honest one works."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import asyncpg
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.admission import Manifest, RegistryKeys, Risk
from strongroom.registry.admission.model import PROMOTABLE, EvidenceKind, Proof, Subject
from strongroom.registry.admission.statements import Terms, approved
from strongroom.registry.admission.testing import PATH, content, manifest_of, prover, release_of
from strongroom.vault import Keyring, Purpose

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

DEV, TEST, PROD = Environment.DEV, Environment.TEST, Environment.PROD
ASK = Ask()
RELEASE = release_of("m")
SUBJECT = Subject(digest=RELEASE.digest, name="m", version="1")
ONE, TWO = (Principal(role=Role.APPROVER, name=name, credential=KeyId("")) for name in ("one", "two"))


async def listed(house: House, prove: Any = None) -> TenantId:
    """Admit the release, with an approver `one` and one `two`, and return a tenant that would deploy it."""
    services = house.services
    assert await services.channels.renew(INSTALLER, ASK) == {}
    for who in (ONE, TWO):
        await services.accounts.create(INSTALLER, Name(who.name), Role.APPROVER, ask=ASK)
    await services.registry.admit(INSTALLER, RELEASE, ASK, prove or prover(services.admission, "m", author="two"))
    return await house.tenant("acme")


async def approve(house: House, who: Principal, environment: Environment = DEV, **more: Any) -> Any:
    wanted = {"tenant": None, "days": 30, "reason": "looked at it", **more}
    return await house.services.admission.approve(who, "m", "1", environment, ask=ASK, **wanted)


async def deploy(house: House, tenant: TenantId, environment: Environment = DEV) -> None:
    with suppress(Refused):  # what lacks anything else lacks it at its deployment too
        await house.services.channels.promote(INSTALLER, "m", "1", environment, "a test", ASK)
    await house.services.registry.deploy(INSTALLER, tenant, environment, Name(f"m-{environment}"), RELEASE.digest, ASK)


async def refused(house: House, tenant: TenantId, because: str, environment: Environment = DEV) -> None:
    with pytest.raises(Refused) as error:
        await deploy(house, tenant, environment)
    assert error.value.refusal.kind is RefusalKind.FORBIDDEN
    assert because in str(error.value.refusal.tell)
    assert await house.services.registry.list_deployments(INSTALLER, tenant, ASK) == []


async def put(house: House, kind: str, statement: bytes, account: str | None = None) -> None:
    """Write a row as the database's owner could."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        await connection.execute(
            """INSERT INTO registry.evidence (release_digest, id, kind, account_id, statement, made_at)
               VALUES ($1, gen_random_uuid(), $2, (SELECT id FROM identity.account WHERE name = $4), $3, now())""",
            RELEASE.digest, kind, statement, account,
        )  # fmt: skip
    finally:
        await connection.close()


async def alter(house: House, sql: str, *values: object) -> None:
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()


def keys(tmp_path: Path) -> RegistryKeys:
    return RegistryKeys(Keyring.open(tmp_path / "keyring.json").derive(*Purpose))


def foreign(tmp_path: Path) -> RegistryKeys:
    return keys_at(tmp_path / "other.json")


def keys_at(path: Path) -> RegistryKeys:
    return RegistryKeys(Keyring.open(path).derive(*Purpose))


async def test_a_release_is_deployed_once_it_is_scanned_signed_and_approved_and_the_log_says_who(house: House) -> None:
    acme = await listed(house)
    await refused(house, acme, "0 of 1 approvals")
    standing = await approve(house, ONE)
    assert standing.lacks(PROMOTABLE) == ""
    assert standing.refusal() == "It is not promoted to dev."
    await deploy(house, acme)
    log = await house.services.audit.of_platform(INSTALLER, ASK)
    assert [(entry.actor, entry.outcome) for entry in log if entry.action == "model.approve"] == [
        ("approver/one", "allowed")
    ]


async def test_what_was_only_listed_is_deployed_nowhere_and_cannot_be_approved(house: House) -> None:
    services = house.services
    await services.registry.admit(INSTALLER, RELEASE, ASK)
    assert await services.channels.renew(INSTALLER, ASK) == {}
    await services.accounts.create(INSTALLER, Name("one"), Role.APPROVER, ask=ASK)
    acme = await house.tenant("acme")
    await refused(house, acme, "It was never scanned. It was never signed.")
    with pytest.raises(Refused) as error:
        await approve(house, ONE)
    assert "It cannot be approved" in str(error.value.refusal.tell)


async def test_prod_wants_two_people_and_one_person_twice_is_one(house: House) -> None:
    services = house.services
    acme = await listed(house, prover(services.admission, "m"))
    for _ in range(3):
        await approve(house, ONE, PROD)
    await refused(house, acme, "1 of 2 approvals", PROD)
    await approve(house, TWO, PROD)
    await deploy(house, acme, PROD)


async def test_nobody_approves_their_own(house: House) -> None:
    acme = await listed(house)
    with pytest.raises(Refused) as error:
        await approve(house, TWO)
    assert error.value.refusal.tell == "Who made a release does not approve it."
    await refused(house, acme, "0 of 1")


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.TENANT_ADMIN, Role.INFERENCE])
async def test_only_approvers_approve(role: Role, house: House) -> None:
    acme = await listed(house)
    whose: dict[str, Any] = {} if role is Role.OPERATOR else {"tenant": acme}
    place: dict[str, Any] = {"environment": DEV, "workload": UUID(int=1)} if role is Role.INFERENCE else {}
    with pytest.raises(Refused):
        await approve(house, Principal(role=role, name="one", credential=KeyId(""), **whose, **place))


async def test_an_approval_counts_for_its_environment_and_its_tenant(house: House) -> None:
    acme = await listed(house)
    globex = await house.tenant("globex")
    await approve(house, ONE, DEV, tenant=globex)
    await refused(house, acme, "one for another tenant")
    await deploy(house, globex)
    await refused(house, acme, "0 of 1 approvals", TEST)


async def test_an_approver_who_is_none_any_more_does_not_count(house: House) -> None:
    acme = await listed(house)
    await approve(house, ONE)
    await house.services.accounts.delete(INSTALLER, Name("one"), ASK)
    await refused(house, acme, "who is no approver any more")


async def test_an_approval_that_was_made_by_hand_or_has_ended_does_not_count(house: House, tmp_path: Path) -> None:
    acme = await listed(house)
    account = next(each for each in await house.services.accounts.list(INSTALLER, ASK) if each.name == "one")
    now = SystemClock().now()

    def statement(signer: RegistryKeys, subject: Subject = SUBJECT, *, days: int = 30, by: str = "one") -> bytes:
        terms = Terms(by, DEV, "*", now + timedelta(days=days), "because", subject.version)
        return approved(subject, terms, now, signer.approver(account.id))

    for made, why in (
        (b"approved", "not signed by its approver"),
        (statement(foreign(tmp_path)), "not signed by its approver"),
        (statement(keys(tmp_path), days=-1), "that has ended"),
        (statement(keys(tmp_path), Subject(digest=RELEASE.digest, name="m", version="2")), "another release"),
        (statement(keys(tmp_path), Subject(digest=f"sha256:{'0' * 64}", name="m", version="1")), "another release"),
        (statement(keys(tmp_path), by="two"), "two, who made it"),
    ):
        await put(house, "approval", made, "one")
        await refused(house, acme, why)
    await put(house, "approval", statement(keys(tmp_path)), "two")  # one's statement, in two's name
    await refused(house, acme, "0 of 1")
    await put(house, "approval", statement(keys(tmp_path)), "one")
    await deploy(house, acme)


async def test_rows_that_somebody_edited_count_for_nothing(house: House) -> None:
    acme = await listed(house)
    await approve(house, ONE)
    manifest = Manifest((manifest_of("m").files[0],), 2).encoded().replace(b"model.txt", b"other.txt")
    edits: tuple[tuple[str, tuple[object, ...], str], ...] = (
        (
            "UPDATE registry.evidence SET statement = $1 WHERE kind = 'manifest'",
            (manifest,),
            "no manifest with the digest",
        ),
        ("UPDATE registry.evidence SET statement = $1 WHERE kind = 'scan'", (b"PASSED",), "scanner did not sign"),
        (
            "UPDATE registry.evidence SET statement = $1 WHERE kind = 'signature'",
            (b"{}",),
            "signature that does not hold",
        ),
        ("UPDATE registry.evidence SET statement = $1 WHERE kind = 'approval'", (b"{}",), "not signed by its approver"),
        ("DELETE FROM registry.evidence WHERE kind = 'scan'", (), "never scanned"),
        ("UPDATE registry.release SET version = '2'", (), "another release"),
    )
    for sql, values, why in edits:
        connection = await asyncpg.connect(**house.database.admin.arguments())
        try:
            kept = await connection.fetch("SELECT * FROM registry.evidence")
            await connection.execute(sql, *values)
            await refused(house, acme, why)
            await connection.execute("UPDATE registry.release SET version = '1'")
            await connection.execute("DELETE FROM registry.evidence")
            await connection.executemany(
                """INSERT INTO registry.evidence (release_digest, id, kind, account_id, statement, made_at)
                   VALUES ($1, $2, $3, $4, $5, $6)""",
                [
                    tuple(row[name] for name in ("release_digest", "id", "kind", "account_id", "statement", "made_at"))
                    for row in kept
                ],
            )
        finally:
            await connection.close()
    await deploy(house, acme)


async def test_a_verdict_that_refuses_is_about_other_files_or_of_other_rules_does_not_count(
    house: House, tmp_path: Path
) -> None:
    services = house.services
    bad = tmp_path / "bad.txt"
    bad.write_bytes(content("m"))
    good = services.admission.prove(SUBJECT, manifest_of("m").encoded(), {PATH: bad}, "two", Risk.STANDARD)
    bad.write_bytes(b"\x80\x04N.")
    refusing = services.admission.prove(SUBJECT, manifest_of("m").encoded(), {PATH: bad}, "two", Risk.STANDARD)
    acme = await listed(house, lambda _: Proof(manifest=good.manifest, scan=refusing.scan, signature=good.signature))
    await refused(house, acme, "about other files")
    await put(house, EvidenceKind.SCAN, good.scan)
    await refused(house, acme, "0 of 1 approvals")
    services.admission._ruleset = hashlib.sha256(b"tomorrow").hexdigest()
    await refused(house, acme, "it must be scanned again")


async def test_a_release_is_shown_with_its_files_and_every_reason(house: House) -> None:
    await listed(house)
    await approve(house, ONE, TEST)
    shown = await house.services.admission.show(ONE, "m", "1", None, ASK)
    assert [each.path for each in shown.files] == [PATH]
    assert {each.environment: not each.lacks(PROMOTABLE) for each in shown.standing} == {
        DEV: False,
        TEST: True,
        PROD: False,
    }
    assert [reason.demand for reason in shown.standing[0].reasons] == [
        "manifest",
        "scan",
        "signature",
        "approval",
        "revocation",
        "channel",
    ]
    with pytest.raises(Refused) as error:
        await house.services.admission.show(ONE, "m", "9", None, ASK)
    assert error.value.refusal.kind is RefusalKind.HIDDEN


async def test_a_tenant_is_told_of_no_approval_for_another(house: House) -> None:
    acme, globex = await listed(house), await house.tenant("globex")
    await approve(house, ONE)
    await approve(house, ONE, tenant=acme, reason="acme asked for it")
    await approve(house, ONE, tenant=globex, reason="globex asked for it")

    async def told(who: Principal) -> set[str]:
        return {each.reason for each in (await house.services.overview.dossier(who, "m", "1", None, ASK)).words}

    assert "globex asked for it" in await told(ONE), "the positive control"
    mine = Principal(role=Role.TENANT_ADMIN, name="acme-admin", credential=KeyId(""), tenant=acme)
    assert await told(mine) == {"looked at it", "acme asked for it"}
