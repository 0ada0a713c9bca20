"""What a serving role's own grants would let injected SQL do beyond rows: to the feed, to a tenant's end, to the log."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from strongroom.store import Appender, Conflict, Database, Denied, Dsn, feed

if TYPE_CHECKING:
    from tests.isolation.database.conftest import Twins

    from strongroom.store.testing import TestDatabase


@pytest.mark.parametrize("version", ["version + 2", "version - 1", "0", "version", "9223372036854775807"])
async def test_the_feeds_version_moves_by_one(database: TestDatabase, version: str) -> None:
    for dsn in (database.control, database.operator):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await run(dsn, f"update feed.version set version = {version}")  # noqa: S608 - from above
        assert await run(dsn, "update feed.version set version = version + 1") == "UPDATE 1"


@pytest.mark.parametrize("version", ["v.version + 1", "v.version - 1", "9223372036854775807"])
async def test_a_document_has_the_feeds_version(db: Database, twins: Twins, version: str) -> None:
    put = f"insert into feed.entry select $1, 'key', $2, {version}, 'x' from feed.version v"  # noqa: S608 - from above
    change = f"update feed.entry e set version = {version} from feed.version v where tenant_id = $1"  # noqa: S608 - as above
    with pytest.raises(Denied):
        async with db.tenant(twins.a.id) as tx:
            await tx.execute(put, twins.a.id, "new")
    with pytest.raises(Denied):
        async with db.tenant(twins.a.id) as tx:
            await tx.execute(change, twins.a.id)
    async with db.tenant(twins.a.id) as tx:
        assert await feed.publish(tx, "key", "new", b"x") > 0


async def test_another_tenants_living_credential_is_not_claimed(db: Database, twins: Twins) -> None:
    async with db.tenant(twins.b.id) as tx:
        await feed.publish(tx, "credential", twins.b.key, b"bs")
    with pytest.raises(Conflict):
        async with db.tenant(twins.a.id) as tx:
            await feed.publish(tx, "credential", twins.b.key, b"as")
    async with db.tenant(twins.b.id) as tx:  # its own, again and again
        await feed.publish(tx, "credential", twins.b.key, b"bs")
        await feed.withdraw(tx, "credential", twins.b.key)


async def test_a_tenants_end_is_final_for_whoever_acts_in_it(db: Database, twins: Twins) -> None:
    change = "update identity.tenant set deleted_at = {} where tenant_id = $1"
    with pytest.raises(Denied):
        async with db.tenant(twins.a.id) as tx:
            await tx.execute(change.format("null"), twins.a.id)
    async with db.tenant(twins.a.id) as tx:
        assert await tx.execute(change.format("now()"), twins.a.id) == "UPDATE 1"
    for later in ("null", "now()", "'2020-01-01'"):
        async with db.tenant(twins.a.id) as tx:
            assert await tx.execute(change.format(later), twins.a.id) == "UPDATE 0"


@pytest.mark.parametrize("action", ["key.create", "database.restore", ""])
async def test_the_gateway_does_not_write_that_anything_was_administered(
    appender: Appender, twins: Twins, action: str
) -> None:
    own = """insert into audit.entry (tenant_id, id, actor, credential, action, resource, outcome)
             values ($1, $2, 'x', 'x', $3, 'x', 'allowed')"""
    platform = """insert into audit.platform_entry (id, actor, credential, action, resource, outcome)
                  values ($1, 'x', 'x', $2, 'x', 'allowed')"""
    with pytest.raises(Denied):
        async with appender.append() as tx:
            await tx.execute(own, twins.a.id, uuid4(), action)
    with pytest.raises(Denied):
        async with appender.append() as tx:
            await tx.execute(platform, uuid4(), action)
    async with appender.append() as tx:
        assert await tx.execute(own, twins.a.id, uuid4(), "model.invoke") == "INSERT 0 1"
        assert await tx.execute(platform, uuid4(), "model.see") == "INSERT 0 1"


async def run(dsn: Dsn, statement: str) -> str:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(**dsn.arguments())
    try:
        return await connection.execute(statement)
    finally:
        await connection.close()
