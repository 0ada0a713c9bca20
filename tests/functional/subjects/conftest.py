"""Two tenants with people in them: records, kept responses and requests, in a real database with a real keystore."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from strongroom.audit.sealing import Sequencer
from strongroom.audit.sidecar import Sidecars
from strongroom.audit.testing import LocalNotary
from strongroom.gateway.exchange.asks import Message, TextPart
from strongroom.gateway.kept import Kept, Responses
from strongroom.gateway.record_seals import RecordSealer
from strongroom.gateway.tables import Common, RequestRecord, insert_records
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, WorkloadId, new_uuid
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Ask, Engine, Gate
from strongroom.registry.content import ContentStore
from strongroom.registry.datasets.personal import DatasetRows
from strongroom.store import Appender, Cabinet, Database, Sealer, migrate
from strongroom.store.testing import TestDatabase
from strongroom.subjects import Request, RequestKind, Subjects
from strongroom.subjects.registry import holders
from strongroom.subjects.work import Work
from strongroom.training.personal import TrainingRows
from strongroom.vault import FileKeystore, Keyring, Scope, Use, Vault

ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))
NAMES = {ACME: "acme", GLOBEX: "globex"}
WORKLOAD = WorkloadId(UUID(int=3))
JANE, JOHN = "Jane.Canary@example.org", "john@example.org"
ASK = Ask(request_id="req_subjects")
OPERATOR = Principal(role=Role.OPERATOR, name="root", credential=KeyId("0" * 16))


def person(role: Role = Role.TENANT_ADMIN, tenant: TenantId = ACME, name: str = "ada", key: str = "a") -> Principal:
    return Principal(role=role, name=name, credential=KeyId(key * 16), tenant=tenant)


ADA, BOB = person(), person(name="bob", key="b")


@dataclass
class People:
    """The services over one database, and what stands in it."""

    database: TestDatabase
    db: Database
    home: Path
    keystore: FileKeystore
    vault: Vault
    subjects: Subjects
    work: Work
    responses: Responses
    appender: Appender

    async def name(self, tenant: TenantId, name: str) -> str:
        return (await self.vault.keys(Scope(tenant, Use.SUBJECT_NAME))).pseudonym(name)

    async def asked(self, tenant: TenantId, name: str, *, at: datetime | None = None) -> UUID:
        """Have a person ask something: a record, and a kept response about them."""
        who = Principal(
            role=Role.INFERENCE, name="w", credential=KeyId("0" * 16), tenant=tenant, environment=Environment.PROD,
            workload=WORKLOAD,
        )  # fmt: skip
        subject, id_ = await self.name(tenant, name) if name else "", new_uuid()
        common = Common(
            tenant, "prod", WORKLOAD, "0" * 16, None, None, "chat", 200, "p", "completed", "relayed", "", "openai", "local",
            "r", "{}",
        )  # fmt: skip
        record = RequestRecord(common, id_, at or datetime.now(UTC), 1, 1, 1, None, 0, subject)
        async with self.appender.append() as tx:
            await insert_records(tx, [record])
        said = Kept(msgspec.Raw(b'{"said":"to %s"}' % name.encode()), (Message(role="user", parts=(TextPart(name),)),))
        assert await self.responses.keep(who, f"resp_{id_.hex}", said, subject) is None
        return id_

    async def take(self, name: str = JANE, kind: RequestKind = RequestKind.ERASE, who: Principal = ADA) -> Request:
        assert who.tenant is not None
        return await self.subjects.take(who, who.tenant, kind, name, "DSR-1", "they wrote", ASK)

    async def erase(self, request: Request, name: str | None = JANE, who: Principal = ADA) -> dict[str, Any]:
        tenant = who.tenant or ACME
        return dict(msgspec.json.decode(await self.work.erase(who, tenant, NAMES[tenant], request.id, name, ASK)))

    async def sql(self, statement: str, *values: object) -> Any:
        async with migrate.administrator(self.database.admin) as admin:
            return await admin.fetch(statement, *values)

    async def left(self, tenant: TenantId, name: str) -> tuple[int, int]:
        """Return how many records and kept responses there are of somebody, whatever any service says."""
        subject = await self.name(tenant, name)
        records = await self.sql("select from gateway.record where tenant_id = $1 and subject = $2", tenant, subject)
        kept = await self.sql("select from gateway.response where tenant_id = $1 and subject = $2", tenant, subject)
        return len(records), len(kept)


def files_of_people(home: Path, vault: Vault) -> tuple[DatasetRows, TrainingRows]:
    """Return the holders of files below a home."""
    content = home / "content"
    return DatasetRows(ContentStore(content / "datasets", vault, Use.DATASET)), TrainingRows(
        ContentStore(content / "training", vault)
    )


def services(
    database: TestDatabase, db: Database, home: Path, appender: Appender, *, production: bool = False
) -> People:
    clock = SystemClock()
    keystore = FileKeystore(home / "vault", Keyring.open(home / "keyring.json"), clock)
    vault = Vault(keystore, clock)
    gate = Gate(db, Engine.load(production=production), clock, sidecars=Sidecars(vault))
    rows, files = files_of_people(home, vault)
    places = holders(rows, files)
    subjects = Subjects(gate, vault, places, clock, production=production)
    work = Work(gate, subjects, vault, keystore, places, clock)
    responses = Responses(partial(Cabinet.connect, database.gateway), vault, clock)
    return People(database, db, home, keystore, vault, subjects, work, responses, appender)


@pytest.fixture
async def people(database: TestDatabase, db: Database, appender: Appender, tmp_path: Path) -> AsyncGenerator[People]:
    async with migrate.administrator(database.admin) as admin:
        for tenant, name in NAMES.items():
            await admin.execute("insert into identity.tenant (tenant_id, name) values ($1, $2)", tenant, name)
            await admin.execute("insert into identity.environment (tenant_id, name) values ($1, 'prod')", tenant)
            await admin.execute(
                "insert into identity.workload values ($1, $2, 'prod', 'w', 'inference', 'o', now(), null, 't', 'p', 'f')",
                tenant, WORKLOAD,
            )  # fmt: skip
    made = services(database, db, tmp_path, appender)
    yield made
    opened: Any = made.responses
    if opened._cabinet is not None:
        await opened._cabinet.close()


@pytest.fixture
async def peopled(people: People) -> People:
    """Jane and John in both tenants, and somebody whom no request names."""
    for tenant in (ACME, GLOBEX):
        for name in (JANE, JANE, JOHN, ""):
            await people.asked(tenant, name)
    return people


@dataclass
class Keeper:
    """What seals and signs logs."""

    records: RecordSealer
    sequencer: Sequencer
    vkey: Callable[[], str]

    async def seal(self) -> None:
        await self.records.round()
        for _ in range(3):
            await self.sequencer.round()


@pytest.fixture
async def keeper(database: TestDatabase, tmp_path: Path) -> AsyncGenerator[Keeper]:
    sealer, notary, clock = await Sealer.connect(database.keeper), LocalNotary(tmp_path / "notary"), SystemClock()
    yield Keeper(
        RecordSealer(sealer, clock, every_s=0),
        Sequencer(sealer, notary, clock, anchor_every_s=0, tell=lambda _: None),
        lambda: str(notary.notary.key),
    )
    notary.notary.close()
    await sealer.close()
