"""What is taken out of a tenant's stores, counted by a real database: a sweep is stopped, an honest reader is served."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from strongroom.app.dryrun import stopped
from strongroom.audit.reading import Wanted
from strongroom.flows.service import declares
from strongroom.gateway.reading import RecordReader, RecordRow
from strongroom.gateway.record_seals import RecordSealer
from strongroom.gateway.tables import Common, RequestRecord, insert_records
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Elevation, Principal, Role
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Ask, AuditReader, Engine, Gate, LogReader
from strongroom.rules import Level, Rulebook
from strongroom.rules.documents import PREFIX, RulesDocument
from strongroom.rules.exports import EXPORTS
from strongroom.rules.kind import encode
from strongroom.rules.resolve import Held
from strongroom.rules.taken import Taken, TakenReader
from strongroom.rules.taking import Taking
from strongroom.store import Appender, Database, migrate
from strongroom.store.feed import FeedEntry
from strongroom.store.sealer import Sealer
from strongroom.store.testing import TestDatabase

ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))
ASK = Ask()
OPERATOR = Principal(role=Role.OPERATOR, name="op", credential=KeyId("0123456789abcdef"))
ANN = Principal(role=Role.TENANT_ADMIN, name="ann", credential=KeyId("1123456789abcdef"), tenant=ACME)
BEN = Principal(role=Role.TENANT_ADMIN, name="ben", credential=KeyId("2123456789abcdef"), tenant=ACME)
EVE = Principal(role=Role.TENANT_ADMIN, name="eve", credential=KeyId("3123456789abcdef"), tenant=GLOBEX)
TEN: dict[str, Any] = {"surfaces": ["records"], "rows_per_hour": 10}


class Day:
    """A clock that stands where it was put: no hour ends while a test looks."""

    def __init__(self) -> None:
        self.at = datetime.now(UTC).replace(hour=11, minute=20, second=0, microsecond=0)

    def now(self) -> datetime:
        return self.at

    def boottime(self) -> float:
        return self.at.timestamp()


class House:
    """A control process: everything that it knows of exports."""

    def __init__(self, db: Database, clock: Day, *rules: dict[str, Any]) -> None:
        self.db, self.clock, self.book = db, clock, Rulebook()
        self.say(*rules)
        self.gate = Gate(db, Engine.load(), clock, meter=Taking(self.book, clock, declares))
        self.records = RecordReader(self.gate)

    def say(self, *rules: dict[str, Any]) -> None:
        document = encode(EXPORTS.read({"rules": list(rules)}))
        body = msgspec.json.encode(RulesDocument(version=1, digest="d", document=msgspec.Raw(document)))
        self.book.apply([
            FeedEntry(
                tenant=tenant, kind=f"{PREFIX}{EXPORTS.name}", id=Level.CEILING, version=1, body=body, deleted=False
            )
            for tenant in (ACME, GLOBEX)
        ], full=True)  # fmt: skip

    async def read(self, who: Principal, limit: int, tenant: TenantId = ACME) -> list[RecordRow] | Refusal:
        try:
            return await self.records.of_tenant(who, tenant, ASK, limit=limit)
        except Refused as no:
            return no.refusal

    async def taken(self, who: Principal = ANN, tenant: TenantId = ACME) -> dict[tuple[str, str], Taken]:
        found = await TakenReader(self.gate, self.book, self.clock).of_tenant(who, tenant, ASK)
        return {(each.taker, each.measure): each for each in found}


@pytest.fixture
async def clock() -> Day:
    return Day()


@pytest.fixture
async def stored(db: Database, appender: Appender, database: TestDatabase) -> Database:
    """Two tenants with thirty records each."""
    async with migrate.administrator(database.admin) as admin:
        for tenant, name in ((ACME, "acme"), (GLOBEX, "globex")):
            await admin.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
    async with appender.append() as tx:
        for tenant in (ACME, GLOBEX):
            common = Common(
                tenant, "prod", UUID(int=3), "0123456789abcdef", UUID(int=4), None, "chat", 200, "p", "completed", "relayed",
                "", "openai", "local", "r", "{}", None,
            )  # fmt: skip
            now = datetime.now(UTC)
            await insert_records(tx, [RequestRecord(common, new_uuid(), now, 1, 1, 1, None, 0) for _ in range(30)])
    return db


async def incidents(database: TestDatabase) -> list[Any]:
    async with migrate.administrator(database.admin) as admin:
        return await admin.fetch("select tenant_id, kind, subject, reason, opened_by from identity.incident")


async def test_many_small_readings_are_stopped_where_one_large_one_is(
    stored: Database, clock: Day, database: TestDatabase
) -> None:
    house = House(stored, clock, TEN)
    large = await house.read(ANN, 11)
    assert isinstance(large, Refusal), "one large reading"
    assert (large.kind, large.retry_after_s) == (RefusalKind.LIMITED, None)
    got = 0
    while isinstance(page := await house.read(ANN, 3), list):
        got += len(page)
    assert got == 9, "what was refused was not counted: three fit three times"
    assert (page.kind, page.retry_after_s) == (RefusalKind.LIMITED, 40 * 60)
    assert isinstance(await house.read(ANN, 1), list), "the limit is met exactly"
    assert isinstance(await house.read(ANN, 1), Refusal)
    assert (await house.taken())["account:tenant-admin/ann", "rows_per_hour"].remaining == 0
    entries = await AuditReader(house.gate).of_tenant(OPERATOR, ACME, ASK, limit=100)
    told = [each for each in entries if each.detail.get("signal") == "export-limit"]
    assert {(each.action, each.outcome.value, each.actor) for each in told} == {
        ("records.read", "refused", "tenant-admin/ann")
    }
    opened = await incidents(database)
    assert [(each["tenant_id"], each["kind"], each["subject"]) for each in opened] == [
        (ACME, "export-limit", "tenant-admin/ann")
    ], "one, however often"
    assert "10 is the limit" in opened[0]["reason"]


async def test_a_record_that_is_taken_as_its_proof_counts_as_one_that_is_read(
    stored: Database, clock: Day, database: TestDatabase
) -> None:
    sealer = await Sealer.connect(database.keeper)
    assert await RecordSealer(sealer, clock, every_s=0).round() == 60
    await sealer.close()
    house = House(stored, clock, TEN)
    found = await house.read(ANN, 9)
    assert isinstance(found, list)
    assert str(found[0].workload) in (await house.records.prove(ANN, ACME, ASK, found[0].id)).record
    with pytest.raises(Refused) as no:
        await house.records.prove(ANN, ACME, ASK, found[1].id)
    assert no.value.refusal.kind is RefusalKind.LIMITED
    assert (await house.taken())["account:tenant-admin/ann", "rows_per_hour"].used == 10
    with pytest.raises(Refused) as no:
        await house.records.prove(ANN, ACME, ASK, new_uuid())
    assert no.value.refusal.kind is RefusalKind.HIDDEN, "what is not there takes nothing"


async def test_others_are_not_counted_with_who_was_stopped(stored: Database, clock: Day) -> None:
    house = House(stored, clock, TEN)
    assert isinstance(await house.read(ANN, 10), list)
    assert isinstance(await house.read(ANN, 1), Refusal)
    assert isinstance(await house.read(BEN, 10), list), "another account of the same tenant"
    assert isinstance(await house.read(EVE, 10, GLOBEX), list), "another tenant"
    assert isinstance(await house.read(OPERATOR, 10), list), "an operator, in this tenant"
    assert isinstance(await house.read(OPERATOR, 10, GLOBEX), list), "and what it takes elsewhere is counted there"
    assert isinstance(await house.read(OPERATOR, 1), Refusal)
    assert {taker for taker, _ in await house.taken(EVE, GLOBEX)} == {
        "account:tenant-admin/eve", "account:operator/op", "tenant",
    }  # fmt: skip
    assert await LogReader(house.gate).search(ANN, ACME, ASK, Wanted(), limit=5, before=None), "another store"


async def test_all_of_a_tenant_together_are_bounded_too(stored: Database, clock: Day) -> None:
    house = House(stored, clock, {"surfaces": ["records"], "per": "tenant", "rows_per_day": 15})
    assert isinstance(await house.read(ANN, 10), list)
    assert isinstance(await house.read(BEN, 5), list)
    no = await house.read(OPERATOR, 1)
    assert isinstance(no, Refusal)
    assert no.tell.startswith("The tenant may take 15 records")
    assert isinstance(await house.read(EVE, 15, GLOBEX), list)


async def test_many_at_once_in_two_processes_come_to_no_more(
    stored: Database, clock: Day, database: TestDatabase
) -> None:
    other = await Database.connect(database.control, database.operator)
    try:
        houses = [House(stored, clock, TEN), House(other, clock, TEN)]
        answers = await asyncio.gather(*(houses[n % 2].read(ANN, 2) for n in range(16)))
    finally:
        await other.close()
    assert sum(len(each) for each in answers if isinstance(each, list)) == 10
    assert {each.kind for each in answers if isinstance(each, Refusal)} == {RefusalKind.LIMITED}


async def test_a_restart_forgets_nothing_and_the_next_hour_begins_anew(
    stored: Database, clock: Day, database: TestDatabase
) -> None:
    assert isinstance(await House(stored, clock, TEN).read(ANN, 10), list)
    again = await Database.connect(database.control, database.operator)
    try:
        house = House(again, clock, TEN, {"surfaces": ["records"], "rows_per_day": 15})
        assert isinstance(await house.read(ANN, 1), Refusal), "another process, the same counter"
        clock.at -= timedelta(hours=2)
        assert isinstance(await house.read(ANN, 1), Refusal), "a clock that is set back gives nothing"
        clock.at += timedelta(hours=3)
        assert isinstance(await house.read(ANN, 5), list), "the next hour"
        clock.at += timedelta(hours=1)
        assert isinstance(await house.read(ANN, 1), Refusal), "and the day is not over"
        clock.at += timedelta(days=1)
        assert isinstance(await house.read(ANN, 10), list)
    finally:
        await again.close()


async def test_an_elevation_lifts_nothing(stored: Database, clock: Day) -> None:
    house = House(stored, clock, TEN)
    assert isinstance(await house.read(OPERATOR, 10), list)
    power = Elevation(id="e", ticket="T-1", tenant=ACME, actions=frozenset({"records.read"}))
    elevated = replace(OPERATOR, credential=KeyId("9123456789abcdef"), elevation=power)
    assert isinstance(await house.read(elevated, 1), Refusal)
    assert (await house.taken(OPERATOR))["account:operator/op", "rows_per_hour"].used == 10


async def test_a_loop_that_is_told_to_wait_does_not_flood_the_log(stored: Database, clock: Day) -> None:
    house = House(stored, clock, TEN)
    assert isinstance(await house.read(OPERATOR, 10), list)
    for _ in range(130):
        assert isinstance(await house.read(OPERATOR, 1), Refusal)
    async with house.db.tenant(ACME) as tx:
        told = await tx.fetchval("select count(*) from audit.entry where tenant_id = $1 and outcome = 'refused'", ACME)
    assert 1 <= told <= 101, "within the credential's rate: the clock stands, so the burst and the first"


async def test_a_dry_run_tells_who_would_have_been_stopped(stored: Database, clock: Day) -> None:
    house = House(stored, clock)
    assert isinstance(await house.read(ANN, 20), list)
    assert isinstance(await house.read(BEN, 5), list)
    before = house.book.standing(EXPORTS, ACME)
    candidate = Held(level=Level.OWN, version=2, digest="e", document=EXPORTS.read({"rules": [TEN]}))
    counts = await TakenReader(house.gate, house.book, clock).counts(ANN, ACME, ASK)
    told = stopped(Level.OWN, before, before.with_(Level.OWN, candidate), counts)
    assert [(each.who, each.what, each.change) for each in told.data] == [
        ("account:tenant-admin/ann", "records rows_per_hour", "loses")
    ]
    assert (told.data[0].before, told.data[0].after) == ({"taken": 20, "above": None}, {"taken": 20, "above": 10})
    back = stopped(Level.OWN, before.with_(Level.OWN, candidate), before, counts)
    assert [each.change for each in back.data] == ["gains"]


async def test_undeclared_exports_are_blocked_where_the_rules_say_so_and_declared_ones_go(
    stored: Database, clock: Day, database: TestDatabase
) -> None:
    house = House(stored, clock, {"surfaces": ["records"], "undeclared": "block"})
    no = await house.read(ANN, 1)
    assert isinstance(no, Refusal)
    assert (no.kind, no.code) == (RefusalKind.FORBIDDEN, "undeclared_flow")
    text = '[[flows]]\nfrom = "store:records"\nto = "account:tenant-admin/ann"\ndata = ["figures"]\nwhy = "billing"\n'
    async with migrate.administrator(database.admin) as admin:
        await admin.execute(
            "insert into flows.declaration (tenant_id, number, name, digest, body, author, credential, at, reason) "
            "values ($1, 1, 'billing', $2, $3, 'a', 'c', now(), 'r')",
            ACME, "0" * 64, text,
        )  # fmt: skip
    assert isinstance(await house.read(ANN, 1), list)
    assert isinstance(await house.read(BEN, 1), Refusal), "declared for somebody else"
    assert isinstance(await house.read(EVE, 1, GLOBEX), Refusal), "declared by somebody else"


async def test_the_database_takes_no_less_than_nothing_and_only_of_the_tenant_that_is_set(stored: Database) -> None:
    async with stored.tenant(ACME) as tx:
        assert await tx.fetchval("select json_agg(t)::text from limits.take('x', 'audit', now(), -5, 0) t") is None
        await tx.fetchval("select count(*) from limits.take('x', 'audit', now(), 5, 5)")
    async with stored.tenant(GLOBEX) as tx:
        assert await tx.fetchval("select count(*) from limits.taken") == 0
    async with stored.tenant(ACME) as tx:
        with pytest.raises(Exception, match="permission denied"):
            await tx.execute("update limits.taken set row_count = 0 where tenant_id = $1", ACME)
