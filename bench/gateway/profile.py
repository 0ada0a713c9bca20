"""Where a request's time goes: the gateway under cProfile, its calls divided by the requests it answered.

The profiler more than doubles the time, and calls more than it does lines: read what is called how often, and shares, not
microseconds. What the kernel does for a socket stands at the line that writes.
"""

from __future__ import annotations

import asyncio
import os
import pstats
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.gateway import load, plane

from strongroom.store.testing import shared

LINES: Final = 60
CONNECTIONS: Final = 16
ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Line:
    """A function's share of one request."""

    where: str
    calls: float
    own_us: float
    with_callees_us: float


async def profile(data: bytes, requests: int) -> list[Line]:
    """Return the functions of a request, the dearest first."""
    with (
        tempfile.TemporaryDirectory(prefix="sr-bench-") as name,
        shared(Path(tempfile.gettempdir()) / f"sr-bench-pg-{os.getpid()}") as server,
    ):
        home = Path(name)
        place = home / "profile"
        async with plane.running(server, home, program=("bench.gateway.profiled", str(place))) as where:
            await plane.ready(where, load.request(where.key, data))
            asked = load.request(where.key, data)
            await load.run(where.port, asked, requests=requests // 2, connections=CONNECTIONS)  # warm
            os.kill(where.pid, signal.SIGUSR1)
            await load.run(where.port, asked, requests=requests, connections=CONNECTIONS)
            os.kill(where.pid, signal.SIGUSR2)
            async with asyncio.timeout(30):
                while not place.exists():  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.05)
            return _lines(pstats.Stats(str(place)), requests)


def _lines(found: pstats.Stats, requests: int) -> list[Line]:
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = vars(found)["stats"]
    lines = [
        Line(f"{_short(file)}:{line} {name}", calls / requests, own / requests * 1e6, whole / requests * 1e6)
        for (file, line, name), (_, calls, own, whole, _) in stats.items()
    ]
    return sorted(lines, key=lambda line: -line.own_us)


def _short(file: str) -> str:
    for before in (str(ROOT / "src" / "strongroom"), "site-packages"):
        file = file.rpartition(before + "/")[2]
    return file


def table(lines: list[Line]) -> str:
    """Return the dearest lines, and the sum of all."""
    rows = [f"{line.own_us:9.2f} {line.with_callees_us:9.2f} {line.calls:8.2f}  {line.where}" for line in lines[:LINES]]
    calls, own = sum(line.calls for line in lines), sum(line.own_us for line in lines)
    return "\n".join(
        [f"{'own µs':>9} {'with its':>9} {'calls':>8}  of one request", *rows, f"{own:9.2f} {'':>9} {calls:8.2f}  all"]
    )
