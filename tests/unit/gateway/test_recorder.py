"""Nothing is lost while the database is away, nothing grows without bound, and a gap is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from strongroom.audit import Entry, Outcome
from strongroom.gateway.recorder import Denial, Recorder
from strongroom.gateway.tables import RequestRecord
from strongroom.kernel.ids import PLATFORM, TenantId, new_uuid
from strongroom.store import Denied, Unavailable

ACME, GLOBEX = TenantId(UUID(int=1)), TenantId(UUID(int=2))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Clock:
    seconds: float = 0.0

    def now(self) -> datetime:
        return NOW

    def boottime(self) -> float:
        return self.seconds


@dataclass
class Database:
    """An appender that keeps what is committed; ids make writing twice harmless, as in PostgreSQL."""

    away: Exception | None = None
    poison: int | None = None  # a record with so many tokens is refused, and its batch with it
    committed: dict[UUID, str] = field(default_factory=dict)
    opened: int = 0
    closed: int = 0
    batches: int = 0

    async def connect(self) -> Any:
        self.opened += 1
        if self.away is not None:
            raise self.away
        return self

    @asynccontextmanager
    async def append(self) -> AsyncGenerator[Any]:
        if self.away is not None:
            raise self.away
        self.pending: dict[UUID, str] = {}
        yield self
        self.committed |= self.pending
        self.batches += 1

    async def execute(self, _: str, *columns: Any) -> str:
        await asyncio.sleep(0)
        if len(columns) == 15:
            if self.poison in columns[11]:
                raise OverflowError("value out of range")
            self.pending |= dict(zip(columns[2], ("record" for _ in columns[2]), strict=True))
        else:
            self.pending |= dict(zip(columns[0], columns[7], strict=True))
        return ""

    async def close(self) -> None:
        self.closed += 1

    def gaps(self) -> list[str]:
        return [said for said in self.committed.values() if "lost" in said or "more requests" in said]


def record(tenant: TenantId = ACME, tokens: int = 1) -> RequestRecord:
    return RequestRecord(
        tenant, date(2026, 1, 1), new_uuid(), NOW, "dev", UUID(int=3), "k", None, None, "chat", 200, tokens, 1, 1, "v"
    )


def denial(tenant: TenantId = ACME, action: str = "model.invoke") -> Denial:
    entry = Entry(
        id=new_uuid(), at=NOW, actor="unknown", credential="", action=action, resource="gateway/chat",
        outcome=Outcome.REFUSED, reason="why",
    )  # fmt: skip
    return Denial(tenant, entry)


def recorder(database: Database, capacity: int = 20_000, clock: Clock | None = None) -> Recorder:
    return Recorder(database.connect, clock or Clock(), capacity=capacity)


async def test_everything_is_written_once_the_database_is_there() -> None:
    database = Database(away=Unavailable("away"))
    writer = recorder(database)
    for _ in range(700):
        writer.record(record())
        writer.deny(denial())
    assert not await writer.flush()
    assert not await writer.flush()
    assert database.committed == {}
    database.away = None
    assert await writer.flush()
    assert len(database.committed) == 1400
    assert database.gaps() == []
    assert database.batches == 2


async def test_a_shut_door_is_no_reason_to_throw_anything_away() -> None:
    database = Database()
    writer = recorder(database)
    writer.record(record())
    assert await writer.flush()
    database.away = Denied("permission denied")
    writer.record(record())
    assert not await writer.flush()
    database.away = None
    assert await writer.flush()
    assert len(database.committed) == 2


async def test_beyond_the_bound_the_newest_are_dropped_and_each_tenant_is_told_how_many() -> None:
    database = Database(away=Unavailable("away"))
    writer = recorder(database, capacity=10)
    for number in range(30):
        writer.record(record(ACME if number < 15 else GLOBEX))
        await writer.flush()
    database.away = None
    assert await writer.flush()
    assert sorted(database.gaps()) == ["15 records were lost", "5 records were lost"]
    assert len(database.committed) == 12


async def test_one_row_that_is_refused_holds_up_nothing_and_is_told_of() -> None:
    database = Database(poison=666)
    writer = recorder(database)
    for tokens in (1, 666, 2):
        writer.record(record(tokens=tokens))
        writer.deny(denial())
    assert await writer.flush()
    assert list(database.committed.values()).count("record") == 2
    assert list(database.committed.values()).count("why") == 3
    assert database.gaps() == ["1 records were lost"]


async def test_strangers_are_counted_beyond_a_rate() -> None:
    database, clock = Database(), Clock()
    writer = recorder(database, clock=clock)
    for _ in range(1000):
        writer.deny(denial(PLATFORM))
    assert await writer.flush()
    single = list(database.committed.values()).count("why")
    assert 0 < single < 100
    assert database.gaps() == [f"{1000 - single} more requests without a valid key"]


async def test_the_writing_task_survives_a_fault_and_writes_what_is_left_when_it_is_ended() -> None:
    database = Database(away=RuntimeError("a bug"))
    writer = recorder(database)
    running = asyncio.create_task(writer.run())
    writer.record(record())
    async with asyncio.timeout(5):
        while database.opened < 2:  # noqa: ASYNC110 - it retries by its own clock
            await asyncio.sleep(0.01)
    database.away = None
    writer.record(record())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
    assert len(database.committed) == 2
    assert database.closed == 1


async def test_what_came_in_while_a_batch_was_written_stays_queued() -> None:
    database = Database()
    writer = recorder(database)
    writer.record(record())
    flushing = asyncio.create_task(writer.flush())
    await asyncio.sleep(0)
    writer.record(record())
    assert await flushing
    assert await writer.flush()
    assert len(database.committed) == 2
