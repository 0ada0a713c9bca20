"""A key that opens nothing, anywhere: who uses it hears what anybody hears, and whose it is has an incident."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.kernel.ids import KeyId
from strongroom.kernel.refusal import Refusal, Refused
from strongroom.policy import Ask

if TYPE_CHECKING:
    from tests.functional.identity.conftest import House

    from strongroom.kernel.ids import TenantId

ASK = Ask()
HERE = "127.0.0.1"


async def opened(house: House, tenant: TenantId) -> list[Any]:
    return [each for each in await house.services.incidents.list(INSTALLER, tenant, ASK) if each.kind == "honeytoken"]


async def test_a_honeytoken_opens_nothing_says_nothing_and_raises_an_incident(house: House) -> None:
    acme = await house.tenant("acme")
    await house.workload(acme)
    bait, real = await house.key(acme, honeytoken=True), await house.key(acme)
    assert bait.key.honeytoken
    assert not real.key.honeytoken
    assert house.who(real.secret) is not None, "the control: a key that is none works"
    directory = house.services.directory
    told = directory.authenticate(bait.secret, HERE)
    wrong = directory.authenticate(real.secret[:-8] + "0" * 8, HERE)
    assert isinstance(told, Refusal)
    assert isinstance(wrong, Refusal)
    assert (told.kind, told.tell, told.code, told.param) == (wrong.kind, wrong.tell, wrong.code, wrong.param)
    assert told.signal == "honeytoken-used"
    assert not directory.counts(KeyId(bait.key.id))
    assert isinstance(directory.still(KeyId(bait.key.id), HERE), Refusal)

    assert await opened(house, acme) == []
    for _ in range(3):
        with pytest.raises(Refused) as refused:
            await house.services.door.admit(bait.secret, "198.51.100.7", from_peer("198.51.100.7"))
        assert refused.value.refusal.tell == wrong.tell
    async with asyncio.timeout(10):
        while not (found := await opened(house, acme)):  # noqa: ASYNC110 - another transaction writes it, and tells nobody
            await asyncio.sleep(0)
    assert len(found) == 1, "one is open at a time"
    assert found[0].subject == bait.key.id
    assert found[0].opened_by == "detection"
    shown = await house.services.incidents.show(INSTALLER, acme, found[0].id, ASK)
    assert shown.report is None
    log = await house.services.audit.of_tenant(INSTALLER, acme, ASK)
    use = next(each for each in log if each.detail.get("signal") == "honeytoken-used")
    assert (use.credential, use.detail["peer"]) == (bait.key.id, "198.51.100.7")
    assert bait.secret not in str(log)

    closed = await house.services.incidents.close(INSTALLER, acme, found[0].id, "it lay in a repository", "", ASK)
    assert closed.status == "closed"


def from_peer(peer: str) -> Ask:
    return Ask(request_id="req_test", detail={"peer": peer})


async def test_what_takes_the_place_of_a_honeytoken_is_one(house: House) -> None:
    acme = await house.tenant("acme")
    await house.workload(acme)
    bait = await house.key(acme, honeytoken=True)
    rotated = await house.services.rotation.rotate(INSTALLER, acme, KeyId(bait.key.id), ask=ASK)
    await house.known()
    assert rotated.key.honeytoken
    assert rotated.secret
    assert house.who(rotated.secret) is None
