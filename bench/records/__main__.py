"""What a record costs a request: opening and closing, `bounded` and `strict`, at c = 1 and c = 32, and shipping it.

make bench-records

Everything runs in one process on uvloop, as in a gateway; nothing else does. CPU is that of all its threads, the spool's
included; `wait` is the time from opening to closed and, where that is promised, durable.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import uvloop

from strongroom.gateway.metrics import Metrics
from strongroom.gateway.recording import Recording
from strongroom.gateway.spool import Opened, Spool
from strongroom.gateway.spool.reader import Reader
from strongroom.gateway.tables import RequestRecord
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid

ACME = TenantId(UUID(int=1))
NOTES = '{"disclosure":"0123456789abcdef","limits":"0123456789abcdef","records":"bounded","tools":"0123456789abcdef"}'


def opened() -> Opened:
    return Opened(
        new_uuid(), ACME, datetime.now(UTC), "prod", UUID(int=3), "0123456789abcdef", "chat", "openai", "a" * 64,
        UUID(int=4), f"sha256:{'b' * 64}", "c" * 64, NOTES,
    )  # fmt: skip


async def caller(spool: Spool, metrics: Metrics, count: int, waits: list[float], *, strict: bool) -> None:
    clock = SystemClock()
    for _ in range(count):
        began = time.perf_counter()
        record = Recording(spool, clock, opened(), metrics, strict=strict, started=clock.boottime())
        assert record.open() is None
        assert await record.durable() is None
        record.first_byte()
        assert (
            await record.close("completed", "relayed", 200, input_tokens=40, output_tokens=20, target="local") is None
        )
        waits.append(time.perf_counter() - began)
        await asyncio.sleep(0)  # the rest of the gateway's work


async def measure(directory: Path, *, strict: bool, callers: int, each: int) -> dict[str, float]:
    spool, waits, metrics = Spool(directory, "bench", SystemClock()), list[float](), Metrics()
    cpu = time.process_time()
    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller(spool, metrics, each, waits, strict=strict))
    await spool.written()
    wall, cpu = time.perf_counter() - began, time.process_time() - cpu
    await spool.stop()
    count = callers * each
    reading = time.process_time()
    reader, rows = Reader(spool.directory), 0
    while (found := reader.read()) is not None:
        rows += len([RequestRecord.of(*pair) for pair in found.pairs])
    reading = time.process_time() - reading
    assert rows == count
    spool.release()
    return {
        "cpu_us": cpu / count * 1e6, "wait_p50_us": statistics.median(waits) * 1e6,
        "wait_p99_us": sorted(waits)[int(len(waits) * 0.99)] * 1e6, "per_s": count / wall, "read_us": reading / count * 1e6,
        "bytes": spool.bytes / count,
    }  # fmt: skip


async def empty(callers: int, each: int) -> float:
    """Return the CPU of the same loop without a record, in microseconds: making what goes into one counts as its cost."""

    async def nothing() -> None:
        for _ in range(each):
            time.perf_counter()
            await asyncio.sleep(0)

    cpu = time.process_time()
    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(nothing())
    return (time.process_time() - cpu) / (callers * each) * 1e6


async def main() -> None:
    place = os.environ.get("BENCH_DIR")
    print(f"load {os.getloadavg()[0]:.1f}; microseconds a request, medians of nine")
    with tempfile.TemporaryDirectory(prefix="sr-bench-", dir=place) as name:
        for strict in (False, True):
            for callers, each in ((1, 500 if strict else 5000), (32, 100 if strict else 300)):
                runs = [
                    await measure(Path(name) / f"{strict}-{callers}-{run}", strict=strict, callers=callers, each=each)
                    for run in range(9)
                ]
                best = min(run["cpu_us"] for run in runs)
                idle = statistics.median([await empty(callers, each) for _ in range(5)])
                found = {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}
                found |= {"cpu_us": found["cpu_us"] - idle, "cpu_us_best": best - idle}
                told = "  ".join(f"{figure} {value:,.1f}" for figure, value in found.items())
                print(f"{'strict ' if strict else 'bounded'}  c = {callers:<3} {told}")


if __name__ == "__main__":
    uvloop.run(main())
