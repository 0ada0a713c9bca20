"""The audit log on a real PostgreSQL: appended, paged, and closed to every change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from strongroom import audit
from strongroom.audit import Entry, Outcome
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.store import Appender, Database, Denied

START = datetime(2026, 1, 1, tzinfo=UTC)


def entry(number: int = 0, *, at: datetime | None = None) -> Entry:
    return Entry(
        id=new_uuid(),
        at=at or START + timedelta(seconds=number),
        actor="inference/chat",
        credential="0123456789abcdef",
        action="model.invoke",
        resource=f"installation/deployment/{number}",
        outcome=Outcome.REFUSED,
        reason="quotes \"' and a snowman \u2603",
        request_id="req",
        detail={"n": str(number)},
    )


async def test_an_entry_comes_back_as_it_was(db: Database) -> None:
    acme, made = TenantId(uuid4()), entry(7)
    async with db.tenant(acme) as tx:
        await audit.append(tx, made)
        assert await audit.recent(tx) == [made]
    async with db.operator() as operator:
        await audit.append(operator, made)
        assert await audit.recent(operator) == [made]


async def test_each_log_is_its_own(db: Database) -> None:
    acme, globex = TenantId(uuid4()), TenantId(uuid4())
    async with db.tenant(acme) as tx:
        await audit.append(tx, entry())
    async with db.tenant(globex) as tx:
        assert await audit.recent(tx) == []
    async with db.operator() as operator:
        assert await audit.recent(operator) == []


async def test_pages_meet_without_overlap_also_within_one_instant(db: Database) -> None:
    acme, globex = TenantId(uuid4()), TenantId(uuid4())
    made = [entry(n, at=START) for n in range(7)] + [entry(n) for n in range(1, 4)]
    async with db.tenant(acme) as tx:
        for one in made:
            await audit.append(tx, one)
        read: list[Entry] = []
        while page := await audit.recent(tx, 3, read[-1].id if read else None):
            assert len(page) <= 3
            read += page
    assert read == sorted(made, key=lambda one: (one.at, one.id), reverse=True)
    async with db.tenant(globex) as tx:  # a foreign cursor says nothing
        assert await audit.recent(tx, 3, made[-1].id) == []


async def test_a_page_is_bounded(db: Database, appender: Appender) -> None:
    acme = TenantId(uuid4())
    async with appender.append() as batch:
        await audit.append_batch(batch, [(acme, entry(n)) for n in range(audit.PAGE_LIMIT + 5)])
    async with db.tenant(acme) as tx:
        assert len(await audit.recent(tx, 10_000)) == audit.PAGE_LIMIT
        assert len(await audit.recent(tx, -1)) == 1


async def test_a_batch_goes_to_the_logs_it_is_for_and_only_once(db: Database, appender: Appender) -> None:
    acme, globex = TenantId(uuid4()), TenantId(uuid4())
    batch = [(acme, entry(1)), (globex, entry(2)), (PLATFORM, entry(3)), (acme, entry(4))]
    for _ in range(2):
        async with appender.append() as tx:
            await audit.append_batch(tx, batch)
    async with appender.append() as tx:
        await audit.append_batch(tx, [])
    async with db.tenant(acme) as tenant:
        assert [one.detail["n"] for one in await audit.recent(tenant)] == ["4", "1"]
    async with db.tenant(globex) as tenant:
        assert await audit.recent(tenant) == [batch[1][1]]
    async with db.operator() as operator:
        assert await audit.recent(operator) == [batch[2][1]]


@pytest.mark.parametrize(
    "statement",
    [
        "update audit.entry set reason = ''",
        "update audit.entry set sealed_at = now()",
        "delete from audit.entry",
        "truncate audit.entry",
        "update audit.platform_entry set reason = ''",
        "delete from audit.platform_entry",
        "drop table audit.entry",
    ],
)
async def test_no_role_changes_what_is_written(db: Database, statement: str) -> None:
    acme = TenantId(uuid4())
    async with db.tenant(acme) as tx:
        await audit.append(tx, entry())
    with pytest.raises(Denied):
        async with db.tenant(acme) as tx:
            await tx.execute(statement)
    with pytest.raises(Denied):
        async with db.operator() as operator:
            await operator.execute(statement)


async def test_an_entry_waits_to_be_sealed(db: Database) -> None:
    acme = TenantId(uuid4())
    async with db.tenant(acme) as tx:
        await audit.append(tx, entry())
        assert await tx.fetchval("select sealed_at from audit.entry where tenant_id = $1", acme) is None
