"""Nothing goes before its time, nothing that is held goes at all, and what goes leaves a manifest in its tenant's log."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from strongroom import audit
from strongroom.audit import reading
from strongroom.audit.tlog import Leaves, leaf_hash
from strongroom.gateway.record_seals import line
from strongroom.gateway.tables import Common, RequestRecord, insert_records
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask, Engine, Gate
from strongroom.retention import HoldKind, Retention
from strongroom.retention.testing import keep
from strongroom.rules import Level, Rules
from strongroom.rules.kind import Document
from strongroom.rules.retention import RetentionRule
from strongroom.store import Appender, Conflict, Database, Unfit, migrate
from strongroom.store.lint import lint
from strongroom.store.testing import TestDatabase

OPERATOR = Principal(role=Role.OPERATOR, name="root", credential=KeyId("0123456789abcdef"))
ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))
ASK = Ask(request_id="req_retention")
TODAY = datetime.now(UTC).date()


@pytest.fixture
async def retention(db: Database, database: TestDatabase, appender: Appender) -> Retention:
    async with migrate.administrator(database.admin) as admin:
        for tenant, name in ((ACME, "acme"), (GLOBEX, "globex")):
            await admin.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
    async with appender.append() as tx:
        await insert_records(
            tx, [record(tenant, days) for tenant in (ACME, GLOBEX) for days in (0, 29, 31, 31, 40) for _ in range(2)]
        )
    return Retention(Gate(db, Engine.load(), SystemClock()), SystemClock())


def record(tenant: TenantId, days: int) -> RequestRecord:
    common = Common(
        tenant, "prod", UUID(int=3), "0123456789abcdef", None, None, "chat", 200, "p", "completed", "relayed", "", "openai",
        "local", "r", "{}",
    )  # fmt: skip
    return RequestRecord(common, new_uuid(), datetime.now(UTC) - timedelta(days=days), 1, 1, 1, None, 0)


async def left(database: TestDatabase, tenant: TenantId) -> list[int]:
    async with migrate.administrator(database.admin) as admin:
        rows = await admin.fetch("select day from gateway.record where tenant_id = $1 order by day", tenant)
    return [(TODAY - row["day"]).days for row in rows]


async def test_without_a_rule_nothing_is_due(retention: Retention, database: TestDatabase) -> None:
    assert (await retention.status(OPERATOR, ASK)).due == []
    assert await retention.run(OPERATOR, ASK) == []
    assert len(await left(database, ACME)) == 10


async def test_what_is_beyond_its_days_goes_and_leaves_a_signed_manifest(
    retention: Retention, database: TestDatabase, db: Database
) -> None:
    await keep(retention, OPERATOR, None, 35, "operational", ASK)
    await keep(retention, OPERATOR, ACME, 30, "their contract", ASK)
    async with db.tenant(ACME) as tx:
        rows = await tx.fetch(
            "select r.* from gateway.record r where tenant_id = $1 and day = $2 order by id", ACME, day(31)
        )
    dropped = await retention.run(OPERATOR, ASK)
    assert [(each.tenant, each.day, each.rows) for each in dropped] == [
        (ACME, day(40), 2), (ACME, day(31), 4), (GLOBEX, day(40), 2),
    ]  # fmt: skip
    assert await left(database, ACME) == [29, 29, 0, 0]
    assert await left(database, GLOBEX) == [31, 31, 31, 31, 29, 29, 0, 0]
    root = Leaves(leaf_hash(line(row)) for row in rows).root().hex()
    async with db.tenant(ACME) as tx:
        found = [entry for entry, *_ in await reading.search(tx, reading.Wanted(action="retention.run"), 10)]
    assert {
        (each.detail["day"], each.detail["rows"], each.detail["root"]) for each in found if "day" in each.detail
    } >= {(day(31).isoformat(), "4", root)}
    assert [each.day for each in (await retention.status(OPERATOR, ASK)).dropped if each.root == root] == [day(31)]


async def test_what_cannot_be_dropped_of_one_keeps_no_other_from_it_nor_days_to_come_from_being_made(
    retention: Retention, database: TestDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(retention, OPERATOR, None, 35, "operational", ASK)
    status = retention.status

    async def held_meanwhile(who: Principal, ask: Ask) -> Any:
        found = await status(who, ask)
        await retention.hold(OPERATOR, ACME, HoldKind.HOLD, "legal@acme", "a matter in court", None, ASK)
        return found

    monkeypatch.setattr(retention, "status", held_meanwhile)
    async with migrate.administrator(database.admin) as admin:
        partitions = "select count(*) from pg_inherits where inhparent = 'gateway.record'::regclass"
        before = await admin.fetchval(partitions)
        with pytest.raises((Unfit, Conflict)):
            await retention.run(OPERATOR, ASK)
        assert await admin.fetchval(partitions) > before
    assert len(await left(database, ACME)) == 10
    assert await left(database, GLOBEX) == [31, 31, 31, 31, 29, 29, 0, 0]


def day(ago: int) -> date:
    return TODAY - timedelta(days=ago)


@pytest.mark.parametrize("kind", HoldKind)
async def test_what_is_held_stays_whatever_is_run(
    retention: Retention, database: TestDatabase, db: Database, kind: HoldKind
) -> None:
    await keep(retention, OPERATOR, None, 1, "as short as it goes", ASK)
    until = None if kind is HoldKind.HOLD else datetime.now(UTC) + timedelta(hours=1)
    hold = await retention.hold(OPERATOR, ACME, kind, "legal@acme", "a matter in court", until, ASK)
    assert {each.held_by != "" for each in (await retention.status(OPERATOR, ASK)).due if each.tenant == ACME} == {True}
    await retention.run(OPERATOR, ASK)
    assert len(await left(database, ACME)) == 10
    assert len(await left(database, GLOBEX)) == 2
    with pytest.raises((Unfit, Conflict)):  # the database asks by itself, whatever SQL control is made to run
        async with db.tenant(ACME) as tx:
            await tx.execute("select retention.drop_records($1)", day(40))
    await retention.release(OPERATOR, ACME, hold, "settled", ASK)
    await retention.run(OPERATOR, ASK)
    assert len(await left(database, ACME)) == 2


async def test_an_exception_that_has_expired_holds_nothing(retention: Retention, database: TestDatabase) -> None:
    await keep(retention, OPERATOR, None, 1, "short", ASK)
    await retention.hold(
        OPERATOR, ACME, HoldKind.EXCEPTION, "o", "a while", datetime.now(UTC) + timedelta(hours=1), ASK
    )
    async with migrate.administrator(database.admin) as admin:
        await admin.execute("update retention.hold set until = now() - interval '1 second'")
    # The list is read by the clock of the process, the drop by the database's: both have passed it.
    await retention.run(OPERATOR, ASK)
    assert len(await left(database, ACME)) == 2
    with pytest.raises(Refused) as refused:
        await retention.hold(OPERATOR, ACME, HoldKind.EXCEPTION, "o", "for ever", None, ASK)
    assert refused.value.refusal.kind is RefusalKind.INVALID


@pytest.mark.parametrize("ago", [0, 29])
async def test_the_database_drops_nothing_before_its_time(retention: Retention, db: Database, ago: int) -> None:
    with pytest.raises((Unfit, Conflict)):
        async with db.tenant(ACME) as tx:
            await tx.execute("select retention.drop_records($1)", day(400))
    await keep(retention, OPERATOR, ACME, 30, "their contract", ASK)
    with pytest.raises((Unfit, Conflict)):
        async with db.tenant(ACME) as tx:
            await tx.execute("select retention.drop_records($1)", day(ago))


async def test_days_to_come_have_partitions_and_past_empty_ones_go(
    retention: Retention, database: TestDatabase, appender: Appender
) -> None:
    await retention.run(OPERATOR, ASK)
    assert await lint(database.admin) == []
    async with migrate.administrator(database.admin) as admin:
        names = {
            row["relname"]
            for row in await admin.fetch(
                "select relname from pg_class where relkind = 'r' and relname ~ '^record_[0-9]'"
            )
        }
        assert names == {f"record_{day(-number):%Y%m%d}" for number in range(1, 8)}
        for ago, rows in ((5, 1), (6, 0)):
            await admin.execute(
                f"create table gateway.record_{day(ago):%Y%m%d} partition of gateway.record "
                f"for values from ('{day(ago)}') to ('{day(ago - 1)}'); "
                f"alter table gateway.record_{day(ago):%Y%m%d} owner to sr_owner"
            )
            if rows:
                async with appender.append() as tx:
                    await insert_records(tx, [record(ACME, ago)])
    await retention.run(OPERATOR, ASK)
    async with migrate.administrator(database.admin) as admin:
        names = {
            row["relname"]
            for row in await admin.fetch(
                "select relname from pg_class where relkind = 'r' and relname ~ '^record_[0-9]'"
            )
        }
        found = await admin.fetch(
            "select relname from pg_class where relname ~ '^record_[0-9]' and relkind = 'r' and not relforcerowsecurity"
        )
    assert f"record_{day(5):%Y%m%d}" in names, "what is in a partition is never dropped with it"
    assert f"record_{day(6):%Y%m%d}" not in names
    assert not found, "no partition is left open to its owner"
    assert 5 in await left(database, ACME)


async def test_a_tenants_administrator_neither_sets_nor_drops(retention: Retention) -> None:
    admin = Principal(role=Role.TENANT_ADMIN, name="a", credential=KeyId("0123456789abcdef"), tenant=ACME)
    with pytest.raises(Refused):
        await retention.run(admin, ASK)
    parts: Any = retention
    for level in Level:
        with pytest.raises(Refused):
            await Rules(parts._gate, SystemClock()).write(
                admin, None if level is Level.DEFAULT else ACME, "retention", level, {"rules": [{"records": 1}]},
                expected=0, reason="mine", ask=ASK,
            )  # fmt: skip
    assert (await retention.status(OPERATOR, ASK)).rules == []
    with pytest.raises(Refused):
        await retention.hold(admin, ACME, HoldKind.HOLD, "o", "r", None, ASK)


async def test_a_hold_stands_in_the_log_with_its_owner_and_reason(retention: Retention, db: Database) -> None:
    await retention.hold(OPERATOR, ACME, HoldKind.HOLD, "legal@acme", "a matter", None, ASK)
    async with db.operator() as tx:
        found = next(each for each in await audit.recent(tx) if each.action == "hold.set")
    assert (found.detail["owner"], found.detail["reason"], found.detail["tenant"]) == (
        "legal@acme",
        "a matter",
        str(ACME),
    )


class ClockElsewhere(SystemClock):
    """A clock that was set to another day."""

    def __init__(self, days: int) -> None:
        self.days = days

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)


@pytest.mark.parametrize("days", [-400, 400], ids=["set back", "set ahead"])
async def test_a_process_whose_clock_jumped_drops_nothing_early_and_nothing_that_is_held(
    retention: Retention, database: TestDatabase, db: Database, days: int
) -> None:
    await keep(retention, OPERATOR, None, 35, "operational", ASK)
    await retention.hold(
        OPERATOR, ACME, HoldKind.EXCEPTION, "o", "a while", datetime.now(UTC) + timedelta(hours=1), ASK
    )
    clock = ClockElsewhere(days)
    jumped = Retention(Gate(db, Engine.load(), clock), clock)
    if days > 0:  # to this process the exception has ended; the database asks by its own clock
        with pytest.raises((Unfit, Conflict)):
            await jumped.run(OPERATOR, ASK)
    else:
        await jumped.run(OPERATOR, ASK)
    assert len(await left(database, ACME)) == 10
    assert len(await left(database, GLOBEX)) in {8, 10}, (
        "what is younger than its days stays, whatever a process thinks"
    )


def document(**days: int) -> Document[RetentionRule]:
    """Return rules about records: `everybody`, and of tenants by their names."""
    return Document(
        rules=tuple(
            RetentionRule(tenants=() if name == "everybody" else (name,), records=kept) for name, kept in days.items()
        )
    )


async def test_another_document_is_rehearsed_before_it_is_in_force(
    retention: Retention, database: TestDatabase
) -> None:
    await keep(retention, OPERATOR, ACME, 35, "operational", ASK)
    shorter = await retention.rehearse(OPERATOR, document(acme=30), ASK)
    assert [(each.name, each.day, each.rows) for each in shorter.drops] == [("acme", day(31), 4)]
    assert shorter.keeps == []
    for longer in [await retention.rehearse(OPERATOR, each, ASK) for each in (document(acme=90), None)]:
        assert longer.drops == []
        assert [(each.name, each.day, each.rows) for each in longer.keeps] == [("acme", day(40), 2)]
    of_all = await retention.rehearse(OPERATOR, document(everybody=30, acme=35), ASK)
    assert {each.name for each in of_all.drops} == {"globex"}, (
        "a tenant with a rule of its own is not touched by that of all"
    )
    assert (await retention.rehearse(OPERATOR, document(everybody=30, acme=35), ASK, ACME)).drops == []
    assert len(await left(database, ACME)) == 10, "a rehearsal drops nothing"
