"""The feed's law: however publishers and followers interleave, each follower ends equal to the table.

And no follower misses a withdrawal: what was withdrawn last is never in a copy that may be relied on.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.store import Database, feed
from strongroom.store.feed import FeedEntry
from strongroom.store.follower import Follower
from strongroom.store.testing import TestDatabase

TENANTS = [TenantId(UUID(int=n)) for n in (1, 2)]

step = st.tuples(st.sampled_from(TENANTS), st.sampled_from("abc"), st.sampled_from(["publish", "withdraw", "undo"]))
publishers = st.lists(st.lists(st.lists(step, min_size=1, max_size=3), max_size=5), min_size=1, max_size=4)


class Copy:
    """Applies as told and checks, each time, that versions never go back."""

    def __init__(self) -> None:
        self.entries: dict[tuple[TenantId, str], FeedEntry] = {}
        self.latest = -1

    def __call__(self, entries: list[FeedEntry], full: bool) -> None:
        if full:
            self.entries.clear()
            self.latest = -1
        for entry in entries:
            assert entry.version > self.latest
            self.latest = entry.version
            self.entries[entry.tenant, entry.id] = entry


async def transaction(db: Database, steps: list[tuple[TenantId, str, str]]) -> None:
    tenant = steps[0][0]
    try:
        async with db.tenant(tenant) as tx:
            for _, name, verb in steps:
                if verb == "undo":
                    raise LookupError
                if verb == "publish":
                    await feed.publish(tx, "k", name, name.encode())
                else:
                    await feed.withdraw(tx, "k", name)
    except LookupError:
        pass


async def publisher(db: Database, transactions: list[list[tuple[TenantId, str, str]]]) -> None:
    for steps in transactions:
        await transaction(db, steps)


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(work=publishers, late=st.integers(0, 3))
async def test_every_follower_ends_equal_to_the_table(
    shared_database: TestDatabase, shared_db: Database, work: list[list[list[tuple[TenantId, str, str]]]], late: int
) -> None:
    copies = [Copy() for _ in range(3)]
    followers = [Follower(shared_database.gateway, SystemClock(), copy, poll=60.0) for copy in copies]
    followers[0].start()
    tasks = [asyncio.create_task(publisher(shared_db, transactions)) for transactions in work]
    for _ in range(late):
        await asyncio.sleep(0)
    followers[1].start()
    await asyncio.gather(*tasks)
    followers[2].start()
    assert all(await asyncio.gather(*(follower.refresh(10.0) for follower in followers)))
    await asyncio.gather(*(follower.close() for follower in followers))
    table = await everything(shared_database)
    for copy in copies:
        assert copy.entries == table


async def everything(database: TestDatabase) -> dict[tuple[TenantId, str], FeedEntry]:
    admin = await asyncpg.connect(**database.admin.arguments())
    try:
        rows = await admin.fetch("select * from feed.entry")
    finally:
        await admin.close()
    entries = [
        FeedEntry(
            tenant=TenantId(row["tenant_id"]),
            kind=row["kind"],
            id=row["id"],
            version=row["version"],
            body=row["body"],
            deleted=row["deleted"],
        )
        for row in rows
    ]
    return {(entry.tenant, entry.id): entry for entry in entries}
