"""Flows over a real database: declared in order and for good, seen from records and the log, told once where undeclared."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import pytest

from strongroom.flows import Flows
from strongroom.flows.model import Applied
from strongroom.gateway.tables import Common, RequestRecord, insert_records
from strongroom.identity.approvals import Kind, Request, State
from strongroom.identity.approvals.service import Proposals
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask, AuditReader, Engine, Gate
from strongroom.store import Appender, Database, migrate
from strongroom.store.testing import TestDatabase

ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))
WORKLOAD, DEPLOYMENT = UUID(int=3), UUID(int=4)
ASK = Ask()
OPERATOR = Principal(role=Role.OPERATOR, name="op", credential=KeyId("0123456789abcdef"))
ANN = Principal(role=Role.TENANT_ADMIN, name="ann", credential=KeyId("1123456789abcdef"), tenant=ACME)
BEN = Principal(role=Role.TENANT_ADMIN, name="ben", credential=KeyId("2123456789abcdef"), tenant=ACME)
EVE = Principal(role=Role.TENANT_ADMIN, name="eve", credential=KeyId("3123456789abcdef"), tenant=GLOBEX)
READER = Principal(role=Role.TENANT_AUDITOR, name="kim", credential=KeyId("4123456789abcdef"), tenant=ACME)
FILE = """
[[flows]]
from = "workload:prod/*"
to = "model:prod/*"
data = ["text", "identifier"]
why = "support"

[[flows]]
from = "model:prod/*"
to = "workload:prod/*"
data = ["text"]
why = "support"
"""
NEXT = FILE.split("\n\n", maxsplit=1)[0].replace('"text", "identifier"', '"secret"')


@pytest.fixture
async def gate(db: Database, database: TestDatabase) -> Gate:
    async with migrate.administrator(database.admin) as admin:
        for tenant, name in ((ACME, "acme"), (GLOBEX, "globex")):
            await admin.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
            await admin.execute("insert into identity.environment (tenant_id, name) values ($1, 'prod')", tenant)
            await admin.execute(
                "insert into identity.workload (tenant_id, id, environment, name, role, owner, team, pager, purpose) "
                "values ($1, $2, 'prod', 'search', 'inference', 'o', 't', 'p', 'u')",
                tenant,
                WORKLOAD,
            )
            await admin.execute(
                "insert into registry.deployment (tenant_id, id, environment, name, kind) "
                "values ($1, $2, 'prod', 'support', 'chat')",
                tenant,
                DEPLOYMENT,
            )
    return Gate(db, Engine.load(), SystemClock())


async def met(appender: Appender, findings: str | None, tenant: TenantId = ACME, outcome: str = "completed") -> None:
    common = Common(
        tenant, "prod", WORKLOAD, "0123456789abcdef", DEPLOYMENT, None, "chat", 200, "p", outcome, "relayed", "", "openai",
        "local", "r", "{}", findings,
    )  # fmt: skip
    async with appender.append() as tx:
        await insert_records(tx, [RequestRecord(common, new_uuid(), datetime.now(UTC), 1, 1, 1, None, 0)])


async def found(gate: Gate) -> list[dict[str, str]]:
    entries = await AuditReader(gate).of_tenant(OPERATOR, ACME, ASK, limit=100)
    return [dict(each.detail) for each in entries if each.action == "flow.find"]


async def refused(flows: Flows, who: Principal, number: int, text: str, name: str = "support") -> RefusalKind:
    with pytest.raises(Refused) as caught:
        await flows.declare(who, ACME, number, name, text, "r", ASK)
    return caught.value.refusal.kind


async def test_files_are_applied_in_order_once_and_never_change(gate: Gate) -> None:
    flows = Flows(gate, SystemClock())
    assert await refused(flows, ANN, 2, FILE) is RefusalKind.CONFLICT, "no gap"
    assert await refused(flows, ANN, 1, "nonsense = 1") is RefusalKind.INVALID
    assert await refused(flows, EVE, 1, FILE) is RefusalKind.HIDDEN, "another tenant's are not there"
    assert await refused(flows, READER, 1, FILE) is RefusalKind.FORBIDDEN, "who may look may not declare"
    first = await flows.declare(ANN, ACME, 1, "support", FILE, "r", ASK)
    again = await flows.declare(BEN, ACME, 1, "support", FILE, "other", ASK)
    assert isinstance(again, Applied)
    assert isinstance(first, Applied)
    assert (again.author, again.digest, again.reason) == ("tenant-admin/ann", first.digest, "r")
    assert await refused(flows, ANN, 1, f"{FILE}\n# changed") is RefusalKind.CONFLICT
    assert await refused(flows, ANN, 1, FILE, "other") is RefusalKind.CONFLICT
    assert await refused(flows, ANN, 3, NEXT) is RefusalKind.CONFLICT
    assert [each.number for each in (await flows.picture(READER, ACME, ASK)).files] == [1]
    assert (await flows.picture(EVE, GLOBEX, ASK)).files == []


async def test_what_nobody_declared_is_told_once_however_many_look(gate: Gate, appender: Appender) -> None:
    flows = Flows(gate, SystemClock())
    await flows.declare(ANN, ACME, 1, "support", FILE, "r", ASK)
    await met(appender, '{"input":{"email":2}}')
    await met(appender, None, GLOBEX)
    await met(appender, '{"input":{"iban":1}}', outcome="refused")
    fine = await flows.picture(ANN, ACME, ASK)
    assert {(e.source, e.data, e.declared) for e in fine.edges} == {
        ("workload:prod/search", "text", 1), ("workload:prod/search", "email", 1), ("model:prod/support", "text", 1),
    }  # fmt: skip
    assert await found(gate) == [], "the control: what is declared is no finding"

    await met(appender, '{"input":{"api_key":1}}')
    looks = await asyncio.gather(*(flows.picture(who, ACME, ASK) for who in (ANN, BEN, READER)))
    assert all(("workload:prod/search", "api_key") in {(e.source, e.data) for e in each.undeclared} for each in looks)
    assert await flows.watch(ACME) >= 1
    said = [each for each in await found(gate) if each["data"] == "api_key"]
    assert [(each["signal"], each["from"], each["to"]) for each in said] == [
        ("flow-undeclared", "workload:prod/search", "model:prod/support")
    ]
    await flows.declare(BEN, ACME, 2, "keys", NEXT, "r", ASK)
    assert "api_key" not in {e.data for e in (await flows.picture(ANN, ACME, ASK)).undeclared}


async def test_who_takes_something_out_is_a_flow(gate: Gate) -> None:
    flows = Flows(gate, SystemClock())
    await AuditReader(gate).of_tenant(BEN, ACME, ASK)
    edges = (await flows.picture(ANN, ACME, ASK)).undeclared
    assert [(e.source, e.destination, e.data) for e in edges] == [
        ("store:audit-log", "account:tenant-admin/ben", "log")
    ]


async def test_in_production_somebody_else_applies_it(gate: Gate) -> None:
    flows = Flows(gate, SystemClock(), proposed=True)
    proposals = Proposals(gate, SystemClock(), {Kind.RULES: flows.in_force})
    asked = await flows.declare(ANN, ACME, 1, "support", FILE, "r", ASK)
    twin = await flows.declare(BEN, ACME, 1, "other", NEXT, "r", ASK)
    assert isinstance(asked, Request)
    assert isinstance(twin, Request)
    assert (await flows.picture(ANN, ACME, ASK)).files == []
    for who, kind in ((ANN, RefusalKind.FORBIDDEN), (EVE, RefusalKind.HIDDEN), (OPERATOR, RefusalKind.FORBIDDEN)):
        with pytest.raises(Refused) as caught:
            await proposals.decide(who, asked.id, "approve", asked.digest, "seen", ASK)
        assert caught.value.refusal.kind is kind
    done = await proposals.decide(BEN, asked.id, "approve", asked.digest, "seen", ASK)
    assert done.state is State.USED
    (file,) = (await flows.picture(ANN, ACME, ASK)).files
    assert (file.author, file.approved_by, file.text) == ("tenant-admin/ann", "tenant-admin/ben", FILE)
    with pytest.raises(Refused) as caught:  # another was applied under its number meanwhile
        await proposals.decide(ANN, twin.id, "approve", twin.digest, "seen", ASK)
    assert caught.value.refusal.kind is RefusalKind.CONFLICT


async def test_the_database_lets_nobody_change_a_file(gate: Gate, database: TestDatabase, db: Database) -> None:
    await Flows(gate, SystemClock()).declare(ANN, ACME, 1, "support", FILE, "r", ASK)
    async with migrate.administrator(database.admin) as admin:
        rows = await admin.fetch(
            "select grantee, privilege_type from information_schema.role_table_grants "
            "where table_schema = 'flows' and table_name = 'declaration' and grantee like 'sr\\_%' and grantee <> 'sr_owner'"
        )
    assert {tuple(row) for row in rows} == {("sr_control", "SELECT"), ("sr_control", "INSERT")}
    async with db.tenant(GLOBEX) as tx:
        assert await tx.fetch("select number from flows.declaration") == []
