"""A transaction is one tenant's, ends with its block, and leaves nothing behind."""

from __future__ import annotations

from uuid import uuid4

import pytest

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.store import Appender, Conflict, Database, Denied


async def new_tenant(db: Database, name: str) -> TenantId:
    tenant = TenantId(uuid4())
    async with db.operator() as tx:
        await tx.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
        await tx.execute("insert into identity.environment (tenant_id, name) values ($1, 'dev')", tenant)
    return tenant


async def change_and_raise(db: Database, tenant: TenantId) -> None:
    async with db.tenant(tenant) as tx:
        await tx.execute("update identity.environment set max_key_days = 1")
        raise LookupError


async def test_each_tenant_sees_its_own(db: Database) -> None:
    acme, globex = await new_tenant(db, "acme"), await new_tenant(db, "globex")
    for tenant, name in ((acme, "acme"), (globex, "globex")):
        async with db.tenant(tenant) as tx:
            assert [row["name"] for row in await tx.fetch("select name from identity.tenant")] == [name]


async def test_what_is_raised_undoes(db: Database) -> None:
    acme = await new_tenant(db, "acme")
    with pytest.raises(LookupError):
        await change_and_raise(db, acme)
    async with db.tenant(acme) as tx:
        assert await tx.fetchval("select max_key_days from identity.environment") == 90


async def test_a_transaction_that_is_over_answers_nothing(db: Database) -> None:
    async with db.operator() as tx:
        kept = tx
    with pytest.raises(RuntimeError, match="is over"):
        await kept.fetch("select 1")


async def test_a_conflict_names_its_constraint_and_no_value(db: Database) -> None:
    await new_tenant(db, "acme")
    with pytest.raises(Conflict) as caught:
        await new_tenant(db, "acme")
    assert caught.value.constraint == "tenant_name"
    assert "acme" not in str(caught.value)
    assert caught.value.__suppress_context__


async def test_a_missing_grant_is_denied(db: Database) -> None:
    acme = await new_tenant(db, "acme")
    with pytest.raises(Denied):
        async with db.tenant(acme) as tx:
            await tx.fetch("select * from identity.account")


@pytest.mark.parametrize("bad", [PLATFORM, "00000000-0000-0000-0000-000000000001", None])
async def test_only_a_tenants_uuid_opens_one(db: Database, bad: TenantId) -> None:
    with pytest.raises(ValueError, match="a tenant is a UUID"):
        async with db.tenant(bad):
            raise AssertionError


async def test_arrays_travel_though_set_config_is_revoked(db: Database) -> None:
    # asyncpg looks array types up, and calls set_config before that unless it is told not to.
    acme = await new_tenant(db, "acme")
    async with db.tenant(acme) as tx:
        rows = await tx.fetch("select * from unnest($1::uuid[], $2::int[]) as given (one, two)", [acme], [7])
    assert [(row["one"], row["two"]) for row in rows] == [(acme, 7)]


async def test_a_batch_that_is_sent_twice_counts_once(appender: Appender) -> None:
    tenant, ids = uuid4(), [uuid4() for _ in range(3)]
    tags: list[str] = []
    for _ in range(2):
        async with appender.append() as tx:
            tags.append(
                await tx.execute(
                    """
                    insert into gateway.record
                    select $1, current_date, given.id, now(), 'dev', $1, 'k', null, null, 'chat', 200, 1, 1, 1, 'p'
                    from unnest($2::uuid[]) as given (id) on conflict do nothing
                    """,
                    tenant,
                    ids,
                )
            )
    assert tags == ["INSERT 0 3", "INSERT 0 0"]
