"""A key's successor and its delivery, over a real database: what each takes over, what ends, and what a copy is worth."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.identity.model import KeyException
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name, TenantId
from strongroom.kernel.principal import Environment, Principal
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.store import migrate

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

DEV, TEST, PROD = Environment
ASK = Ask()
HOUR = 3600.0


async def place(house: House, environment: Environment = TEST) -> TenantId:
    tenant = await house.tenant("acme")
    await house.workload(tenant, environment)
    return tenant


async def rotate(house: House, tenant: TenantId, key: Any, **how: Any) -> Any:
    made = await house.services.rotation.rotate(INSTALLER, tenant, KeyId(key.id), ask=ASK, **how)
    await house.known()
    return made


async def refused(house: House, tenant: TenantId, key: Any, **how: Any) -> Any:
    with pytest.raises(Refused) as caught:
        await rotate(house, tenant, key, **how)
    return caught.value.refusal


async def test_a_successor_takes_over_and_both_count_until_the_overlap_ends(house: House) -> None:
    acme = await place(house)
    bound = KeyException(reason="here", networks=("127.0.0.0/8",), expires_at=SystemClock().now() + timedelta(days=1))
    old = await house.key(acme, TEST, days=3, label="ci", owner="me", purpose="nightly", exception=bound)
    made = await rotate(house, acme, old.key, overlap_s=HOUR)
    before, after = house.who(old.secret), house.who(made.secret)
    assert before is not None
    assert after is not None
    assert (after.workload, after.role) == (before.workload, before.role)
    assert after.retires_at is None
    assert before.replaced_at is not None
    assert before.retires_at == pytest.approx(before.replaced_at + HOUR)
    assert house.who(made.secret, "10.0.0.1") is None, "the exception's networks hold for the successor"
    new = made.key
    assert (new.label, new.owner, new.purpose, new.exception) == ("ci", "me", "nightly", bound)
    assert new.expires_at - new.created_at == timedelta(days=3)
    assert (made.old.replaced_by, made.old.status) == (new.id, "active")
    shown = await house.services.identity.show_key(INSTALLER, acme, KeyId(old.key.id), ASK)
    assert shown == made.old
    assert made.secret not in repr(made)


@pytest.mark.parametrize(
    ("environment", "how", "param"),
    [
        (DEV, {"overlap_s": 1.0}, "overlap_s"),
        (TEST, {"overlap_s": 24 * HOUR + 1}, "overlap_s"),
        (PROD, {"overlap_s": 72 * HOUR + 1}, "overlap_s"),
        (TEST, {"overlap_s": 1.0, "compromised": True}, "overlap_s"),
        (TEST, {"overlap_s": -1.0}, "overlap_s"),
        (TEST, {"days": 31}, "days"),
        (TEST, {"deliver_s": 10.0}, "deliver_s"),
    ],
)
async def test_an_overlap_is_no_longer_than_its_environment_allows(
    house: House, environment: Environment, how: dict[str, Any], param: str
) -> None:
    acme = await place(house, environment)
    old = await house.key(acme, environment)
    refusal = await refused(house, acme, old.key, **how)
    assert (refusal.kind, refusal.param) == (RefusalKind.INVALID, param)
    assert len(await house.services.identity.list_keys(INSTALLER, acme, ASK)) == 1
    assert house.who(old.secret) is not None


async def test_without_an_overlap_the_old_key_is_dead_at_once(house: House) -> None:
    acme = await place(house)
    old = await house.key(acme, TEST)
    made = await rotate(house, acme, old.key, compromised=True)
    assert (made.old.status, house.who(old.secret), house.who(made.secret) is not None) == ("revoked", None, True)
    assert "compromised" in (made.old.revoked_reason or "")
    for _ in range(2):  # and a key has one successor
        assert (await refused(house, acme, old.key)).kind is RefusalKind.CONFLICT
    plain = await house.key(acme, TEST)
    await rotate(house, acme, plain.key)
    assert "rotate that one" in (await refused(house, acme, plain.key)).tell


async def test_anothers_key_is_not_rotated_by_its_id(house: House) -> None:
    acme, globex = await place(house), await house.tenant("globex")
    theirs = await house.key(acme, TEST)
    refusal = await refused(house, globex, theirs.key)
    assert refusal.kind is RefusalKind.HIDDEN
    held = house.who(theirs.secret)
    assert held is not None
    assert held.retires_at is None


async def test_a_revoked_key_stays_dead_whatever_becomes_of_its_successor(house: House) -> None:
    acme = await place(house)
    old = await house.key(acme, TEST)
    made = await rotate(house, acme, old.key)
    await house.services.identity.revoke_key(INSTALLER, acme, KeyId(old.key.id), "leaked", ASK)
    again = await rotate(house, acme, made.key, overlap_s=60.0)
    assert (house.who(old.secret), house.who(again.secret) is not None) == (None, True)


async def test_a_delivery_opens_once_and_a_copy_of_the_database_opens_none(house: House) -> None:
    acme, rotation = await place(house), house.services.rotation
    made = await house.key(acme, TEST, deliver_s=600.0)
    assert made.secret == ""
    assert made.delivery.token not in repr(made)
    bearer = house.who(made.delivery.token)
    assert isinstance(bearer, Principal)
    async with migrate.administrator(house.database.admin) as connection:
        kept = await connection.fetchrow("select * from identity.delivery")
        assert kept is not None
        assert b"srk_" not in kept["sealed"]
        with pytest.raises(Refused) as elsewhere:  # the row alone, with a token that is well-formed: not its own
            await rotation.open(bearer, made.delivery.token[:-7] + "0" * 7, ASK)
        assert elsewhere.value.refusal.kind is RefusalKind.HIDDEN
        found = await rotation.open(bearer, made.delivery.token, ASK)
        who = house.who(found.secret)
        assert who is not None
        assert who.credential == made.key.id == found.key.id
        assert (await connection.fetchval("select sealed from identity.delivery")) == b""
    with pytest.raises(Refused) as again:
        await rotation.open(bearer, made.delivery.token, ASK)
    assert again.value.refusal.kind is RefusalKind.CONFLICT
    newest = (await house.services.audit.of_tenant(INSTALLER, acme, ASK))[1]
    assert (newest.action, newest.outcome, newest.detail["signal"]) == ("key.open", "refused", "delivery-reopened")
    assert made.key.id in newest.reason


async def test_what_ends_a_key_ends_its_delivery(house: House) -> None:
    acme, identity = await place(house), house.services.identity
    made = await rotate(house, acme, (await house.key(acme, TEST)).key, deliver_s=600.0)
    assert house.who(made.delivery.token) is not None
    await identity.revoke_key(INSTALLER, acme, KeyId(made.key.id), "test", ASK)
    await house.known()
    assert house.who(made.delivery.token) is None
    other = await house.key(acme, TEST, deliver_s=600.0)
    await identity.delete_workload(INSTALLER, acme, TEST, Name("w"), ASK)
    await house.known()
    assert house.who(other.delivery.token) is None
