"""What sealing takes, and what it survives: group commit, latencies, and kills at random moments.

    .venv/bin/python -m bench.audit throughput      # events a second, append latency at 64 producers, time to the seal
    .venv/bin/python -m bench.audit kills --count 50

A PostgreSQL of its own, with fsync, on the disk of --directory. `throughput` appends through the role and the statement that
gateways use, as they do: all who wait are committed together. `kills` ends keeper, notary, producers and the database by
SIGKILL, starts them again, and at the end checks every acknowledged entry with `strongroom_verify.py`'s own code.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from bench.audit.actors import GroupCommit, entry
from bench.audit.kills import VICTIMS, Actors, introduce, kills

from strongroom.audit.sealing import Sequencer
from strongroom.audit.testing import LocalNotary
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId
from strongroom.store import Appender, Sealer, migrate, roles
from strongroom.store.testing import TestDatabase, logins, private_cluster

TENANTS = [TenantId(UUID(int=0x0190 << 112 | number)) for number in range(1, 9)]


@asynccontextmanager
async def database(directory: Path) -> AsyncGenerator[TestDatabase]:
    cluster, passwords = private_cluster(directory), roles.Passwords.generate()
    admin = await cluster.start()
    try:
        await migrate.migrate(admin, passwords)
        yield logins(admin, passwords)
    finally:
        await cluster.stop()


async def throughput(directory: Path, producers: int, seconds: float) -> None:
    async with database(directory) as found:
        appender, sealer = await Appender.connect(found.gateway), await Sealer.connect(found.keeper)
        await _appending(appender, found, producers, seconds, "nothing seals beside it")
        notary = LocalNotary(directory / "alone")
        sequencer = Sequencer(sealer, notary, SystemClock(), tell=lambda _: None)
        began, count = time.monotonic(), 0
        while sealed := await sequencer.round():
            count += sealed
        print(
            f"sealing alone: {count / (time.monotonic() - began):,.0f} events/s, {count} of them, signed and anchored"
        )
        notary.notary.close()
        (directory / "alone").rename(directory / "notary")
        introduce(directory, found)
        actors = Actors(directory, ("notary", "keeper"))  # processes of their own, as in the product
        try:
            await _appending(appender, found, producers, seconds, "keeper and notary seal beside it")
        finally:
            actors.end()
            await sealer.close()
            await appender.close()


async def _appending(appender: Appender, found: TestDatabase, producers: int, seconds: float, beside: str) -> None:
    group, waits = GroupCommit(appender), list[float]()
    committing = asyncio.create_task(group.run())
    start = time.monotonic()

    async def produce(number: int) -> None:
        while time.monotonic() - start < seconds:
            began = time.perf_counter()
            await group.append(TENANTS[number % len(TENANTS)], entry())
            waits.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as tasks:
        for number in range(producers):
            tasks.create_task(produce(number))
    took = time.monotonic() - start
    committing.cancel()
    await asyncio.gather(committing, return_exceptions=True)
    cuts = statistics.quantiles(waits, n=100)
    print(
        f"{len(waits) / took:,.0f} events/s acknowledged at {producers} producers, append p50 {cuts[49] * 1e3:.1f} ms, "
        f"p99 {cuts[98] * 1e3:.1f} ms; {beside}"
    )
    if "keeper" not in beside:
        return
    async with migrate.administrator(found.admin) as admin:
        behind = await admin.fetchval("select count(*) from audit.entry where sealed_at is null")
        until = time.monotonic()
        while await admin.fetchval("select exists (select from audit.entry where sealed_at is null)"):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
    whole = time.monotonic() - start
    print(
        f"{len(waits) / whole:,.0f} events/s sealed meanwhile; {behind} waited at the end, for {time.monotonic() - until:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["throughput", "kills"], nargs="?", default="throughput")
    parser.add_argument("--count", type=int, default=50, help="kills")
    parser.add_argument(
        "--victims", default=",".join(VICTIMS), help="whom to kill, by commas; one named twice is hit twice as often"
    )
    parser.add_argument("--producers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--directory", type=Path, help="where the database lies")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.directory, prefix="srb-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        if given.what == "throughput":
            asyncio.run(throughput(directory, given.producers, given.seconds))
        else:
            asyncio.run(kills(directory, given.count, victims=tuple(given.victims.split(","))))


if __name__ == "__main__":
    main()
