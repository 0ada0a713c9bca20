"""Entries get their places, heads are signed, and whatever turns a log back is seen: over a real database and a real notary."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from strongroom import audit
from strongroom.audit import Entry, Outcome
from strongroom.audit.sealing import ANCHOR, Sequencer, Trouble, tables
from strongroom.audit.testing import LocalNotary
from strongroom.audit.tlog import Checkpoint, Leaves, Note, leaf_hash
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.store import Database, Sealer, migrate
from strongroom.store.testing import TestDatabase

ACME, GLOBEX = TenantId(UUID(int=0x0190 << 112 | 1)), TenantId(UUID(int=0x0190 << 112 | 2))


def entry(action: str = "key.revoke", **more: Any) -> Entry:
    return Entry(
        id=new_uuid(),
        at=datetime.now(UTC),
        actor="operator/root",
        credential="",
        action=action,
        resource="installation/key/0123456789abcdef",
        outcome=Outcome.ALLOWED,
        **more,
    )


class Keeper:
    """One keeper over one database, with its notary beside it."""

    def __init__(self, sealer: Sealer, notary: LocalNotary, database: TestDatabase) -> None:
        self.sealer, self.notary, self.database = sealer, notary, database
        self.told: list[str] = []
        self.sequencer = self.another()

    def another(self) -> Sequencer:
        return Sequencer(self.sealer, self.notary, SystemClock(), anchor_every_s=0, tell=self.told.append)

    async def admin(self, statement: str, *values: object) -> Any:
        async with migrate.administrator(self.database.admin) as connection:
            return await connection.fetch(statement, *values)

    async def pulse(self) -> audit.Pulse:
        async with self.sealer.look() as tx:
            return await tables.pulse(tx)

    async def check(self, tenant: TenantId) -> Checkpoint:
        """Return the newest signed head of a log, after checking it against the very rows."""
        async with self.sealer.look() as tx:
            head = (await tables.heads(tx, [tenant]))[tenant]
        assert head.note is not None
        note = Note.parse(head.note)
        assert note.signed_by([self.notary.notary.key.named(head.origin)])
        rows = await self.admin(
            "select event from audit.entry where tenant_id = $1 and epoch = $2 and seq is not null order by seq"
            if tenant not in {PLATFORM, ANCHOR}
            else "select event from audit.platform_entry where $1::uuid is not null and epoch = $2 and seq is not null order by seq"
            if tenant == PLATFORM
            else "select record as event from audit.anchor where $1::uuid is not null and epoch = $2 order by seq",
            tenant,
            head.epoch,
        )
        found = Checkpoint.parse(note.text)
        assert found.root == Leaves(leaf_hash(row["event"]) for row in rows[: found.size]).root()
        assert found.size == len(rows)
        return found


@pytest.fixture
async def keeper(database: TestDatabase, tmp_path: Path) -> AsyncGenerator[Keeper]:
    sealer = await Sealer.connect(database.keeper)
    notary = LocalNotary(tmp_path / "notary")
    yield Keeper(sealer, notary, database)
    notary.notary.close()
    await sealer.close()


async def write(db: Database, tenant: TenantId, count: int) -> list[UUID]:
    made = [entry(detail={"number": str(number)}) for number in range(count)]
    async with db.tenant(tenant) as tx:
        for each in made:
            await audit.append(tx, each)
    return [each.id for each in made]


async def test_every_entry_gets_one_place_and_every_log_a_signed_head(keeper: Keeper, db: Database) -> None:
    await write(db, ACME, 300)
    await write(db, GLOBEX, 3)
    async with db.operator() as tx:
        await audit.append(tx, entry())
    await keeper.sequencer.round()
    assert ((await keeper.check(ACME)).size, (await keeper.check(GLOBEX)).size) == (300, 3)
    await write(db, ACME, 10)
    await keeper.sequencer.round()
    assert (await keeper.check(ACME)).size == 310
    assert (await keeper.check(PLATFORM)).size == 1
    assert (await keeper.check(ANCHOR)).size == 2
    pulse = await keeper.pulse()
    assert (pulse.trouble, pulse.vkey) == (Trouble.NONE, str(keeper.notary.notary.key))
    assert pulse.sound_for_s is not None
    assert pulse.sound_for_s < 60


async def test_names_of_logs_tell_nothing_of_their_tenants(keeper: Keeper, db: Database) -> None:
    await write(db, ACME, 1)
    await keeper.sequencer.round()
    origin = (await keeper.check(ACME)).origin
    assert str(ACME).replace("-", "")[:8] not in origin


async def test_a_keeper_that_starts_anew_goes_on(keeper: Keeper, db: Database) -> None:
    await write(db, ACME, 5)
    await keeper.sequencer.round()
    await write(db, ACME, 5)
    fresh = keeper.another()
    await fresh.round()
    assert (await keeper.check(ACME)).size == 10
    assert fresh.trouble in {Trouble.NONE, Trouble.CONTENDED}


async def test_a_signature_that_was_never_kept_is_asked_for_again(keeper: Keeper, db: Database) -> None:
    """The keeper died between the notary's answer and the database: the notary has seen a head that nobody kept."""
    await write(db, ACME, 5)
    await keeper.sequencer.round()
    await write(db, ACME, 5)
    await keeper.sequencer.round()
    await keeper.admin("update audit.log set signed_size = 5 where tenant_id = $1 returning 1", ACME)
    await write(db, ACME, 3)
    await keeper.sequencer.round()
    assert (await keeper.check(ACME)).size == 13
    assert keeper.sequencer.trouble is Trouble.NONE


async def test_without_a_notary_entries_are_sealed_and_it_is_told(keeper: Keeper, db: Database) -> None:
    await write(db, ACME, 1)
    await keeper.sequencer.round()
    keeper.notary.away = True
    await write(db, ACME, 1)
    before = await keeper.pulse()
    await keeper.sequencer.round()
    pulse = await keeper.pulse()
    assert pulse.trouble is Trouble.NOTARY
    assert "away" in pulse.said
    assert before.sound_for_s is not None
    keeper.notary.away = False
    await keeper.sequencer.round()
    assert (await keeper.check(ACME)).size == 2
    assert (await keeper.pulse()).trouble is Trouble.NONE


async def turned_back(keeper: Keeper, tenant: TenantId, size: int) -> None:
    """Make the database what it was when a log had `size` entries, as restoring a backup does."""
    (row,) = await keeper.admin("select note from audit.checkpoint where tenant_id = $1 and size = $2", tenant, size)
    root = Checkpoint.parse(Note.parse(row["note"]).text).root
    await keeper.admin("delete from audit.entry where tenant_id = $1 and seq >= $2 returning 1", tenant, size)
    await keeper.admin(
        "update audit.log set size = $2, signed_size = $2, root = $3, note = $4 where tenant_id = $1 returning 1",
        tenant,
        size,
        root,
        row["note"],
    )
    await keeper.admin(
        "update audit.tile set hashes = substring(hashes for $2) where tenant_id = $1 returning 1", tenant, size * 32
    )


@pytest.mark.parametrize("while_running", [False, True])
async def test_a_database_from_an_old_backup_is_a_fork_and_begins_anew_when_an_operator_says_so(
    keeper: Keeper, db: Database, while_running: bool
) -> None:
    await write(db, ACME, 6)
    await keeper.sequencer.round()
    await write(db, ACME, 4)
    await keeper.sequencer.round()
    await turned_back(keeper, ACME, 6)
    after = await write(db, ACME, 2)
    sequencer = keeper.sequencer if while_running else keeper.another()
    await sequencer.round()
    await sequencer.round()
    pulse = await keeper.pulse()
    assert pulse.trouble is Trouble.FORKED
    assert "audit recover" in pulse.said
    (row,) = await keeper.admin("select count(*) from audit.entry where sealed_at is null and id = any($1)", after)
    assert row["count"] == 2, "nothing is sealed in a log that is forked"

    async with db.operator() as tx:
        await audit.append(tx, entry("audit.recover", detail={"reason": "restored after a disk failed"}))
    await sequencer.round()
    await sequencer.round()
    head = await keeper.check(ACME)
    assert head.origin.endswith("/2")
    assert head.size == 3, "what it says of itself, and what had waited"
    (row,) = await keeper.admin(
        "select detail from audit.entry where tenant_id = $1 and action = 'log.begin_epoch'", ACME
    )
    assert '"kept_size": "6"' in row["detail"]
    assert '"signed_size": "10"' in row["detail"]
    assert (await keeper.pulse()).trouble is Trouble.NONE


async def test_an_old_request_to_recover_does_not_cover_a_later_fork(keeper: Keeper, db: Database) -> None:
    await write(db, ACME, 6)
    async with db.operator() as tx:
        await audit.append(tx, entry("audit.recover", detail={"reason": "long ago"}))
    await keeper.sequencer.round()
    await write(db, ACME, 4)
    await keeper.sequencer.round()
    await turned_back(keeper, ACME, 6)
    fresh = keeper.another()
    for _ in range(3):
        await fresh.round()
    assert (await keeper.pulse()).trouble is Trouble.FORKED


async def test_an_entry_that_was_changed_behind_our_back_makes_the_next_head_a_fork(
    keeper: Keeper, db: Database
) -> None:
    await write(db, ACME, 6)
    await keeper.sequencer.round()
    await keeper.admin(
        "update audit.tile set hashes = overlay(hashes placing $2 from 1) where tenant_id = $1 returning 1",
        ACME,
        bytes(32),
    )
    await write(db, ACME, 1)
    await keeper.sequencer.round()
    assert ACME in keeper.sequencer.forked


async def test_two_keepers_at_once_lose_nothing_and_are_told(keeper: Keeper, db: Database) -> None:
    other = keeper.another()
    await write(db, ACME, 10)
    async with keeper.sealer.seal() as tx:
        assert tx is not None
        await other.round()
    assert other.trouble is Trouble.CONTENDED
    await keeper.sequencer.round()
    await write(db, ACME, 10)
    await other.round()
    assert other.trouble is Trouble.CONTENDED, "the other has said that it is at work, a moment ago"
    assert (await keeper.check(ACME)).size == 20


async def test_a_clock_that_was_set_back_is_an_entry(keeper: Keeper) -> None:
    await keeper.sequencer.round()
    await keeper.admin("update audit.pulse set sound_at = now() + interval '1 hour' returning 1")
    assert (await keeper.pulse()).sound_for_s is None, "a pulse from the future says nothing"
    await keeper.sequencer.round()
    await keeper.sequencer.round()
    rows = await keeper.admin(
        "select reason from audit.platform_entry where action = 'log.clock_back' and sealed_at is not null"
    )
    assert len(rows) == 1
    assert "went back" in rows[0]["reason"]
    assert (await keeper.pulse()).sound_for_s is not None


async def test_the_keeper_can_change_nothing_that_is_sealed_and_signed(keeper: Keeper, db: Database) -> None:
    (first, *_) = await write(db, ACME, 3)
    await keeper.sequencer.round()
    async with keeper.sealer.look() as tx:
        done = await tx.execute("update audit.entry set event = 'x' where id = $1", first)
        assert done == "UPDATE 0"
        done = await tx.execute(
            "update audit.entry set seq = null, epoch = null, event = null, sealed_at = null where id = $1", first
        )
        assert done == "UPDATE 0"
