"""Counters in a real PostgreSQL: the same arithmetic as in memory, exact between real processes, and kept."""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial
from uuid import UUID, uuid4

import msgspec
import pytest

from strongroom.gateway.limits import Claim, Leases, Ledger, Reservation
from strongroom.gateway.limits.buckets import MICRO, Ask
from strongroom.gateway.limits.memory import MemorySource
from strongroom.gateway.limits.shares import Key, keep_of
from strongroom.gateway.limits.source import DatabaseSource
from strongroom.gateway.limits.trial import Work, limits, who
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal
from strongroom.rules.limits import Measure
from strongroom.store import Database, Denied, Lessor, migrate
from strongroom.store.testing import TestDatabase

TENANT = TenantId(UUID(int=1))


async def test_the_database_and_the_arithmetic_agree(database: TestDatabase) -> None:
    """Any series of asks on any measure, with time passing, comes to the same in both."""
    draw = random.Random(4)  # noqa: S311 - a series that can be told again
    source = DatabaseSource(partial(Lessor.connect, database.gateway))
    memory = MemorySource(lambda: int(SystemClock().now().timestamp() * MICRO))
    holders = [UUID(int=n) for n in (1, 2)]
    keys = [Key(TENANT, "workload/a", measure) for measure in Measure]
    try:
        async with migrate.administrator(database.admin) as admin:
            for _ in range(150):
                asks = [(key, _ask(draw, key.measure)) for key in draw.sample(keys, 3)]
                holder, processes = draw.choice(holders), draw.choice([1, 2, 4])
                real = await source.lease(holder, processes, 60_000_000, asks)
                said = await memory.lease(holder, processes, 60_000_000, asks)
                for (key, ask), one, other in zip(asks, real, said, strict=True):
                    assert (one.granted, one.remaining) == (other.granted, other.remaining), (key, ask)
                    assert abs(one.wait_us - other.wait_us) < 120 * MICRO, (key, ask)
                    assert key.measure in {Measure.TOKENS_DAY, Measure.COST_DAY} or one.period == 0
                if draw.random() < 0.2:
                    minutes = draw.choice([1, 7])
                    _age(memory, minutes * 60 * MICRO)
                    await admin.execute(
                        "update limits.counter set at = at - $1 * interval '1 minute' where period = 0", minutes
                    )
                    await admin.execute(
                        "update limits.holding set ends_at = ends_at - $1 * interval '1 minute'", minutes
                    )
    finally:
        await source.close()


def _age(memory: MemorySource, by_us: int) -> None:
    for bucket in memory.buckets.values():
        bucket.at_us -= by_us
    for slots in memory.slots.values():
        slots.held = {holder: (held, ends - by_us) for holder, (held, ends) in slots.held.items()}


def _ask(draw: random.Random, measure: Measure) -> Ask:
    # Of rates, amounts so small that the milliseconds between the two sides bring nothing; one a second would.
    if measure is Measure.REQUESTS:
        return Ask(amount=1, burst=10, want=0)
    demand, keep = draw.choice([0, 1, 3]), draw.choice([0, 4])
    back = draw.choice([0, 0, 2, -1])
    amount = {Measure.TOKENS: 6, Measure.CONCURRENCY: 12}.get(measure, 40)
    period = int(SystemClock().now().timestamp()) // 86_400 if measure in {Measure.TOKENS_DAY, Measure.COST_DAY} else 0
    back = 0 if measure is Measure.CONCURRENCY else back
    return Ask(
        amount=amount,
        burst=20,
        back=back,
        back_period=period,
        need=draw.choice([1, max(1, demand)]),
        demand=demand,
        want=demand + keep,
    )


async def _start(work: Work) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "strongroom.gateway.limits.trial",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(work) + b"\n")
    await process.stdin.drain()
    return process


async def _total(process: asyncio.subprocess.Process) -> int:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        said = await process.stdout.read()
        assert await process.wait() == 0
    return int(said.split()[-1])


async def test_a_cap_for_life_is_exact_between_processes_and_outlives_them(
    database: TestDatabase, db: Database
) -> None:
    """Three processes ask as fast as they can, with different keys of one workload: together exactly the cap.

    One more is killed while it holds a share: its share was used, and never comes twice.
    """
    work = Work(dsn=database.gateway, cap=2_000, processes=4, key="a" * 16)
    killed = await _start(msgspec.structs.replace(work, hold=True))
    assert killed.stdout is not None
    assert await killed.stdout.readline() == b"1\n"
    killed.kill()
    await killed.wait()
    keep = keep_of(limits(work.cap).bounds[0], work.processes)
    others = [await _start(msgspec.structs.replace(work, key=letter * 16)) for letter in "abc"]
    granted = sum(await asyncio.gather(*map(_total, others)))
    assert granted + 1 + keep == work.cap

    # A restart and a new key bring nothing.
    clock = SystemClock()
    leases = Leases(DatabaseSource(partial(Lessor.connect, database.gateway)), clock, processes=1)
    ledger = Ledger(leases, clock)
    running = asyncio.create_task(leases.run())
    try:
        refused = await ledger.reserve(ledger.plan(who("z" * 16), "tiny", limits(work.cap)), Claim())
        assert isinstance(refused, Refusal)
        assert refused.code == "lifetime_cap_reached"
        # The honest case: another model has a life of its own.
        other = await ledger.reserve(ledger.plan(who("z" * 16), "large", limits(work.cap)), Claim())
        assert isinstance(other, Reservation)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    async with db.tenant(TENANT) as tx:
        used = await tx.fetchval(
            "select level from limits.counter where subject = $1", f"workload/{UUID(int=2)}/model/prod/tiny"
        )
    assert used == work.cap


async def test_a_gateway_has_no_way_to_a_counter_but_its_share(database: TestDatabase, db: Database) -> None:
    """It cannot read, set or delete one; another tenant's administrator sees none of it."""
    lessor = await Lessor.connect(database.gateway)
    key = Key(TENANT, "tenant", Measure.QUERIES)
    source = DatabaseSource(partial(Lessor.connect, database.gateway))
    try:
        assert (await source.lease(uuid4(), 1, 1, [(key, Ask(amount=5, demand=1, want=1))]))[0].granted == 1
        for statement in (
            "select * from limits.counter",
            "update limits.counter set level = 0",
            "delete from limits.counter",
            "insert into limits.holding values ($1, 'x', $1, 1, now())",
        ):
            with pytest.raises(Denied):
                async with lessor.round() as tx:
                    await tx.fetch(statement, *([uuid4()] if "$1" in statement else []))
        async with db.tenant(TENANT) as tx_a:
            assert await tx_a.fetchval("select level from limits.counter") == 1
        async with db.tenant(TenantId(UUID(int=7))) as tx_b:
            assert await tx_b.fetch("select * from limits.counter") == []
            with pytest.raises(Denied):
                await tx_b.execute("update limits.counter set level = 0")
    finally:
        await source.close()
        await lessor.close()
