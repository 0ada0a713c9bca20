"""Test 26: the lint finds each broken promise in a real database, and none in one that our migrations made."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TypeAlias

import asyncpg
import pytest

from strongroom.store.lint import EXCEPTIONS, RULES, inspect, lint
from strongroom.store.testing import TestDatabase

Admin: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

OPEN = "create table identity.t (tenant_id uuid not null, id uuid not null, primary key (tenant_id, id));"
DONE = (
    OPEN
    + """
    comment on table identity.t is 'a test'; alter table identity.t owner to sr_owner;
    alter table identity.t enable row level security; alter table identity.t force row level security;
    create policy own_tenant on identity.t to sr_control
        using (tenant_id = nullif(current_setting('strongroom.tenant', true), '')::uuid);
    """
)

BREAKS: dict[str, list[str]] = {
    "row-security": [
        "alter table identity.key no force row level security",
        "alter table identity.key disable row level security",
        "alter table gateway.record_default no force row level security",
        OPEN,
    ],
    "no-policy": ["drop policy own_tenant on identity.key; drop policy operator_read on identity.key", OPEN],
    "open-policy": [
        DONE + "create policy wide on identity.t for select to sr_control using (true)",
        DONE + "create policy wide on identity.t for insert to sr_control with check (true)",
        DONE
        + """create policy wide on identity.t to sr_control
             using (tenant_id = current_setting('strongroom.tenant')::uuid or tenant_id is not null)""",
        DONE + "create policy wide on identity.t to sr_control using (id is not null)",
    ],
    "public-policy": ["create policy anybody on identity.key for select using (tenant_id = id::uuid)"],
    "tenant-first": [
        DONE + "create unique index bad on identity.t (id)",
        DONE + "alter table identity.t add constraint bad unique (id, tenant_id)",
        DONE + "alter table identity.t add foreign key (id) references identity.tenant (tenant_id)",
        "create table registry.p (w uuid references identity.tenant (tenant_id)); comment on table registry.p is 'x'",
    ],
    "undocumented": ["comment on table identity.key is null"],
    "definer-function": [
        "create function identity.f() returns int security definer language sql as 'select 1'",
        "create function identity.f() returns int language sql as 'select 1'",
    ],
    "trigger": [
        "alter table feed.version disable trigger one_step",
        "create trigger t before insert on identity.key for each row execute function feed.one_step()",
        "create rule r as on insert to identity.key do nothing",
        """create function feed.e() returns event_trigger language plpgsql as 'begin end';
           create event trigger e on ddl_command_end execute function feed.e()""",
    ],
    "materialised-view": ["create materialized view identity.m as select * from identity.key"],
    "definer-view": ["create view identity.v as select * from identity.key"],
    "sequence": ["create sequence identity.s", "alter table identity.key add n int generated always as identity"],
    "foreign-table": [
        """create foreign data wrapper w; create server s foreign data wrapper w;
           create foreign table identity.f (a int) server s"""
    ],
    "owner": ["alter table identity.key owner to current_user"],
    "unexpected-schema": ["create schema elsewhere"],
    "public-table": ["create table public.t (a int)"],
    "owns": ["alter table identity.key owner to sr_control", "create schema mine authorization sr_gateway"],
    "public-grant": [
        "grant select on identity.key to public",
        "grant select (id) on identity.key to public",
        "grant usage on schema identity to public",
        "grant usage on schema public to public",
    ],
    "stranger-grant": ["grant select on identity.key to pg_monitor"],
    "partition-grant": ["grant select on gateway.record_default to sr_control"],
    "gateway-reads": [
        "grant select on audit.entry to sr_gateway",
        "grant select (label) on identity.key to sr_gateway",
        "grant update on feed.version to sr_gateway; grant select on gateway.record to sr_gateway",
    ],
    "erasable": [
        "grant delete on identity.key to sr_control",
        "grant truncate on audit.entry to sr_operator",
        "grant trigger on identity.key to sr_control",
    ],
    "audit-changes": [
        "grant update on audit.entry to sr_control",
        "grant update (sealed_at) on audit.platform_entry to sr_operator",
        "grant update (status) on gateway.record to sr_control",
    ],
    "keeper-reach": ["grant select on identity.key to sr_keeper", "grant delete on audit.tile to sr_keeper"],
    "dangerous-function": [
        "grant execute on function pg_catalog.set_config to sr_control",
        "grant execute on function pg_catalog.set_config to public",
        "grant execute on function pg_catalog.pg_read_file(text) to sr_control",
        "grant select on pg_catalog.pg_stat_activity to public",
        "grant usage on language plpgsql to public",
        "grant create on schema public to sr_gateway",
    ],
    "stale-exception": [
        "drop policy operator_read on identity.workload",
        "drop trigger now_or_never on feed.entry",
    ],
}

ON_ROLES: dict[str, list[str]] = {
    "powers": [
        "alter role sr_control bypassrls",
        "alter role sr_operator superuser",
        "alter role sr_gateway createrole",
        "alter role sr_owner login",
        "grant sr_owner to sr_control",
        "grant pg_read_all_data to sr_gateway",
    ],
    "unbounded-role": [
        "alter role sr_control connection limit -1",
        "alter role sr_gateway reset statement_timeout",
        "alter role sr_control reset track_activities",
    ],
}


@pytest.fixture(scope="module")
async def admin(shared_database: TestDatabase) -> AsyncGenerator[Admin]:
    """One administrator's session for all attacks: opening one costs as much as an attack and the look after it."""
    connection: Admin = await asyncpg.connect(**shared_database.admin.arguments())
    yield connection
    await connection.close()


async def test_a_fresh_database_has_no_findings(database: TestDatabase) -> None:
    assert await lint(database.admin) == []


@pytest.mark.parametrize(
    ("rule", "attack"), [(rule, attack) for rule, attacks in (BREAKS | ON_ROLES).items() for attack in attacks]
)
async def test_each_broken_promise_is_found(admin: Admin, rule: str, attack: str) -> None:
    # Whatever it breaks is broken in a transaction alone: roles belong to a server that other tests use as well.
    change = admin.transaction()
    await change.start()
    try:
        await admin.execute(attack)
        findings = await inspect(admin, EXCEPTIONS)
    finally:
        await change.rollback()
    assert rule in {finding.rule for finding in findings}
    assert all(finding.mend and finding.problem for finding in findings)


async def test_an_exception_excuses_its_subject_alone(admin: Admin) -> None:
    change = admin.transaction()
    await change.start()
    try:
        await admin.execute(DONE + "create policy wide on identity.t for select to sr_control using (true)")
        excused = {**EXCEPTIONS, ("open-policy", "identity.t.wide"): "a test"}
        assert await inspect(admin, excused) == []
        await admin.execute("create policy other on identity.t for select to sr_control using (true)")
        (finding,) = await inspect(admin, excused)
    finally:
        await change.rollback()
    assert (finding.rule, finding.subject) == ("open-policy", "identity.t.other")


def test_every_rule_is_broken_by_some_test() -> None:
    assert {rule.name for rule in RULES} <= BREAKS.keys() | ON_ROLES.keys()


def test_every_exception_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())
