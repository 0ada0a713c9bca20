"""Records of requests are sealed into their tenant's log in batches, and each can be proven to somebody who has nothing but a key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from strongroom.audit import reading
from strongroom.audit.events import decode
from strongroom.audit.sealing import Sequencer
from strongroom.audit.testing import LocalNotary
from strongroom.audit.tlog import leaf_hash, verify_inclusion
from strongroom.cli.receipts import record_holds
from strongroom.gateway.record_seals import BATCH, SEAL, RecordSealer, prove
from strongroom.gateway.tables import Common, RequestRecord, insert_records
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.store import Appender, Database, Sealer
from strongroom.store.testing import TestDatabase

ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))


def record(tenant: TenantId, number: int) -> RequestRecord:
    at = datetime.now(UTC) - timedelta(seconds=number)
    common = Common(
        tenant, "prod", UUID(int=3), "0123456789abcdef", UUID(int=4), f"sha256:{'b' * 64}", "chat", 200, "p", "completed",
        "relayed", "", "openai", "local", "r", '{"limits": "x"}',
    )  # fmt: skip
    return RequestRecord(common, new_uuid(), at, 40, number, 1234, 99, 0)


@pytest.fixture
async def keeper(database: TestDatabase, tmp_path: Path) -> AsyncGenerator[tuple[RecordSealer, Sequencer]]:
    sealer, notary = await Sealer.connect(database.keeper), LocalNotary(tmp_path / "notary")
    clock = SystemClock()
    yield (
        RecordSealer(sealer, clock, every_s=0),
        Sequencer(sealer, notary, clock, anchor_every_s=0, tell=lambda _: None),
    )
    notary.notary.close()
    await sealer.close()


async def test_a_record_is_proven_by_its_batch_and_the_batch_by_the_log(
    keeper: tuple[RecordSealer, Sequencer], db: Database, appender: Appender
) -> None:
    seals, sequencer = keeper
    records = [record(tenant, number) for tenant in (ACME, GLOBEX) for number in range(37)]
    async with appender.append() as tx:
        await insert_records(tx, records)
    assert await seals.round() == 74
    assert await seals.round() == 0, "each is in one batch"
    await sequencer.round()
    async with db.tenant(ACME) as tx:
        (batch,) = await reading.search(tx, reading.Wanted(action=SEAL), 10)
        assert batch[0].detail["count"] == "37"
        proof = await prove(tx, records[5].id)
        assert proof is not None
        assert proof.batch == batch[0].id
        found = await reading.receipt(tx, proof.batch)
        assert found is not None
        assert await prove(tx, records[40].id) is None, "the record is another tenant's"
    root = bytes.fromhex(decode(found[0].event).unmapped["root"])
    assert verify_inclusion(leaf_hash(proof.record.encode()), proof.index, proof.size, proof.path, root)
    assert f'"id":"{records[5].id}"' in proof.record
    extra = {"record": proof.record, "index": proof.index, "size": proof.size, "path": list(proof.path)}
    assert record_holds(msgspec.json.encode(extra), found[0].event)[0]
    for change in (
        {"record": proof.record.replace('"status":200', '"status":500')},
        {"index": (proof.index + 1) % 37},
        {"size": 36},
    ):
        assert not record_holds(msgspec.json.encode(extra | change), found[0].event)[0]


async def test_many_records_are_many_batches_and_few_wait_for_each_other(
    database: TestDatabase, appender: Appender
) -> None:
    sealer = await Sealer.connect(database.keeper)
    seals = RecordSealer(sealer, SystemClock(), every_s=3600)
    async with appender.append() as tx:
        await insert_records(tx, [record(ACME, number) for number in range(BATCH + 3)])
    assert [await seals.round() for _ in range(3)] == [BATCH, 3, 0]
    async with appender.append() as tx:
        await insert_records(tx, [record(ACME, 1)])
    assert await seals.round() == 0, "it waits for others"
    await sealer.close()


async def test_a_record_that_is_sealed_is_changed_by_nobody_who_serves(
    keeper: tuple[RecordSealer, Sequencer], database: TestDatabase, appender: Appender
) -> None:
    made = record(ACME, 1)
    async with appender.append() as tx:
        await insert_records(tx, [made])
    await keeper[0].round()
    sealer = await Sealer.connect(database.keeper)
    async with sealer.look() as tx:
        assert await tx.execute("update gateway.record set batch = $1 where id = $2", new_uuid(), made.id) == "UPDATE 0"
    await sealer.close()
