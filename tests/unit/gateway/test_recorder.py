"""Nothing is lost while the database is away, nothing grows without bound, and a gap is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from strongroom.audit import Entry, Outcome
from strongroom.gateway.recorder import Denial, Recorder
from strongroom.gateway.spool import Bounds, Opened, Spool
from strongroom.gateway.spool.reader import Found, Reader
from strongroom.gateway.spool.segments import Place
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
    committed: dict[UUID, str] = field(default_factory=dict[UUID, str])
    opened: int = 0
    closed: int = 0
    batches: int = 0
    details: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

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
        if len(columns) == 28:
            if self.poison in columns[3]:
                raise OverflowError("value out of range")
            self.pending |= dict(zip(columns[1], ("record" for _ in columns[1]), strict=True))
        else:
            self.pending |= dict(zip(columns[0], columns[7], strict=True))
            self.details += map(msgspec.json.decode, columns[9])
        return ""

    async def close(self) -> None:
        self.closed += 1

    def gaps(self) -> list[str]:
        return [said for said in self.committed.values() if "lost" in said or "more requests" in said]


def opened(tenant: TenantId = ACME) -> Opened:
    return Opened(new_uuid(), tenant, NOW, "dev", UUID(int=3), "k", "chat", "openai", "v")


def take(writer: Recorder, tenant: TenantId = ACME, tokens: int = 1) -> None:
    """Have one request recorded, from its opening to its end."""
    recording = writer.recording(opened(tenant), strict=False, started=0.0)
    assert recording.open() is None
    recording.end("completed", "relayed", 200, input_tokens=tokens, output_tokens=1)


def denial(tenant: TenantId = ACME, action: str = "model.invoke", credential: str = "") -> Denial:
    entry = Entry(
        id=new_uuid(), at=NOW, actor="unknown", credential=credential, action=action, resource="gateway/chat",
        outcome=Outcome.REFUSED, reason="why",
    )  # fmt: skip
    return Denial(tenant, entry)


Make = Callable[..., Recorder]


@pytest.fixture
async def recorder(tmp_path: Path) -> AsyncGenerator[Make]:
    """Make recorders, each with a spool of its own."""
    made: list[Spool] = []

    def make(database: Database, bounds: Bounds | None = None, clock: Clock | None = None) -> Recorder:
        clock = clock or Clock()
        made.append(Spool(tmp_path / f"spool-{len(made)}", "gateway-1", clock, bounds))
        return Recorder(database.connect, clock, made[-1])

    yield make
    for spool in made:
        await spool.stop()


async def test_everything_is_written_once_the_database_is_there(recorder: Make) -> None:
    database = Database(away=Unavailable("away"))
    writer = recorder(database)
    for number in range(700):
        take(writer)
        writer.deny(denial(credential=f"key-{number}"))
    assert not await writer.flush()
    assert not await writer.flush()
    assert database.committed == {}
    database.away = None
    assert await writer.flush()
    assert len(database.committed) == 1400
    assert database.gaps() == []


async def test_a_shut_door_is_no_reason_to_throw_anything_away(recorder: Make) -> None:
    database = Database()
    writer = recorder(database)
    take(writer)
    assert await writer.flush()
    database.away = Denied("permission denied")
    take(writer)
    assert not await writer.flush()
    database.away = None
    assert await writer.flush()
    assert len(database.committed) == 2


async def test_beyond_the_bound_the_newest_are_dropped_and_each_tenant_is_told_how_many(recorder: Make) -> None:
    database = Database(away=Unavailable("away"))
    writer = recorder(database, Bounds(total_bytes=4000, segment_bytes=500))
    for number in range(60):
        take(writer, ACME if number < 30 else GLOBEX)
        await writer.flush()
    assert writer.spool.trouble == "the spool is full"
    kept = 60 - writer.spool.lost
    assert 0 < kept < 30
    database.away = None
    async with asyncio.timeout(5):
        while len(database.gaps()) < 2:  # once there is room again, by the next look at it
            assert await writer.flush()
    assert {said.split(" between ")[0] for said in database.gaps()} == {
        f"{30 - kept} records were lost",
        "30 records were lost",
    }
    assert list(database.committed.values()).count("record") == kept


async def test_one_row_that_is_refused_holds_up_nothing_and_is_told_of(recorder: Make) -> None:
    database = Database(poison=666)
    writer = recorder(database)
    for tokens in (1, 666, 2):
        take(writer, tokens=tokens)
        writer.deny(denial())
    assert await writer.flush()
    assert list(database.committed.values()).count("record") == 2
    assert list(database.committed.values()).count("why") == 3
    assert [said.split(" between ")[0] for said in database.gaps()] == ["1 records were lost"]


async def test_strangers_are_counted_beyond_a_rate(recorder: Make) -> None:
    database, clock = Database(), Clock()
    writer = recorder(database, clock=clock)
    for _ in range(1000):
        writer.deny(denial(PLATFORM))
    assert await writer.flush()
    single = list(database.committed.values()).count("why")
    assert 0 < single < 100
    assert database.gaps() == [f"{1000 - single} more requests without a valid key"]


async def test_refusals_of_one_key_are_counted_beyond_a_rate_and_hide_no_other(recorder: Make) -> None:
    database, clock = Database(), Clock()
    writer = recorder(database, clock=clock)
    for _ in range(1_000):
        writer.deny(denial())
    writer.deny(denial(action="model.see"))  # another verb of the same key
    writer.deny(denial(GLOBEX, credential="another"))
    assert await writer.flush()
    assert len(database.committed) == 101 + 1 + 1
    writer.deny(denial())  # counted: the next that is written says so
    clock.seconds += 1.0
    writer.deny(denial())
    assert await writer.flush()
    told = [detail["unwritten_before"] for detail in database.details if "unwritten_before" in detail]
    assert told == [str(1_000 - 101), "1"]


async def test_the_writing_task_survives_a_fault_and_writes_what_is_left_when_it_is_ended(recorder: Make) -> None:
    database = Database(away=RuntimeError("a bug"))
    writer = recorder(database)
    running = asyncio.create_task(writer.run())
    take(writer)
    async with asyncio.timeout(5):
        while database.opened < 2:  # noqa: ASYNC110 - it retries by its own clock
            await asyncio.sleep(0.01)
    database.away = None
    take(writer)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert running.cancelled()
    assert len(database.committed) == 2
    assert database.closed == 1


async def test_what_came_in_while_a_batch_was_written_stays_queued(recorder: Make) -> None:
    database = Database()
    writer = recorder(database)
    take(writer)
    flushing = asyncio.create_task(writer.flush())
    await asyncio.sleep(0)
    take(writer)
    assert await flushing
    assert await writer.flush()
    assert len(database.committed) == 2


async def test_what_was_read_when_the_writing_task_was_ended_is_written_still(
    recorder: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reading runs in a thread, which goes on when nobody waits for it, and would have passed over what it read."""
    database = Database()
    writer = recorder(database)
    read, begun, go_on = Reader.read, asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(reader: Reader, until: Place) -> Found | None:
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)
        return read(reader, until)

    monkeypatch.setattr(Reader, "read", slow)
    running = asyncio.create_task(writer.run())
    take(writer)
    async with asyncio.timeout(10):
        await begun.wait()
    running.cancel()
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(running, return_exceptions=True)
    assert len(database.committed) == 1
