"""Followers learn of every change, in order, once; and begin again when the database is not the one they knew."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.store import Database, Denied, feed
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.testing import TestDatabase


class Seen:
    def __init__(self) -> None:
        self.calls: list[tuple[list[FeedEntry], bool]] = []
        self.fail = 0

    def __call__(self, entries: list[FeedEntry], full: bool) -> None:
        if self.fail:
            self.fail -= 1
            raise LookupError("the test's own failure")
        self.calls.append((entries, full))


def follow(database: TestDatabase, seen: Seen, **options: float) -> Follower:
    follower = Follower(database.gateway, SystemClock(), seen, **options)
    follower.start()
    return follower


async def test_what_was_there_comes_first_and_whole(database: TestDatabase, db: Database) -> None:
    tenant = TenantId(uuid4())
    async with db.tenant(tenant) as tx:
        first = await feed.publish(tx, "key", "a", b"1")
        second = await feed.publish(tx, "key", "b", b"2")
        third = await feed.withdraw(tx, "key", "a")
    assert first < second < third
    seen = Seen()
    follower = follow(database, seen)
    assert await follower.ensure(5.0)
    await follower.close()
    ((entries, full),) = seen.calls
    assert full
    assert [(e.tenant, e.id, e.body, e.deleted) for e in entries] == [
        (tenant, "b", b"2", False),
        (tenant, "a", b"", True),
    ]
    assert follower.version == third


async def test_a_change_arrives_by_notification_not_by_poll(database: TestDatabase, db: Database) -> None:
    seen = Seen()
    follower = follow(database, seen, poll=60.0)
    assert await follower.ensure(5.0)
    async with db.operator() as tx:
        await feed.publish(tx, "release", "r", b"x")
    assert await follower.refresh(1.0)
    await follower.close()
    assert [(e.tenant, e.id) for entries, _ in seen.calls for e in entries] == [(PLATFORM, "r")]


async def test_a_lost_notification_is_made_up_for_by_the_poll(database: TestDatabase, db: Database) -> None:
    seen = Seen()
    follower = follow(database, seen, poll=0.05)
    assert await follower.ensure(5.0)
    admin = await asyncpg.connect(**database.admin.arguments())
    await admin.execute("update feed.version set version = version + 1")  # and says nothing
    await admin.close()
    async with asyncio.timeout(5):
        while follower.version < 1:  # noqa: ASYNC110 - nothing is said: that is the case
            await asyncio.sleep(0.01)
    await follower.close()
    await db.close()


async def test_what_is_rolled_back_never_arrives(database: TestDatabase, db: Database) -> None:
    seen = Seen()
    follower = follow(database, seen)
    with pytest.raises(LookupError):
        await publish_and_raise(db)
    assert await follower.refresh(5.0)
    await follower.close()
    assert seen.calls == [([], True)]
    assert follower.version == 0


async def publish_and_raise(db: Database) -> None:
    async with db.operator() as tx:
        await feed.publish(tx, "release", "r", b"x")
        raise LookupError


async def test_a_copy_that_could_not_be_applied_is_not_relied_on(database: TestDatabase, db: Database) -> None:
    seen = Seen()
    seen.fail = 2
    async with db.operator() as tx:
        await feed.publish(tx, "release", "r", b"x")
    follower = follow(database, seen)
    async with asyncio.timeout(5):
        while seen.fail:
            assert not follower.valid()
            await asyncio.sleep(0.01)
    assert await follower.ensure(5.0)
    await follower.close()
    assert [(len(entries), full) for entries, full in seen.calls] == [(1, True)]


@pytest.mark.parametrize(
    "rollback",
    [
        "update feed.version set version = version - 1; delete from feed.entry where id = 'new'",
        "update feed.version set epoch = gen_random_uuid(), version = version + 9; delete from feed.entry where id = 'new'",
    ],
    ids=["version went back", "another epoch"],
)
async def test_another_past_is_loaded_anew(database: TestDatabase, db: Database, rollback: str) -> None:
    async with db.operator() as tx:
        await feed.publish(tx, "release", "old", b"x")
        await feed.publish(tx, "release", "new", b"x")
    seen = Seen()
    follower = follow(database, seen)
    assert await follower.ensure(5.0)
    admin = await asyncpg.connect(**database.admin.arguments())
    await admin.execute(rollback)
    await admin.close()
    assert await follower.refresh(5.0)
    await follower.close()
    assert [([e.id for e in entries], full) for entries, full in seen.calls] == [
        (["old", "new"], True),
        (["old"], True),
    ]


async def test_many_who_wait_share_one_read(database: TestDatabase) -> None:
    seen = Seen()
    follower = Follower(database.gateway, SystemClock(), seen, lease=0.2, poll=60.0)
    reads = 0
    real = follower._read

    async def counted(connection: object) -> None:
        nonlocal reads
        reads += 1
        await real(connection)  # type: ignore[arg-type]

    follower._read = counted  # type: ignore[method-assign]
    follower.start()
    assert await follower.ensure(5.0)
    async with asyncio.timeout(5):
        while follower.valid():  # noqa: ASYNC110 - time passing is no event
            await asyncio.sleep(0.01)
    reads = 0
    assert all(await asyncio.gather(*(follower.ensure(5.0) for _ in range(500))))
    await follower.close()
    assert reads <= 2


async def test_a_tenant_writes_no_one_elses_and_not_the_platforms(database: TestDatabase, db: Database) -> None:
    mine, other = TenantId(uuid4()), TenantId(uuid4())
    for tenant in (other, PLATFORM):
        with pytest.raises(Denied):
            async with db.tenant(mine) as tx:
                await tx.execute("insert into feed.entry values ($1, 'k', 'i', 1, '', false)", tenant)
    async with db.tenant(mine) as tx:
        await feed.publish(tx, "k", "i", b"x")
    async with db.tenant(other) as tx:
        assert await tx.execute("update feed.entry set body = 'stolen' where kind = 'k'") == "UPDATE 0"
    async with db.operator() as tx:
        assert await tx.fetchval("select count(*) from feed.entry") == 0
    assert database.admin.user
