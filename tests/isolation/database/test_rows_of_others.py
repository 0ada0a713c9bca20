"""Tests 23, 25, 27, 28, 29, 30: whatever SQL the serving roles are made to run, B's rows stay B's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import pytest

from strongroom.kernel.ids import TenantId
from strongroom.store import Appender, Conflict, Database, Denied, Dsn, roles
from strongroom.store.lint import lint
from strongroom.store.testing import TestDatabase

if TYPE_CHECKING:
    from tests.isolation.database.conftest import Twins

TENANT_TABLES = [
    "identity.tenant",
    "identity.environment",
    "identity.workload",
    "identity.key",
    "registry.deployment",
    "rules.document",
    "audit.entry",
]


async def raw(dsn: Dsn) -> asyncpg.Connection[asyncpg.Record]:
    """Open what an attacker with a role's password would have: a connection with no care taken."""
    return await asyncpg.connect(**dsn.arguments())


@pytest.mark.parametrize("table", TENANT_TABLES)
async def test_23_without_a_tenant_there_are_no_rows(database: TestDatabase, twins: Twins, table: str) -> None:
    connection = await raw(database.control)
    try:
        for setting in (None, "", "00000000-0000-0000-0000-000000000000"):
            if setting is not None:
                await connection.execute(f"set strongroom.tenant = '{setting}'")
            assert await connection.fetch(f"select * from {table}") == []  # noqa: S608 - names from above
        await connection.execute("set strongroom.tenant = 'not a uuid'")
        with pytest.raises(asyncpg.DataError):
            await connection.fetch(f"select * from {table}")  # noqa: S608 - as above
        # The control: with B's tenant set, the same connection sees B's row.
        await connection.execute(f"set strongroom.tenant = '{twins.b.id}'")
        rows = await connection.fetch(f"select * from {table}")  # noqa: S608 - as above
        assert [row["tenant_id"] for row in rows] == [twins.b.id]
    finally:
        await connection.close()


@pytest.mark.parametrize("set_to", ["nothing", "other"])
async def test_23_without_its_tenant_nothing_is_written(database: TestDatabase, twins: Twins, set_to: str) -> None:
    connection = await raw(database.control)
    insert = f"insert into identity.environment (tenant_id, name) values ('{twins.b.id}', 'test')"  # noqa: S608 - a UUID
    try:
        if set_to == "other":
            await connection.execute(f"set strongroom.tenant = '{twins.a.id}'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(insert)
        for change in (
            "update identity.key set label = 'x' where tenant_id = $1",
            "update identity.workload set owner = 'x' where tenant_id = $1",
        ):
            assert await connection.execute(change, twins.b.id) == "UPDATE 0"
        await connection.execute(f"set strongroom.tenant = '{twins.b.id}'")
        assert await connection.execute(insert) == "INSERT 0 1"
    finally:
        await connection.close()


INJECTED = [
    "set_config('strongroom.tenant', '{b}', true)",
    "set_config('strongroom.tenant', '{b}', false)",
    "pg_catalog.set_config('role', 'sr_operator', true)",
    "query_to_xml('set local strongroom.tenant = ''{b}''', true, true, '')::text",
    "query_to_xml('select * from identity.key', true, true, '')::text",
    "(select count(*) from ts_stat('set local strongroom.tenant = ''{b}'''))::text",
    "lo_from_bytea(0, 'kept')::text",
    "pg_read_file('/etc/passwd')",
    "pg_terminate_backend(pg_backend_pid())::text",
]


@pytest.mark.parametrize("expression", INJECTED)
async def test_25_an_injected_expression_does_not_switch_tenant(db: Database, twins: Twins, expression: str) -> None:
    hostile: str = "select " + expression.format(b=twins.b.id)
    with pytest.raises(Denied):
        await attack(db, twins.a.id, hostile)
    # Neither does it in one statement with the read: a scalar beside the rows.
    with pytest.raises(Denied):
        await attack(db, twins.a.id, f"{hostile}, label from identity.key")
    async with db.tenant(twins.a.id) as tx:
        assert await tx.fetch("select label from identity.key where label = $1", twins.canary) == []
    async with db.tenant(twins.b.id) as tx:
        assert await tx.fetchval("select label from identity.key") == twins.canary


async def test_25_a_second_statement_cannot_be_appended(db: Database, twins: Twins) -> None:
    # The extended protocol takes one statement; a fetch is always extended, an execute is with a parameter.
    stacked: str = f"select $1::text; set local strongroom.tenant = '{twins.b.id}'"
    async with db.tenant(twins.a.id) as tx:
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await tx.fetch(stacked, "x")  # type: ignore[arg-type,unused-ignore]


async def attack(db: Database, tenant: TenantId, sql: str) -> None:
    async with db.tenant(tenant) as tx:
        await tx.fetch(sql)  # type: ignore[arg-type,unused-ignore]  # built from text, as no code of ours may


@pytest.mark.parametrize("role", roles.SERVING)
@pytest.mark.parametrize(
    "statement",
    [
        "set role sr_owner",
        "set role postgres",
        "set session authorization postgres",
        "create table t (a int)",
        "create temp table t (a int)",
        "create function f() returns int language sql as 'select 1'",
        "do $$ begin perform 1; end $$",
        "alter table identity.key disable row level security",
        "drop policy own_tenant on identity.key",
        "copy identity.key to program 'cat'",
        "create schema mine",
        "alter role sr_control bypassrls",
    ],
)
async def test_25_no_role_steps_out_of_itself(database: TestDatabase, role: str, statement: str) -> None:
    dsn = {
        roles.CONTROL: database.control,
        roles.OPERATOR: database.operator,
        roles.GATEWAY: database.gateway,
        roles.KEEPER: database.keeper,
    }[role]
    connection = await raw(dsn)
    try:
        with pytest.raises(
            (asyncpg.InsufficientPrivilegeError, asyncpg.InvalidSchemaNameError)
        ):  # no schema to write in
            await connection.execute(statement)
        assert await connection.fetchval("select 1") == 1
    finally:
        await connection.close()


async def test_25_no_role_hands_on_what_it_has(database: TestDatabase) -> None:
    for dsn in (database.control, database.operator):
        connection = await raw(dsn)
        with contextlib.suppress(asyncpg.InsufficientPrivilegeError):  # refused or, for an insider, a warning
            await connection.execute("grant select on identity.key to sr_gateway, public")
        await connection.close()
    assert await lint(database.admin) == []


async def test_27_a_partition_is_not_read_around_its_parent(
    database: TestDatabase, twins: Twins, db: Database, appender: Appender
) -> None:
    async with appender.append() as tx:
        await tx.execute(
            """insert into gateway.record
               select $1, current_date, $2, now(), 'dev', $3, 'k', null, null, 'chat', 200, 1, 1, 1, 'p'""",
            twins.b.id, uuid4(), twins.b.workload,
        )  # fmt: skip
    for dsn in (database.control, database.operator, database.gateway):
        connection = await raw(dsn)
        await connection.execute(f"set strongroom.tenant = '{twins.a.id}'")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch("select * from gateway.record_default")
        await connection.close()
    async with db.tenant(twins.a.id) as tx:
        assert await tx.fetch("select * from gateway.record") == []
    async with db.tenant(twins.b.id) as tx:
        assert len(await tx.fetch("select * from gateway.record")) == 1


async def test_28_a_foreign_key_does_not_reach_bs_row(db: Database, twins: Twins) -> None:
    insert = "insert into identity.key values ($1, $2, $3, $4, 1, '', 'o', now(), 'infinity')"
    with pytest.raises(Conflict) as caught:
        async with db.tenant(twins.a.id) as tx:
            await tx.execute(insert, twins.a.id, "c" * 16, twins.b.workload, b"x" * 32)
    missing = caught.value.constraint
    with pytest.raises(Conflict) as caught:
        async with db.tenant(twins.a.id) as tx:
            await tx.execute(insert, twins.a.id, "c" * 16, uuid4(), b"x" * 32)
    assert caught.value.constraint == missing  # B's workload and no workload at all are told alike
    async with db.tenant(twins.b.id) as tx:
        assert await tx.execute(insert, twins.b.id, "c" * 16, twins.b.workload, b"x" * 32) == "INSERT 0 1"


async def test_29_a_unique_value_of_bs_gives_no_signal(db: Database, twins: Twins) -> None:
    key = "insert into identity.key values ($1, $2, $3, $4, 1, '', 'o', now(), 'infinity') on conflict do nothing"
    deployment = "insert into registry.deployment values ($1, $2, 'dev', 'same', $3, now())"
    async with db.tenant(twins.b.id) as tx:
        assert await tx.execute(deployment, twins.b.id, uuid4(), "sha256:" + "0" * 64) == "INSERT 0 1"
    async with db.tenant(twins.a.id) as tx:
        # B's key id and B's deployment's name are free for A: there is nothing to notice.
        assert await tx.execute(key, twins.a.id, twins.b.key, twins.a.workload, b"x" * 32) == "INSERT 0 1"
        assert await tx.execute(deployment, twins.a.id, uuid4(), "sha256:" + "0" * 64) == "INSERT 0 1"
    with pytest.raises(Conflict):
        async with db.tenant(twins.b.id) as tx:
            await tx.execute(deployment, twins.b.id, uuid4(), "sha256:" + "0" * 64)


async def test_29_an_upsert_on_bs_row_is_refused_like_any_foreign_row(db: Database, twins: Twins) -> None:
    upsert = """insert into feed.entry select $1, 'key', $2, v.version, 'mine', false from feed.version v
                on conflict (tenant_id, kind, id) do update set body = excluded.body"""
    for name in (twins.b.key, "not there"):
        with pytest.raises(Denied) as caught:
            async with db.tenant(twins.a.id) as tx:
                await tx.execute(upsert, twins.b.id, name)
        assert twins.canary not in str(caught.value)
    async with db.tenant(twins.b.id) as tx:
        assert await tx.execute(upsert, twins.b.id, twins.b.key) == "INSERT 0 1"


async def test_29_a_tenants_name_cannot_be_tried(db: Database, twins: Twins) -> None:
    for name in (twins.b.name, "free"):
        with pytest.raises(Denied):
            async with db.tenant(twins.a.id) as tx:
                await tx.execute("update identity.tenant set name = $1", name)


async def test_30_no_role_reads_other_sessions_sql(database: TestDatabase, twins: Twins) -> None:
    victim = await raw(database.control)
    spy = await raw(database.control)
    try:
        await victim.execute(f"set application_name = 'app'; set strongroom.tenant = '{twins.b.id}'")
        await victim.fetch(f"select '{twins.canary}'")
        for attempt in (
            "select query from pg_stat_activity",
            "select query from pg_stat_get_activity(null)",
            "select pg_stat_get_backend_activity(s) from pg_stat_get_backend_idset() s",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await spy.fetch(attempt)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await spy.execute("set track_activities = on")
        assert twins.canary not in str(await spy.fetch("select * from pg_locks, pg_cursors"))
        # Behind that, the server has not kept the text at all; the administrator sees the session and no statement.
        admin = await raw(database.admin)
        rows = await admin.fetch("select query from pg_stat_activity where usename = 'sr_control'")
        await admin.close()
        assert rows
        assert all(twins.canary not in (row["query"] or "") for row in rows)
    finally:
        await victim.close()
        await spy.close()


async def test_the_gateway_appends_and_reads_nothing_but_the_feed(database: TestDatabase, twins: Twins) -> None:
    connection = await raw(database.gateway)
    try:
        for table in (
            *TENANT_TABLES,
            "identity.account",
            "identity.account_key",
            "gateway.record",
            "audit.platform_entry",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"select * from {table}")  # noqa: S608 - names from above
        for change in (
            "update audit.entry set reason = ''",
            "delete from audit.entry",
            "update feed.entry set body = ''",
            "delete from gateway.record",
            "update feed.version set version = 0",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
        seen = {row["tenant_id"] for row in await connection.fetch("select * from feed.entry")}
        assert {twins.a.id, twins.b.id} <= seen
    finally:
        await connection.close()


async def test_nobody_rewrites_the_audit_log(database: TestDatabase, twins: Twins) -> None:
    for dsn in (database.control, database.operator, database.gateway):
        connection = await raw(dsn)
        await connection.execute(f"set strongroom.tenant = '{twins.a.id}'")
        for change in (
            "update audit.entry set reason = ''",
            "delete from audit.entry",
            "truncate audit.entry",
            "delete from audit.platform_entry",
            "update audit.platform_entry set sealed_at = now()",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(change)
        await connection.close()


async def test_operators_do_not_see_fingerprints_of_tenants(db: Database, twins: Twins) -> None:
    with pytest.raises(Denied):
        async with db.operator() as tx:
            await tx.fetch("select fingerprint from identity.key")
    async with db.operator() as tx:
        seen = {row["tenant_id"] for row in await tx.fetch("select tenant_id from identity.key")}
        assert {twins.a.id, twins.b.id} <= seen


async def test_23_the_installations_rules_are_read_in_a_tenant_and_written_in_none(db: Database, twins: Twins) -> None:
    platform = "00000000-0000-0000-0000-000000000000"
    insert = """insert into rules.document (tenant_id, kind, level, version, digest, body, author, credential, reason)
                values ($1, 'limits', $2, 1, repeat('0', 64), '{}', 'x', 'x', 'x')"""
    for tenant, level in ((platform, "default"), (twins.b.id, "ceiling")):
        with pytest.raises(Denied):
            async with db.tenant(twins.a.id) as tx:
                await tx.execute(insert, tenant, level)
    async with db.tenant(twins.a.id) as tx:
        assert {row["tenant_id"] for row in await tx.fetch("select tenant_id from rules.document")} == {twins.a.id}
        for change in ("update rules.document set body = ''", "delete from rules.document"):
            with pytest.raises(Denied):
                async with db.tenant(twins.a.id) as other:
                    await other.execute(change)  # type: ignore[arg-type,unused-ignore]
    async with db.operator() as tx:
        with pytest.raises(Denied):
            async with db.operator() as other:
                await other.execute(insert, twins.b.id, "ceiling")
        await tx.execute(insert, platform, "default")
    async with db.tenant(twins.a.id) as tx:
        assert await tx.fetchval("select count(*) from rules.document where level = 'default'") == 1
