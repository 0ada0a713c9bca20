"""The database goes away and comes back: callers get one ordinary answer meanwhile, and nobody restarts anything."""

from __future__ import annotations

import asyncio
import os
import signal
from uuid import uuid4

import pytest

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.store import Appender, Database, Dsn, Unavailable, feed, leftovers
from strongroom.store.cluster import Cluster
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.testing import TestDatabase


class Copy:
    """A follower's own copy, as a gateway would keep it."""

    def __init__(self) -> None:
        self.entries: dict[tuple[TenantId, str, str], FeedEntry] = {}
        self.full_loads = 0
        self.changed = asyncio.Event()

    def apply(self, entries: list[FeedEntry], full: bool) -> None:
        if full:
            self.full_loads += 1
            self.entries.clear()
        for entry in entries:
            self.entries[entry.tenant, entry.kind, entry.id] = entry
        self.changed.set()

    def bodies(self) -> set[bytes]:
        return {entry.body for entry in self.entries.values() if not entry.deleted}

    async def becomes(self, bodies: set[bytes]) -> None:
        async with asyncio.timeout(10):
            while self.bodies() != bodies:
                self.changed.clear()
                await self.changed.wait()


class Outcomes:
    """What callers met, with a way to wait for more of it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.added = asyncio.Event()

    def add(self, outcome: str) -> None:
        self.seen.append(outcome)
        self.added.set()

    async def more(self, count: int) -> list[str]:
        start = len(self.seen)
        while len(self.seen) < start + count:
            self.added.clear()
            await self.added.wait()
        return self.seen[start:]


async def put(db: Database, body: bytes) -> None:
    async with db.operator() as tx:
        await feed.publish(tx, "test", "it", body)


async def test_the_pools_and_the_follower_survive_a_restart_under_load(cluster: Cluster, own: TestDatabase) -> None:
    db = await Database.connect(own.control, own.operator)
    copy = Copy()
    follower = Follower(own.gateway, SystemClock(), copy.apply)
    follower.start()
    await put(db, b"before")
    await copy.becomes({b"before"})
    outcomes = Outcomes()
    over = asyncio.Event()
    tenant = TenantId(uuid4())

    async def caller() -> None:
        while not over.is_set():
            try:
                async with db.tenant(tenant) as tx:
                    await tx.fetch("select * from identity.key")
            except Unavailable:
                outcomes.add("unavailable")
                await asyncio.sleep(0.01)
            else:
                outcomes.add("ok")

    callers = [asyncio.create_task(caller()) for _ in range(12)]
    for kill in (False, True):
        await outcomes.more(50)
        if kill and cluster.process is not None:
            cluster.process.kill()
        await cluster.stop()
        await outcomes.more(len(callers))  # what was under way when it stopped
        assert set(await outcomes.more(24)) == {"unavailable"}
        await cluster.start()
        await put(db, b"after" if kill else b"between")
        await copy.becomes({b"after" if kill else b"between"})
        assert await follower.ensure(5.0)
    over.set()
    await asyncio.gather(*callers)  # nothing but the ordinary answer came out of any of them
    assert copy.full_loads == 1
    await follower.close()
    await db.close()


async def test_a_frozen_database_ends_the_lease_and_every_wait(cluster: Cluster, own: TestDatabase) -> None:
    clock = SystemClock()
    db = await Database.connect(own.control, own.operator, size=2, answer=0.5)
    appender = await Appender.connect(own.gateway, answer=0.5)
    copy = Copy()
    follower = Follower(own.gateway, clock, copy.apply)
    follower.start()
    assert await follower.ensure(5.0)
    processes = leftovers.working_in(cluster.data)
    frozen_at = clock.boottime()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        async with asyncio.timeout(6.0):
            while follower.valid():  # noqa: ASYNC110 - time passing is no event
                await asyncio.sleep(0.005)
        assert clock.boottime() - frozen_at <= 2.0 + 0.1
        asked = clock.boottime()
        assert not await follower.ensure(0.3)
        assert clock.boottime() - asked < 0.6
        with pytest.raises(Unavailable):
            await put(db, b"never")
        with pytest.raises(Unavailable):
            async with appender.append():
                pass
        # Each: an answer, a rollback, a release, each with its end.
        assert clock.boottime() - asked < 12
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)
    await put(db, b"thawed")
    await copy.becomes({b"thawed"})
    assert await follower.ensure(5.0)
    await follower.close()
    await db.close()
    await appender.close()


async def test_a_database_that_cannot_be_reached_is_unavailable(own: TestDatabase, cluster: Cluster) -> None:
    await cluster.stop()
    with pytest.raises(Unavailable) as caught:
        await Database.connect(own.control, own.operator)
    assert own.control.password not in repr(caught.value)
    follower = Follower(own.gateway, SystemClock(), lambda *_: None)
    follower.start()
    assert not await follower.ensure(0.2)
    await follower.close()


async def test_too_many_connections_are_unavailable_and_bounded(own: TestDatabase) -> None:
    db = await Database.connect(own.control, own.operator, size=1)
    before = SystemClock().boottime()
    tenant = TenantId(uuid4())
    async with db.tenant(tenant):
        with pytest.raises(Unavailable):
            async with db.tenant(tenant):
                raise AssertionError
    assert SystemClock().boottime() - before < 4
    async with db.tenant(tenant) as tx:
        assert await tx.fetchval("select 1") == 1
    await db.close()


def test_nothing_shows_a_password() -> None:
    dsn = Dsn(host="h", database="d", user="u", password="hunter2")
    assert "hunter2" not in f"{dsn!r} {dsn}"
