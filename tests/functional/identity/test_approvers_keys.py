"""An approver's own key: registered with proof, signs at home, and (where it is demanded) nothing else makes an approval."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.admission import RegistryKeys
from strongroom.registry.admission.model import OwnKeys, Subject
from strongroom.registry.admission.ownkeys import Certificate, Receipt, certified, claim, received
from strongroom.registry.admission.registrar import OwnKey
from strongroom.registry.admission.statements import Terms, approved
from strongroom.registry.admission.testing import prover, release_of
from strongroom.registry.channels.model import RevokedKind
from strongroom.signatures.keys import SecretKey

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

PROD = Environment.PROD
ASK = Ask()
RELEASE = release_of("m")
SUBJECT = Subject(digest=RELEASE.digest, name="m", version="1")
ONE, TWO = (Principal(role=Role.APPROVER, name=name, credential=KeyId("")) for name in ("one", "two"))
MINE, THEIRS = SecretKey.of_seed(b"1" * 32), SecretKey.of_seed(b"2" * 32)


async def opened(house: House, *, trusted: frozenset[str] = frozenset()) -> None:
    """Have a release proven, and approvals demanded by own keys."""
    services = house.services
    services.admission.approvals.rule = OwnKeys(demanded=True, trusted=trusted)
    assert await services.channels.renew(INSTALLER, ASK) == {}
    for who in (ONE, TWO):
        await services.accounts.create(INSTALLER, Name(who.name), Role.APPROVER, ask=ASK)
    await services.registry.admit(INSTALLER, RELEASE, ASK, prover(services.admission, "m"))


async def register(house: House, who: Principal, key: SecretKey, proof: bytes | None = None, days: int = 30) -> OwnKey:
    shown = claim(who.name, key) if proof is None else proof
    return await house.services.registrar.add(who, key.public.pem(), shown.decode(), days, ASK)


def statement(key: SecretKey, who: Principal = ONE, subject: Subject = SUBJECT, **more: Any) -> bytes:
    now = SystemClock().now()
    fields: dict[str, Any] = {
        "approver": who.name, "environment": PROD, "tenant": "*", "expires": now + timedelta(days=5), "reason": "read it",
        "version": subject.version, **more,
    }  # fmt: skip
    return approved(subject, Terms(**fields), now, key)


async def approve(house: House, who: Principal = ONE, made: bytes | None = None) -> Any:
    return await house.services.admission.approve(
        who, "m", "1", PROD, tenant=None, days=30, reason="read it", ask=ASK, statement=made
    )


async def no(kind: RefusalKind, asking: Any) -> str:
    with pytest.raises(Refused) as error:
        await asking
    assert error.value.refusal.kind is kind
    return error.value.refusal.tell


async def said(house: House) -> str:
    shown = await house.services.admission.show(INSTALLER, "m", "1", None, ASK)
    standing = next(each for each in shown.standing if each.environment is PROD)
    return next(reason.because for reason in standing.reasons if reason.demand == "approval")


async def put(house: House, sql: str, *values: object) -> None:
    """Write a row as the database's owner could."""
    connection = await asyncpg.connect(**house.database.admin.arguments())
    try:
        await connection.execute(sql, *values)
    finally:
        await connection.close()


EVIDENCE = """INSERT INTO registry.evidence (release_digest, id, kind, account_id, statement, made_at)
              VALUES ($1, gen_random_uuid(), 'approval', (SELECT id FROM identity.account WHERE name = $2), $3, now())"""


async def test_two_people_approve_with_keys_that_the_installation_never_had(house: House) -> None:
    await opened(house)
    assert "with your own key" in await no(RefusalKind.INVALID, approve(house))
    for who, key in ((ONE, MINE), (TWO, THEIRS)):
        assert (await register(house, who, key)).status == "active"
        await approve(house, who, statement(key, who))
    assert "(one, two)" in await said(house)
    await house.services.channels.promote(INSTALLER, "m", "1", PROD, "approved", ASK)
    listed = await house.services.registrar.list(TWO, ASK)
    assert {(each.approver, each.id) for each in listed} == {("one", MINE.public.id), ("two", THEIRS.public.id)}
    log = await house.services.audit.of_platform(INSTALLER, ASK)
    assert {entry.actor for entry in log if entry.action == "approver.add_key"} == {"approver/one", "approver/two"}


async def test_a_key_is_registered_by_who_holds_it_as_one_persons_once(house: House) -> None:
    await opened(house)
    for proof in (claim("one", THEIRS), claim("two", MINE), b"{}", b""):
        await no(RefusalKind.INVALID, register(house, ONE, MINE, proof))
    await register(house, ONE, MINE)
    await no(RefusalKind.CONFLICT, register(house, ONE, MINE))
    await no(RefusalKind.CONFLICT, register(house, TWO, MINE))
    for role in (Role.OPERATOR, Role.AUDITOR):
        with pytest.raises(Refused):
            await register(house, Principal(role=role, name="one", credential=KeyId("")), THEIRS)


async def test_what_was_signed_must_be_what_is_asked_for_by_a_living_key_of_ones_own(house: House) -> None:
    await opened(house)
    await register(house, ONE, MINE)
    await register(house, TWO, THEIRS)
    other = Subject(digest=f"sha256:{'0' * 64}", name="m", version="1")
    for made in (
        statement(THEIRS),
        statement(SecretKey.of_seed(b"3" * 32)),
        statement(MINE, TWO),
        statement(MINE, subject=other),
        statement(MINE, environment=Environment.DEV),
        statement(MINE, tenant="somebody"),
        statement(MINE, reason="another"),
        statement(MINE, version="2"),
        statement(MINE, expires=SystemClock().now() - timedelta(days=1)),
        statement(MINE, expires=SystemClock().now() + timedelta(days=500)),
        b"{}",
    ):
        await no(RefusalKind.INVALID, approve(house, made=made))
    assert (await said(house)).startswith("0 of 2")
    await approve(house, made=statement(MINE))
    await approve(house, made=statement(MINE))  # twice is once
    assert (await said(house)).startswith("1 of 2 approvals that prod demands of a standard release (one)")


async def test_a_revoked_key_does_not_count_before_or_after(house: House) -> None:
    await opened(house)
    await register(house, ONE, MINE)
    await approve(house, made=statement(MINE))
    await house.services.channels.holds.revoke(INSTALLER, RevokedKind.SIGNER, MINE.public.id, "stolen", ASK)
    assert "by a key that was revoked" in await said(house)
    await no(RefusalKind.INVALID, approve(house, made=statement(MINE)))
    assert [each.status for each in await house.services.registrar.list(ONE, ASK)] == ["revoked"]


async def test_rows_that_somebody_wrote_make_no_approval_and_no_key(house: House) -> None:
    await opened(house)
    await register(house, ONE, MINE)
    account = next(each for each in await house.services.accounts.list(INSTALLER, ASK) if each.name == "one")
    keys, now = RegistryKeys(house.keys), SystemClock().now()
    foreign = SecretKey.of_seed(b"9" * 32)
    # Without a receipt, by a key of the attacker's, with a receipt of the attacker's, derived from the stolen keyring.
    for made, why in (
        (statement(MINE), "not signed by its approver"),
        (received(Receipt(account=account.id, received=now, statement=statement(MINE)), foreign), "not signed by its"),
        (
            received(Receipt(account=account.id, received=now, statement=statement(foreign)), keys.registrar()),
            "not signed by its",
        ),
        (
            received(
                Receipt(account=account.id, received=now + timedelta(days=90), statement=statement(MINE)),
                keys.registrar(),
            ),
            "by a key that had ended",
        ),
        (statement(keys.approver(account.id)), "a key that the installation holds"),
    ):
        await put(house, EVIDENCE, RELEASE.digest, "one", made)
        assert why in await said(house)
        await put(house, "DELETE FROM registry.evidence WHERE kind = 'approval'")
    good = received(Receipt(account=account.id, received=now, statement=statement(MINE)), keys.registrar())
    await put(house, EVIDENCE, RELEASE.digest, "two", good)  # one's approval, in two's name
    assert (await said(house)).startswith("0 of 2")
    forged = Certificate(
        account=account.id, name="one", key=foreign.public.spki, registered=now, expires=now + timedelta(days=9)
    )
    await put(
        house,
        "INSERT INTO registry.approver_key (account_id, key_id, certificate, made_at) VALUES ($1, $2, $3, now())",
        account.id, foreign.public.id, certified(forged, foreign),
    )  # fmt: skip
    await no(RefusalKind.INVALID, approve(house, made=statement(foreign)))
    await approve(house, made=statement(MINE))
    assert (await said(house)).startswith("1 of 2")


async def test_keys_that_the_settings_name_are_the_only_ones_that_count(house: House) -> None:
    await opened(house, trusted=frozenset({THEIRS.public.id}))
    await register(house, ONE, MINE)
    await register(house, TWO, THEIRS)
    await approve(house, made=statement(MINE))
    await approve(house, TWO, statement(THEIRS, TWO))
    assert "1 of 2 approvals" in await said(house)
    assert "a key that the settings do not name" in await said(house)
