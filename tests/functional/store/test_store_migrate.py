"""Migrations apply once, whole, in order, under a lock; and a database of another history is left alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from strongroom.gateway.tables import Common, RequestRecord, insert_records
from strongroom.kernel.ids import TenantId, WorkloadId
from strongroom.rules.kind import digest as digest_of
from strongroom.rules.kind import encode
from strongroom.rules.retention import RETENTION
from strongroom.store import Appender, Database, Dsn, Unsafe, migrate, roles
from strongroom.store.migrate import Migration
from strongroom.store.testing import TestDatabase, TestServer, logins


def step(version: int, sql: str) -> Migration:
    digest = hashlib.sha256(sql.encode()).hexdigest()
    return Migration(version=version, name=f"m{version}", sql=sql, sha256=digest)


@pytest.fixture
async def passwords(postgres: TestServer) -> roles.Passwords:
    return postgres.passwords


@pytest.fixture
async def empty(postgres: TestServer) -> AsyncGenerator[Dsn]:
    async with migrate.administrator(postgres.admin) as connection:
        await connection.execute("create database empty_one template template0")
    yield postgres.admin.to("empty_one")
    async with migrate.administrator(postgres.admin) as connection:
        await connection.execute("drop database empty_one with (force)")


async def test_a_second_run_does_nothing(database: TestDatabase, passwords: roles.Passwords) -> None:
    assert await migrate.migrate(database.admin, passwords) == []


async def test_what_is_new_is_applied_as_the_owner(database: TestDatabase, passwords: roles.Passwords) -> None:
    ours = [*migrate.known(), step(len(migrate.known()) + 1, "create table store.extra (a int)")]
    assert await migrate.migrate(database.admin, passwords, ours=ours) == [f"{len(ours):04}_m{len(ours)}"]
    async with migrate.administrator(database.admin) as connection:
        owner = "select relowner::regrole::text from pg_class where relname = 'extra'"
        assert await connection.fetchval(owner) == "sr_owner"
    with pytest.raises(Unsafe, match="newer version"):
        await migrate.migrate(database.admin, passwords)


async def test_a_migration_that_fails_leaves_nothing(database: TestDatabase, passwords: roles.Passwords) -> None:
    number = len(migrate.known()) + 1
    ours = [*migrate.known(), step(number, "create table store.extra (a int); select 1 / 0")]
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate.migrate(database.admin, passwords, ours=ours)
    async with migrate.administrator(database.admin) as connection:
        assert await connection.fetchval("select to_regclass('store.extra')") is None
        assert number not in await migrate.applied(connection)


async def test_an_edited_migration_is_refused(database: TestDatabase, passwords: roles.Passwords) -> None:
    first, *rest = migrate.known()
    with pytest.raises(Unsafe, match=r"migration 0001 .* was edited"):
        await migrate.migrate(database.admin, passwords, ours=[step(first.version, first.sql + "-- !"), *rest])


async def test_two_at_once_apply_each_once(empty: Dsn, passwords: roles.Passwords) -> None:
    done = await asyncio.gather(*(migrate.migrate(empty, passwords) for _ in range(2)))
    assert sorted(len(names) for names in done) == [0, len(migrate.known())]


async def test_a_role_that_somebody_made_mighty_stops_everything(
    database: TestDatabase, passwords: roles.Passwords
) -> None:
    async with migrate.administrator(database.admin) as connection:
        change = connection.transaction()
        await change.start()
        await connection.execute("alter role sr_control bypassrls")
        with pytest.raises(Unsafe, match="sr_control"):
            await roles.ensure(connection, passwords)
        await change.rollback()


async def test_a_server_where_set_config_stays_open_is_refused(
    empty: Dsn, passwords: roles.Passwords, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a managed service: the REVOKE warns and does nothing.
    async def harden_in_vain(connection: object, database: str) -> None:
        assert connection
        async with migrate.administrator(empty) as own:
            await migrate.grant_connect(own, database)

    monkeypatch.setattr(migrate, "_harden", harden_in_vain)
    monkeypatch.setattr(migrate, "known", list)
    with pytest.raises(Unsafe, match="set_config could not be revoked"):
        await migrate.migrate(empty, passwords)


async def test_processes_refuse_an_unsafe_role_too(database: TestDatabase) -> None:
    async with migrate.administrator(database.admin) as connection:
        await connection.execute("grant execute on function pg_catalog.set_config to sr_operator")
    with pytest.raises(Unsafe, match="sr_operator may call set_config"):
        await Database.connect(database.control, database.operator)
    with pytest.raises(Unsafe, match="powers"):
        await Appender.connect(database.admin)


async def test_rules_of_retention_and_labels_of_before_are_taken_along(empty: Dsn, passwords: roles.Passwords) -> None:
    before = [each for each in migrate.known() if each.name not in {"erasure_reach", "retention_document"}]
    before = before[: next(at for at, each in enumerate(migrate.known()) if each.name == "erasure_reach")]
    await migrate.migrate(empty, passwords, ours=before)
    nobody, acme, globex, request = UUID(int=0), UUID(int=1), UUID(int=2), UUID(int=7)
    subject = f"sub_{'a' * 32}"
    async with migrate.administrator(empty) as admin:
        for tenant, name in ((acme, "acme"), (globex, "globex")):
            await admin.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
        for tenant, kind, days, smallest in (
            (nobody, "records", 90, None), (acme, "records", 30, None), (acme, "analytics", 700, 3),
        ):  # fmt: skip
            await admin.execute(
                "insert into retention.rule (tenant_id, class, days, smallest, reason, set_by) values ($1, $2, $3, $4, 'r', 's')",
                tenant, kind, days, smallest,
            )  # fmt: skip
        await admin.execute(
            """insert into registry.label (tenant_id, request_id, release_digest, environment, asked_at, label, predicted, told_at)
               values ($1, $2, 'r', 'prod', now(), 'good', 'bad', now())""",
            acme,
            request,
        )
    appender = await Appender.connect(logins(empty, passwords).gateway)
    common = Common(
        TenantId(acme), "prod", WorkloadId(UUID(int=3)), "0" * 16, None, None, "chat", 200, "p", "completed", "relayed", "",
        "openai", "local", "r", "{}",
    )  # fmt: skip
    async with appender.append() as tx:
        await insert_records(tx, [RequestRecord(common, request, datetime.now(UTC), 1, 1, 1, None, 0, subject)])
    await appender.close()
    assert await migrate.migrate(empty, passwords)
    async with migrate.administrator(empty) as admin:
        row = await admin.fetchrow("select body, digest from rules.document where kind = 'retention'")
        assert row is not None
        assert row["digest"] == digest_of(row["body"].encode())
        read = RETENTION.decode(row["body"].encode())
        assert encode(read).decode() == row["body"], "as this code would have written it"
        lines = {(each.tenant, each.class_, each.days, each.smallest) for each in RETENTION.ceiling(read.rules).lines}
        assert lines == {
            ("", "records", 90, None), ("acme", "records", 30, None), ("acme", "analytics", 700, 3),
        }  # fmt: skip
        rules = await admin.fetch("select tenant_id, class, days, smallest from retention.rule")
        assert {tuple(each.values()) for each in rules} == {
            (nobody, "records", 90, None), (acme, "records", 30, None), (acme, "analytics", 700, 3),
        }  # fmt: skip
        assert await admin.fetchval("select subject from registry.label where request_id = $1", request) == subject
