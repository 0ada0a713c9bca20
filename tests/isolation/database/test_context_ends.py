"""Test 24: a tenant's context ends with its transaction, however that ends; the next user of the connection has none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from strongroom.kernel.ids import TenantId
from strongroom.store import Database, TenantTx, Unavailable
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.isolation.database.conftest import Twins

CONTEXT = "select coalesce(current_setting('strongroom.tenant', true), '')"


@pytest.fixture
async def one(database: TestDatabase) -> Database:
    """A database with a single connection for tenants, so that the next transaction gets the same one."""
    return await Database.connect(database.control, database.operator, size=1)


async def commits(one: Database, tenant: TenantId) -> None:
    async with one.tenant(tenant) as tx:
        await tx.fetch("select 1")


async def rolls_back(one: Database, tenant: TenantId) -> None:
    with pytest.raises(LookupError):
        await raise_inside(one, tenant)


async def raise_inside(one: Database, tenant: TenantId) -> None:
    async with one.tenant(tenant):
        raise LookupError


async def errs_in_sql(one: Database, tenant: TenantId) -> None:
    with pytest.raises(Exception, match="division by zero"):
        await divide(one, tenant)


async def divide(one: Database, tenant: TenantId) -> None:
    async with one.tenant(tenant) as tx:
        await tx.fetch("select 1 / 0")


async def is_cancelled_in_a_statement(one: Database, tenant: TenantId) -> None:
    await cancel(one, tenant, lambda tx: tx.fetch("select pg_sleep(60)"))


async def is_cancelled_between_statements(one: Database, tenant: TenantId) -> None:
    async def wait(_: TenantTx) -> None:
        await asyncio.Event().wait()

    await cancel(one, tenant, wait)


async def is_cancelled_while_it_opens(one: Database, tenant: TenantId) -> None:
    for turns in range(12):  # at each step of opening: acquire, begin, set
        task = asyncio.create_task(commits(one, tenant))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def cancel(one: Database, tenant: TenantId, work: Callable[[TenantTx], Awaitable[object]]) -> None:
    opened = asyncio.Event()

    async def run() -> None:
        async with one.tenant(tenant) as tx:
            opened.set()
            await work(tx)

    task = asyncio.create_task(run())
    await opened.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def sets_it_for_the_session(one: Database, tenant: TenantId) -> None:
    # What a mistake of ours could do: SET without LOCAL. The reset on release ends that too.
    async with one.tenant(tenant) as tx:
        await tx.execute(f"set strongroom.tenant = '{tenant}'")  # type: ignore[arg-type,unused-ignore]


async def loses_its_connection(one: Database, tenant: TenantId) -> None:
    with pytest.raises(Unavailable):
        await be_terminated(one, tenant)


async def be_terminated(one: Database, tenant: TenantId) -> None:
    async with one.tenant(tenant) as tx:
        tx._open().terminate()
        await tx.fetch("select 1")


@pytest.mark.parametrize(
    "ends",
    [
        commits,
        rolls_back,
        errs_in_sql,
        is_cancelled_in_a_statement,
        is_cancelled_between_statements,
        is_cancelled_while_it_opens,
        sets_it_for_the_session,
        loses_its_connection,
    ],
)
async def test_24_the_context_ends_with_the_transaction(
    one: Database, twins: Twins, ends: Callable[[Database, TenantId], Awaitable[None]]
) -> None:
    async with one.tenant(twins.b.id) as tx:  # the control: it is there while it should be
        assert await tx.fetchval(CONTEXT) == str(twins.b.id)
        assert await tx.fetchval("select label from identity.key") == twins.canary
    await ends(one, twins.b.id)
    async with one._tenants.connection() as connection:  # the same connection, given to somebody without a tenant
        assert await connection.fetchval(CONTEXT) == ""
        assert await connection.fetch("select * from identity.key") == []
    async with one.tenant(twins.a.id) as tx:
        assert [row["tenant_id"] for row in await tx.fetch("select tenant_id from identity.key")] == [twins.a.id]
    await one.close()


async def test_24_many_tenants_on_few_connections_never_mix(database: TestDatabase, twins: Twins) -> None:
    db = await Database.connect(database.control, database.operator, size=2)

    async def reader(tenant: TenantId) -> None:
        for turn in range(20):
            try:
                async with asyncio.timeout(0.001 if turn % 4 == 3 else 10), db.tenant(tenant) as tx:
                    rows = await tx.fetch("select tenant_id from identity.key")
                    assert [row["tenant_id"] for row in rows] == [tenant]
            except (TimeoutError, Unavailable):
                continue

    await asyncio.gather(*(reader(tenant) for tenant in (twins.a.id, twins.b.id) * 4))
    await db.close()
