"""What a key reaches, what it did, and what is told of it: through a real gateway, real records and the real policies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from strongroom.audit import Entry
from strongroom.custody import PATIENCE, Custody, Patience
from strongroom.custody.incidents import Incidents
from strongroom.custody.neglect import Neglect
from strongroom.flows import Flows
from strongroom.identity import secretkey
from strongroom.identity.bindings import Bindings
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


def later(hours: int) -> datetime:
    return SystemClock().now() + timedelta(hours=hours)


def question(model: str = "tiny") -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": "CANARY-prompt"}]}


@dataclass
class Watcher:
    plane: Plane
    custody: Custody
    rotation: Rotation
    audit: AuditReader
    incidents: Incidents
    gate: Gate

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
        await self.plane.written()

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
    custody, rotation = Custody(gate, Engine.load(), clock), Rotation(gate, keys, clock)
    incidents = Incidents(gate, custody, plane.identity, rotation, clock)
    yield Watcher(plane, custody, rotation, AuditReader(gate), incidents, gate)
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


async def test_what_comes_with_a_first_use_is_no_news_when_it_is_written_in_the_round_after(watcher: Watcher) -> None:
    """Where a key is used is noted as its request comes, and what for once it was understood: a round may lie between."""
    key = await watcher.workload("slow", Environment.DEV)
    who = watcher.plane.snapshot.directory.authenticate(key.secret, "127.0.0.1")
    assert isinstance(who, Principal)
    uses, flush = watcher.plane.recorder.uses, watcher.plane.recorder.flush
    assert uses.note(who, "127.0.0.1", "openai/1.0", 1.0)
    assert await flush()
    assert uses.scope(who, "chat tiny", 1.0)
    assert await flush()
    assert await watcher.signals(key) == []
    assert uses.scope(who, "embeddings vectors", 2.0)
    assert await flush()
    assert await watcher.signals(key) == [("first-use-of-scope", "allowed")]


class Later(SystemClock):
    """The machine's clock, some days on."""

    def __init__(self, days: float) -> None:
        self._ahead = timedelta(days=days)

    def now(self) -> datetime:
        return super().now() + self._ahead


async def test_a_key_that_nobody_uses_is_told_once_and_again_when_it_was_used_and_left(
    watcher: Watcher, shared_database: TestDatabase
) -> None:
    acme = watcher.plane.tenants["acme"]
    used, never = await watcher.workload("leaving", Environment.DEV), await watcher.workload("waiting", Environment.DEV)
    assert await watcher.ask(used) == 200
    await watcher.written()

    async def looked(days: float) -> list[tuple[str, str]]:
        """Look so many days on; return what the log was told of these two meanwhile."""
        before = len(await told())
        custody = Custody(watcher.gate, Engine.load(), Later(days))
        await Neglect(watcher.gate, custody, Later(days), PATIENCE).watch(acme, ASK)
        return (await told())[before:]

    async def told() -> list[tuple[str, str]]:
        entries = reversed(await watcher.audit.of_tenant(OPERATOR, acme, ASK, limit=200))
        names = {used.key.id: "used", never.key.id: "never"}
        return [
            (names[key], each.detail["signal"])
            for each in entries
            if each.action == "key.find"
            and each.outcome.value == "allowed"
            and (key := each.resource.rpartition("/")[2]) in names
        ]

    assert await looked(0) == []
    assert await looked(2) == [("never", "key-never-used")]
    assert await looked(2.5) == [], "once"
    soon = Patience(stale=dict.fromkeys(Environment, timedelta(days=3)), unused=PATIENCE.unused)
    custody = Custody(watcher.gate, Engine.load(), Later(4))
    neglect = Neglect(watcher.gate, custody, Later(4), soon)
    await asyncio.gather(neglect.watch(acme, ASK), neglect.watch(acme, ASK))
    assert [each for each in await told() if each[0] == "used"] == [("used", "key-stale")], "two looks write one"
    connection = await asyncpg.connect(**shared_database.admin.arguments())
    await connection.execute(
        "UPDATE identity.key_neglect SET told_at = now() - interval '1 day' WHERE key_id = $1", used.key.id
    )  # as if it had been told yesterday, and used since
    await connection.close()
    await neglect.watch(acme, ASK)
    await neglect.watch(acme, ASK)
    assert [each for each in await told() if each[0] == "used"] == [("used", "key-stale")] * 2


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


async def test_of_a_leaked_key_it_is_told_which_classes_of_data_it_could_reach_and_did_touch(watcher: Watcher) -> None:
    plane, acme = watcher.plane, watcher.plane.tenants["acme"]
    leaked, other = await watcher.workload("telling", Environment.DEV), await watcher.workload("apart", Environment.DEV)
    said = [{"role": "user", "content": "Mail jane.roe@example.com and jane.roe@example.com, then john@example.org"}]
    assert (await plane.ask(body={"model": "tiny", "messages": said}, key=leaked.secret)).status == 200
    bystanders = [{"role": "user", "content": "My card is 4111 1111 1111 1111"}]
    assert (await plane.ask(body={"model": "tiny", "messages": bystanders}, key=other.secret)).status == 200
    await watcher.written()
    await Flows(watcher.gate, SystemClock()).watch(acme)
    dealt = await watcher.incidents.key_leak(
        OPERATOR, acme, KeyId(leaked.key.id), freeze=False, rotate=False, reason="on a forum", ask=ASK
    )
    report = dealt.incident.report
    assert report is not None
    reached = {each.name: each.data_classes for each in report.could_reach}
    assert {"text", "email (identifier)", "credit_card (identifier)"} <= set(reached["tiny"]), (
        "what others put there, too"
    )
    assert reached["rows"] == ()
    held = {(each.endpoint, each.direction, each.data): each for each in report.data_touched}
    assert set(held) == {("dev/tiny", "input", "email")}, "the neighbour's card is not this key's"
    assert held["dev/tiny", "input", "email"].findings == 3
    assert held["dev/tiny", "input", "email"].classification == "identifier"
    assert "jane" not in str(report)
    await watcher.incidents.close(OPERATOR, acme, dealt.incident.id, "tried", "none", ASK)


async def test_a_leak_ends_the_key_rotates_its_relatives_and_stays_open_until_its_cause_is_known(
    watcher: Watcher,
) -> None:
    plane, acme = watcher.plane, watcher.plane.tenants["acme"]
    leaked = await watcher.workload("leaky", Environment.DEV)
    relative, other = await watcher.key("leaky", Environment.DEV), await watcher.workload("bystander", Environment.DEV)
    assert await watcher.ask(leaked) == 200
    assert await watcher.ask(leaked, agent="curl/8.0") == 200
    assert await watcher.ask(leaked, model="no-such-model") == 404
    await watcher.written()
    incidents = watcher.incidents
    dealt = await incidents.key_leak(
        OPERATOR, acme, KeyId(leaked.key.id), freeze=False, rotate=True, reason="on a forum", ask=ASK
    )
    await plane.known()
    assert [await watcher.ask(key) for key in (leaked, relative, other)] == [401, 401, 200]  # dev has no overlap
    report = dealt.incident.report
    assert report is not None
    assert (report.key.status, report.tenants, report.frozen) == ("revoked", (str(acme),), False)
    assert {each.name for each in report.could_reach} == {"rows", "tiny", "vectors"}
    did = {(each.endpoint, each.operation): (each.requests, each.refused) for each in report.did_touch}
    assert did == {("dev/tiny", "chat"): (2, 0), ("", "chat"): (1, 1)}
    assert {(each.address, each.agent) for each in report.places} == {
        ("127.0.0.1", "openai/1.0"), ("127.0.0.1", "curl/8.0"),
    }  # fmt: skip
    ((name, outcome, successor),) = [(each.key, each.outcome, each.successor) for each in report.relatives]
    assert (name, outcome) == (relative.key.id, "rotated")
    delivery = dealt.deliveries[relative.key.id]
    bearer = plane.snapshot.directory.authenticate(delivery.token, "127.0.0.1")
    assert isinstance(bearer, Principal)
    opened = await watcher.rotation.open(bearer, delivery.token, ASK)
    assert opened.key.id == successor
    assert await watcher.ask(opened) == 200
    kept = str(await incidents.show(OPERATOR, acme, dealt.incident.id, ASK))
    assert not any(secret in kept for secret in (delivery.token, opened.secret, leaked.secret))

    (listed,) = await incidents.list(OPERATOR, acme, ASK)
    assert (listed.id, listed.status, listed.root_cause) == (dealt.incident.id, "open", None)
    stranger = Principal(role=Role.TENANT_ADMIN, name="a", credential=KeyId("a" * 16), tenant=plane.tenants["globex"])
    for attempt in (
        incidents.show(stranger, acme, listed.id, ASK),
        incidents.close(stranger, acme, listed.id, "x", "", ASK),
        incidents.show(OPERATOR, plane.tenants["globex"], listed.id, ASK),
    ):
        with pytest.raises(Refused) as refused:
            await attempt
        assert refused.value.refusal.kind is RefusalKind.HIDDEN
    closed = await incidents.close(OPERATOR, acme, listed.id, "it stood in a notebook's output", "a scan", ASK)
    assert (closed.status, closed.root_cause) == ("closed", "it stood in a notebook's output")
    assert await incidents.list(OPERATOR, acme, ASK) == []
    assert listed.id in {each.id for each in await incidents.list(OPERATOR, acme, ASK, closed=True)}
    with pytest.raises(Refused) as again:
        await incidents.close(OPERATOR, acme, listed.id, "another", "", ASK)
    assert again.value.refusal.kind is RefusalKind.CONFLICT


async def test_a_frozen_workload_stops_and_nothing_else(watcher: Watcher) -> None:
    acme = watcher.plane.tenants["acme"]
    leaked = await watcher.workload("frozen", Environment.DEV)
    relative, other = await watcher.key("frozen", Environment.DEV), await watcher.workload("warm", Environment.DEV)
    dealt = await watcher.incidents.key_leak(
        OPERATOR, acme, KeyId(leaked.key.id), freeze=True, rotate=True, reason="r", ask=ASK
    )
    await watcher.plane.known()
    assert [await watcher.ask(key) for key in (leaked, relative, other)] == [401, 401, 200]
    assert dealt.incident.report is not None
    assert [(each.key, each.outcome) for each in dealt.incident.report.relatives] == [(relative.key.id, "revoked")]
    assert dealt.deliveries == {}


def signalled(entries: list[Entry], credential: str) -> list[tuple[str, str, str]]:
    return [
        (each.detail["signal"], each.outcome.value, each.action)
        for each in entries
        if each.credential == credential and "signal" in each.detail
    ]


async def test_a_bound_key_is_refused_elsewhere_like_a_dead_one_and_its_tenant_is_told(watcher: Watcher) -> None:
    plane, acme = watcher.plane, watcher.plane.tenants["acme"]
    key = await watcher.workload("tied", Environment.DEV)
    free = await watcher.ask(key, agent="curl/8")

    async def bind(**bound: Any) -> None:
        await watcher.rotation.bind(OPERATOR, acme, KeyId(key.key.id), Bindings(**bound), ASK)
        await plane.known()

    await bind(agents=("OpenAI",), networks=("127.0.0.0/8",))
    right = await watcher.ask(key, agent="OpenAI/Python 2.1")
    wrong = await plane.ask(body=question(), key=key.secret, headers=("user-agent: curl/8",))
    dead = await plane.ask(body=question(), key=secretkey.mint(Role.INFERENCE, Environment.DEV).text)
    assert (free, right, wrong.status, dead.status) == (200, 200, 401, 401)
    assert wrong.error["message"] == dead.error["message"]
    await bind(networks=("10.0.0.0/8",))
    assert await watcher.ask(key) == 401
    await bind(hours=(f"{later(2):%H}:00-{later(3):%H}:00",))
    assert await watcher.ask(key) == 401
    await bind()
    assert await watcher.ask(key) == 200
    told = [signal for signal, outcome in await watcher.signals(key) if outcome == "refused"]
    assert told == ["outside-agent", "outside-network", "outside-hours"]
    with pytest.raises(Refused) as nowhere:
        await bind(countries=("DE",))
    assert "no geo source is configured" in nowhere.value.refusal.tell


async def test_a_key_that_is_bound_to_models_sees_no_other_and_so_does_its_successor(watcher: Watcher) -> None:
    plane, acme = watcher.plane, watcher.plane.tenants["acme"]
    key = await watcher.workload("narrow", Environment.DEV)
    await watcher.rotation.bind(OPERATOR, acme, KeyId(key.key.id), Bindings(models=("tiny",)), ASK)
    new = await watcher.rotation.rotate(OPERATOR, acme, KeyId(key.key.id), ask=ASK)
    await plane.known()
    assert await watcher.ask(new) == 200
    hidden = await plane.ask("/v1/embeddings", {"model": "vectors", "input": "Hello"}, key=new.secret)
    missing = await plane.ask("/v1/embeddings", {"model": "nothing", "input": "Hello"}, key=new.secret)
    assert hidden.status == missing.status == 404
    listed = await plane.ask("/v1/models", method="GET", key=new.secret)
    assert [each["id"] for each in listed.json["data"]] == ["tiny"]
    impact = await watcher.custody.impact(OPERATOR, acme, KeyId(new.key.id), ASK)
    assert [each.name for each in impact.endpoints] == ["tiny"]


async def test_a_dead_key_and_one_that_crosses_over_are_told_to_their_tenant(watcher: Watcher) -> None:
    plane, acme = watcher.plane, watcher.plane.tenants["acme"]
    key = await watcher.workload("crossing", Environment.DEV)
    await plane.deploy("acme", "prod-only", environment=Environment.PROD)
    crossing = await plane.ask(body=question("prod-only"), key=key.secret)
    nothing = await plane.ask(body=question("no-such"), key=key.secret)
    assert crossing.status == nothing.status == 404
    assert crossing.error["message"] == nothing.error["message"]
    await plane.revoke("acme", key.key.id)
    assert await watcher.ask(key) == 401
    await watcher.written()
    entries = await watcher.audit.of_tenant(OPERATOR, acme, ASK, limit=50)
    told = [(signal, outcome) for signal, outcome, _ in signalled(entries, key.key.id)]
    assert told == [("revoked-key-used", "refused"), ("environment-crossing", "refused")]
