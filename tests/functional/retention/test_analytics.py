"""Records are summed up before they go, small groups are not told apart, and no sum tells of a caller or of another tenant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from strongroom.gateway.tables import Common, RequestRecord, insert_records
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import Refused
from strongroom.policy import Ask, Engine, Gate
from strongroom.retention import HoldKind, Retention
from strongroom.retention.analytics import BOUNDS_MS, OTHER
from strongroom.retention.model import ANALYTICS, RECORDS
from strongroom.retention.testing import keep
from strongroom.store import Appender, Conflict, Database, Denied, Unfit, migrate
from strongroom.store.testing import TestDatabase

OPERATOR = Principal(role=Role.OPERATOR, name="root", credential=KeyId("0123456789abcdef"))
ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))
ASK = Ask(request_id="req_analytics")
TODAY = datetime.now(UTC).date()


def day(ago: int) -> date:
    return TODAY - timedelta(days=ago)


def request(
    caller: int,
    *,
    outcome: str = "completed",
    ago: int = 3,
    us: int = 70_000,
    tenant: TenantId = ACME,
    findings: str | None = None,
) -> RequestRecord:
    common = Common(
        tenant, "prod", UUID(int=caller), f"{caller:016d}", None, None, "chat", 200, "p", outcome, "relayed", "", "openai",
        "local", "r", "{}", findings,
    )  # fmt: skip
    at = datetime.combine(day(ago), datetime.min.time(), UTC) + timedelta(hours=12)
    return RequestRecord(common, new_uuid(), at, 7, 11, us, None, 3)


@pytest.fixture
async def retention(db: Database, database: TestDatabase) -> Retention:
    async with migrate.administrator(database.admin) as admin:
        for tenant, name in ((ACME, "acme"), (GLOBEX, "globex")):
            await admin.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
    return Retention(Gate(db, Engine.load(), SystemClock()), SystemClock())


async def came(appender: Appender, *records: RequestRecord) -> None:
    async with appender.append() as tx:
        await insert_records(tx, list(records))


async def sums(retention: Retention, tenant: TenantId = ACME) -> list[tuple[date, str, int, int]]:
    found = await retention.analytics.of_tenant(OPERATOR, tenant, ASK)
    return [(each.day, each.outcome, each.requests, each.input_tokens) for each in found]


async def test_a_group_of_few_callers_or_requests_stands_in_the_others(
    retention: Retention, appender: Appender
) -> None:
    many = [request(caller, findings='{"input": {"email": 1}}', us=2_000_000) for caller in range(6)]
    one_caller = [request(99, outcome="refused") for _ in range(40)]
    few = [request(caller, outcome="failed") for caller in range(10, 14)]
    await came(appender, *many, *one_caller, *few, request(50, ago=4), request(50, ago=0))
    await retention.run(OPERATOR, ASK)
    found = await retention.analytics.of_tenant(OPERATOR, ACME, ASK)
    assert [(each.day, each.outcome, each.requests) for each in found] == [
        (day(3), "completed", 6), (day(3), OTHER, 44), (day(4), OTHER, 1),
    ]  # fmt: skip
    stands, other, alone = found
    assert (stands.input_tokens, stands.output_tokens, stands.cost_micro) == (42, 66, 18)
    assert stands.findings == {"input": {"email": 6}}
    assert stands.duration[BOUNDS_MS.index(2500)] == 6, (
        "a duration stands in the bucket below the bound that it is within"
    )
    assert sum(stands.first_byte) == 0
    assert (other.input_tokens, other.findings, sum(other.duration)) == (44 * 7, {}, 44)
    assert (alone.input_tokens, alone.output_tokens, alone.findings, sum(alone.duration)) == (0, 0, {}, 0)
    written = msgspec.json.encode(found).decode()
    assert f"{99:016d}" not in written
    assert str(UUID(int=99)) not in written
    await keep(retention, OPERATOR, ACME, 700, "one caller is one service here", ASK, ANALYTICS, 1)
    await came(appender, request(99, outcome="refused"))
    await retention.run(OPERATOR, ASK)
    assert {(each[1], each[2]) for each in await sums(retention) if each[0] == day(3)} == {
        ("completed", 6), ("refused", 41), ("failed", 4),
    }  # fmt: skip


async def test_what_is_folded_takes_one_that_stands_with_it_where_it_would_be_told_by_what_is_missing(
    retention: Retention, appender: Appender
) -> None:
    await came(
        appender,
        *(request(caller) for caller in range(9)),
        *(request(caller, outcome="failed") for caller in range(6)),
        request(70, outcome="refused"),
    )
    await retention.run(OPERATOR, ASK)
    assert {(each[1], each[2]) for each in await sums(retention)} == {("completed", 9), (OTHER, 7)}


async def test_a_day_that_is_not_summed_up_is_not_dropped(
    retention: Retention, appender: Appender, db: Database, database: TestDatabase
) -> None:
    await came(appender, *(request(caller, ago=9) for caller in range(5)))
    await keep(retention, OPERATOR, None, 8, "short", ASK)
    with pytest.raises((Unfit, Conflict)):  # whatever SQL control is made to run
        async with db.tenant(ACME) as tx:
            await tx.execute("select retention.drop_records($1)", day(9))
    async with migrate.administrator(database.admin) as admin:
        assert await admin.fetchval("select count(*) from gateway.record") == 5
    await retention.run(OPERATOR, ASK)
    async with migrate.administrator(database.admin) as admin:
        assert await admin.fetchval("select count(*) from gateway.record") == 0
    assert await sums(retention) == [(day(9), "completed", 5, 35)]


async def test_what_comes_late_is_added_before_and_after_the_day_was_dropped(
    retention: Retention, appender: Appender
) -> None:
    await came(appender, *(request(caller) for caller in range(5)))
    await retention.run(OPERATOR, ASK)
    await came(appender, request(5))
    await retention.run(OPERATOR, ASK)
    assert await sums(retention) == [(day(3), "completed", 6, 42)]
    await keep(retention, OPERATOR, None, 2, "short", ASK)
    await retention.run(OPERATOR, ASK)
    await came(appender, *(request(caller) for caller in range(5)))
    assert [each.rows for each in await retention.run(OPERATOR, ASK)] == [5]
    assert await sums(retention) == [(day(3), "completed", 11, 77)]


async def test_figures_have_days_holds_and_manifests_of_their_own(
    retention: Retention, appender: Appender, db: Database
) -> None:
    await came(appender, *(request(caller, ago=ago, tenant=tenant) for caller in range(5) for ago in (9, 3)
                           for tenant in (ACME, GLOBEX)))  # fmt: skip
    await keep(retention, OPERATOR, None, 8, "figures for a week", ASK, ANALYTICS)
    assert await retention.run(OPERATOR, ASK) == [], "while its records are there, a day's figures are not dropped"
    with pytest.raises((Unfit, Conflict)):
        async with db.tenant(ACME) as tx:
            await tx.execute("select retention.drop_analytics($1)", day(9))
    await keep(retention, OPERATOR, None, 1, "a day of records", ASK, RECORDS)
    await retention.hold(OPERATOR, GLOBEX, HoldKind.HOLD, "legal@globex", "a matter", None, ASK, ANALYTICS)
    assert {each.class_ for each in await retention.run(OPERATOR, ASK)} == {"records"}
    held = [each for each in (await retention.status(OPERATOR, ASK)).due if each.held_by]
    assert [(each.name, each.class_, each.day) for each in held] == [("globex", "analytics", day(9))]
    gone = await retention.run(OPERATOR, ASK)
    assert [(each.tenant, each.class_, each.day, each.rows) for each in gone] == [(ACME, "analytics", day(9), 1)]
    assert [each[0] for each in await sums(retention)] == [day(3)]
    assert [each[0] for each in await sums(retention, GLOBEX)] == [day(3), day(9)]


async def test_a_tenant_reads_its_own_figures_and_no_process_writes_any(
    retention: Retention, appender: Appender, db: Database
) -> None:
    await came(appender, *(request(caller, tenant=tenant) for caller in range(5) for tenant in (ACME, GLOBEX)))
    await retention.run(OPERATOR, ASK)
    admin = Principal(role=Role.TENANT_ADMIN, name="a", credential=KeyId("0123456789abcdef"), tenant=ACME)
    assert [each.requests for each in await retention.analytics.of_tenant(admin, ACME, ASK)] == [5]
    with pytest.raises(Refused):
        await retention.analytics.of_tenant(admin, GLOBEX, ASK)
    async with db.tenant(ACME) as tx:
        assert await tx.fetchval("select count(*) from retention.analytics") == 1, "row security: its own alone"
    for attempt in ("delete from retention.analytics", "update retention.analytics set requests = 9"):
        with pytest.raises(Denied):
            async with db.tenant(ACME) as tx:
                await tx.execute(attempt)
    with pytest.raises((Unfit, Conflict)):
        async with db.tenant(ACME) as tx:
            await tx.execute("select retention.summarise((now() at time zone 'utc')::date)")
