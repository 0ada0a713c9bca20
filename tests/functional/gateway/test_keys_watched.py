"""What a key reaches, what it did, and what is told of it: through a real gateway, real records and the real policies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.audit import Entry
from strongroom.custody import Custody
from strongroom.identity.rotation import Rotation
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, Name
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask, AuditReader, Engine, Gate
from strongroom.store import Database
from strongroom.store.testing import TestDatabase
from strongroom.vault import Keyring, Purpose

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

OPERATOR = Principal(role=Role.OPERATOR, name="tests", credential=KeyId(""))
ASK = Ask()
TEST = Environment.TEST


def question(model: str = "tiny") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "CANARY-prompt"}]}


@dataclass
class Watcher:
    plane: Plane
    custody: Custody
    rotation: Rotation
    audit: AuditReader

    async def workload(self, name: str, environment: Environment = TEST) -> Any:
        tenant = self.plane.tenants["acme"]
        await self.plane.identity.create_workload(
            OPERATOR, tenant, environment=environment, name=Name(name), role=Role.INFERENCE, owner="o", ask=ASK
        )
        return await self.key(name, environment)

    async def key(self, name: str, environment: Environment = TEST) -> Any:
        made = await self.plane.identity.create_key(
            OPERATOR, self.plane.tenants["acme"], environment=environment, workload=Name(name), ask=ASK
        )
        await self.plane.known()
        return made

    async def ask(self, key: Any, agent: str = "openai/1.0", model: str = "tiny") -> int:
        answer = await self.plane.ask(body=question(model), key=key.secret, headers=(f"user-agent: {agent}",))
        return answer.status

    async def written(self) -> None:
        async with asyncio.timeout(10):
            while not await self.plane.recorder.flush():  # noqa: ASYNC110 - the database is what is waited for
                await asyncio.sleep(0.05)

    async def signals(self, key: Any) -> list[tuple[str, str]]:
        """Return what was told of a key, oldest first: a first round writes uses, and the next what is news of them."""
        await self.written()
        await self.written()
        entries: list[Entry] = await self.audit.of_tenant(OPERATOR, self.plane.tenants["acme"], ASK, limit=100)
        mine = [each for each in reversed(entries) if each.credential == key.key.id and "signal" in each.detail]
        return [(each.detail["signal"], each.outcome.value) for each in mine]


@pytest.fixture
async def watcher(plane: Plane, shared_database: TestDatabase) -> AsyncGenerator[Watcher]:
    db = await Database.connect(shared_database.control, shared_database.operator)
    gate, clock = Gate(db, Engine.load(), SystemClock()), SystemClock()
    keys = Keyring.open(plane.sockets / "keyring.json").derive(Purpose.KEY_PEPPER)
    yield Watcher(plane, Custody(gate, Engine.load(), clock), Rotation(gate, keys, clock), AuditReader(gate))
    await db.close()


async def test_ending_a_key_stops_its_own_workload_and_nothing_else_as_was_foretold(watcher: Watcher) -> None:
    """K9: what `impact` and `endpoint keys` say before is what happens after."""
    plane, acme = watcher.plane, watcher.plane.tenants["acme"]
    await plane.deploy("acme", "tiny", environment=TEST)
    one, two = await watcher.workload("one"), await watcher.workload("two")
    spare = await watcher.key("two")
    for key in (one, two, spare):  # no engine stands in test: it is asked, and cannot answer
        assert await watcher.ask(key) == 503
    await watcher.written()
    impact = await watcher.custody.impact(OPERATOR, acme, KeyId(one.key.id), ASK)
    assert (impact.stops, impact.other_keys) == (True, ())
    ((name, requests, others),) = [(each.name, each.requests, each.also_asked_by) for each in impact.endpoints]
    assert (name, requests, others) == ("tiny", 1, ("two",))
    assert [(place.address, place.agent) for place in impact.places] == [("127.0.0.1", "openai/1.0")]
    told = await watcher.custody.impact(OPERATOR, acme, KeyId(two.key.id), ASK)
    assert (told.stops, told.other_keys) == (False, (spare.key.id,))
    listed = await watcher.custody.endpoint_keys(OPERATOR, acme, "tiny", TEST, ASK)
    assert {(each.id, each.workload, each.requests) for each in listed} == {
        (one.key.id, "one", 1), (two.key.id, "two", 1), (spare.key.id, "two", 1),
    }  # fmt: skip
    await plane.revoke("acme", one.key.id)
    assert [await watcher.ask(key) for key in (one, two, spare)] == [401, 503, 503]
    assert (await plane.ask(body=question())).status == 200, "dev is another place"
    after = await watcher.custody.endpoint_keys(OPERATOR, acme, "tiny", TEST, ASK)
    assert {each.id for each in after} == {two.key.id, spare.key.id}


async def test_what_a_key_did_is_nobody_elses_to_read(watcher: Watcher) -> None:
    key, globex = await watcher.workload("private"), watcher.plane.tenants["globex"]
    stranger = Principal(role=Role.TENANT_ADMIN, name="a", credential=KeyId("a" * 16), tenant=globex)
    for tenant, kind in ((watcher.plane.tenants["acme"], RefusalKind.HIDDEN), (globex, RefusalKind.HIDDEN)):
        with pytest.raises(Refused) as refused:
            await watcher.custody.impact(stranger, tenant, KeyId(key.key.id), ASK)
        assert refused.value.refusal.kind is kind
    with pytest.raises(Refused):
        await watcher.custody.review(stranger, watcher.plane.tenants["acme"], 14, ASK)


async def test_what_is_new_of_a_key_is_told_once_and_its_first_use_is_not_news(watcher: Watcher) -> None:
    key = await watcher.workload("seen", Environment.DEV)
    assert await watcher.ask(key) == 200
    assert await watcher.signals(key) == []
    assert await watcher.ask(key, agent="openai/2.0") == 200  # the same client, a newer one
    assert await watcher.signals(key) == []
    assert await watcher.ask(key, agent="curl/8.0") == 200
    body = {"model": "vectors", "input": "Hello"}
    assert (await watcher.plane.ask("/v1/embeddings", body, key=key.secret)).status == 200
    expected = [("new-agent", "allowed"), ("new-agent", "allowed"), ("first-use-of-scope", "allowed")]
    assert sorted(await watcher.signals(key)) == sorted(expected)
    assert await watcher.ask(key, agent="curl/8.0") == 200
    assert len(await watcher.signals(key)) == len(expected)


async def test_an_old_key_in_use_after_its_successor_is_told(watcher: Watcher) -> None:
    acme = watcher.plane.tenants["acme"]
    old = await watcher.workload("turning")
    new = await watcher.rotation.rotate(OPERATOR, acme, KeyId(old.key.id), overlap_s=600, ask=ASK)
    await watcher.plane.known()
    await watcher.ask(old)
    assert await watcher.signals(old) == []
    await watcher.ask(new)
    answer = await watcher.plane.ask(body=question(), key=old.secret)
    assert answer.headers["deprecation"].startswith("@")
    assert ("old-key-in-use", "allowed") in await watcher.signals(old)
    found = await watcher.custody.review(OPERATOR, acme, 14, ASK)
    mine = {each.concern for each in found.findings if each.key == old.key.id}
    assert "old-in-use" in mine
