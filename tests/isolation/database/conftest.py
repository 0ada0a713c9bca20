"""Twin tenants with look-alike rows and a canary in B's; each test attacks as A and then lets B do the same, allowed.

The database is a module's, for it costs more to make than most attacks; the twins are each test's own. So a test that
looks over all tenants finds those of others too.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from strongroom.kernel.ids import TenantId
from strongroom.store import Appender, Database, feed
from strongroom.store.testing import TestDatabase

CANARY = "canary-b-41c7"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Tenant:
    id: TenantId
    name: str
    workload: UUID
    key: str
    deployment: UUID


@dataclass(frozen=True)
class Twins:
    a: Tenant
    b: Tenant
    canary: str = CANARY


@pytest.fixture(scope="module")
async def database(shared_database: TestDatabase) -> TestDatabase:
    return shared_database


@pytest.fixture(scope="module")
async def db(shared_db: Database) -> Database:
    async with shared_db.operator() as tx:
        await tx.execute(
            "insert into registry.release values ($1, 'm', '1', 'chat', 'gguf', 1, 'x', $2)", "sha256:" + "0" * 64, NOW
        )
    return shared_db


@pytest.fixture(scope="module")
async def appender(database: TestDatabase) -> AsyncGenerator[Appender]:
    appender = await Appender.connect(database.gateway)
    yield appender
    await appender.close()


@pytest.fixture
async def twins(db: Database) -> Twins:
    pair = secrets.token_hex(4)
    return Twins(a=await tenant(db, f"{pair}-a", "a" * 16, "plain"), b=await tenant(db, f"{pair}-b", "b" * 16, CANARY))


async def tenant(db: Database, name: str, key: str, mark: str) -> Tenant:
    made = Tenant(id=TenantId(uuid4()), name=name, workload=uuid4(), key=key, deployment=uuid4())
    async with db.operator() as tx:
        await tx.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", made.id, name)
        await tx.execute("insert into identity.environment (tenant_id, name) values ($1, 'dev')", made.id)
    async with db.tenant(made.id) as tx:
        await tx.execute(
            "insert into identity.workload values ($1, $2, 'dev', 'w', 'inference', $3, $4, null, 't', 'p', 'f')",
            made.id,
            made.workload,
            mark,
            NOW,
        )
        await tx.execute(
            "insert into identity.key values ($1, $2, $3, $4, 1, $5, 'o', $6, 'infinity')",
            made.id,
            key,
            made.workload,
            key.encode() * 2,
            mark,
            NOW,
        )
        await tx.execute(
            "insert into registry.deployment values ($1, $2, 'dev', 'd', $3, $4)",
            made.id,
            made.deployment,
            "sha256:" + "0" * 64,
            NOW,
        )
        await tx.execute(
            """insert into rules.document (tenant_id, kind, level, version, digest, body, author, credential, reason)
               values ($1, 'disclosure', 'own', 1, repeat('0', 64), '{}', 'x', 'x', $2)""",
            made.id,
            mark,
        )
        await tx.execute(
            """insert into audit.entry (tenant_id, id, actor, credential, action, resource, outcome, reason)
               values ($1, $2, 'x', 'x', 'x', 'x', 'allowed', $3)""",
            made.id,
            uuid4(),
            mark,
        )
        await feed.publish(tx, "key", key, mark.encode())
    return made
