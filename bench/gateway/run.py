"""What the gateway costs, and how long the product takes to start: see bench/README.md.

make bench-gateway                     every measurement
make bench-gateway ARGS=--quick        fewer rounds, and no start of the whole product
make bench-gateway ARGS=--profile      instead: what is called for one request, how often, and where its time goes
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import uvloop
from bench.gateway import load, plane, profile, start

from strongroom.runtime.rig import fields, scope
from strongroom.store.testing import shared

RESULTS = Path(__file__).resolve().parents[1] / "results"
EVENTS = 200
Figures = dict[str, float]


def body(**more: Any) -> bytes:
    return json.dumps({"model": "tiny", "messages": [{"role": "user", "content": load.PROMPT}], **more}).encode()


def quantiles(took: list[float]) -> tuple[float, float]:
    ordered = sorted(took)
    return statistics.median(ordered) * 1e6, ordered[int(len(ordered) * 0.99)] * 1e6


async def _once(where: plane.Plane, data: bytes, requests: int, connections: int) -> Figures:
    """Ask the worker, then the gateway, alike; return medians in µs and the gateway's CPU per request."""
    scoped = b"".join(b"%b: %b\r\n" % each for each in fields(scope("bench"))[1:])
    before = plane.cpu_seconds(where.worker_pid)
    direct = await load.run(
        where.worker, load.request("", data, extra=scoped), requests=requests, connections=connections
    )
    worker = plane.cpu_seconds(where.worker_pid) - before
    before, user, began = plane.cpu_seconds(where.pid), plane.user_seconds(where.pid), time.perf_counter()
    through = await load.run(where.port, load.request(where.key, data), requests=requests, connections=connections)
    cpu, wall = plane.cpu_seconds(where.pid) - before, time.perf_counter() - began
    user = plane.user_seconds(where.pid) - user
    alone, p99_alone = quantiles(direct)
    median, p99 = quantiles(through)
    return {
        "direct_p50_us": alone, "gateway_p50_us": median, "added_p50_us": median - alone,
        "added_p99_us": p99 - p99_alone, "cpu_us": cpu / requests * 1e6, "of_it_user_us": user / requests * 1e6, "worker_cpu_us": worker / requests * 1e6, "per_s": requests / wall,
    }  # fmt: skip


async def _median(rounds: int, once: Callable[[], Awaitable[Figures]]) -> Figures:
    found: list[Figures] = [await once() for _ in range(rounds)]
    return {name: statistics.median(each[name] for each in found) for name in found[0]}


async def requests(rounds: int, scale: int) -> dict[str, Figures]:
    """Measure the gateway against the worker alone."""
    found: dict[str, Figures] = {}
    with (
        tempfile.TemporaryDirectory(prefix="sr-bench-") as name,
        shared(Path(tempfile.gettempdir()) / f"sr-bench-pg-{os.getpid()}") as server,
    ):
        home = Path(name)
        async with plane.running(server, home) as where:
            whole, stream = body(max_tokens=64), body(max_tokens=EVENTS, stream=True)
            await plane.ready(where, load.request(where.key, body(max_tokens=4)))
            await _once(where, whole, 500, 8)  # warm
            found["at rest"] = dict(zip(("rss_kib", "pss_kib"), plane.memory_kib(where.pid), strict=True))
            for connections in (1, 32):
                found[f"whole, c = {connections}"] = await _median(
                    rounds, partial(_once, where, whole, scale, connections)
                )
            for connections in (1, 8):
                figures = await _median(rounds, partial(_once, where, stream, scale // 40, connections))
                base = found["whole, c = 1"]["cpu_us"]
                figures["cpu_us_per_event"] = (figures["cpu_us"] - base) / EVENTS
                found[f"stream of {EVENTS}, c = {connections}"] = figures
    return found


def show(title: str, rows: dict[str, Figures]) -> None:
    print(f"\n{title}")
    for name, figures in rows.items():
        print(f"  {name}")
        for figure, value in figures.items():
            print(f"    {figure:<18} {value:>12,.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    if options.profile:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            print(profile.table(runner.run(profile.profile(body(max_tokens=64), 4000))))
        return
    rounds, scale = (1, 1000) if options.quick else (5, 4000)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    found: dict[str, Any] = {"load_at_start": os.getloadavg(), "cores": os.cpu_count()}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found["requests"] = runner.run(requests(rounds, scale))
    show("One gateway process (microseconds; figures are medians over rounds)", found["requests"])
    if not options.quick:
        found["start"] = start.measure()
        show("`strongroom up --demo` (seconds; KiB)", found["start"])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "gateway.json").write_text(json.dumps(found, indent=2) + "\n")
    print(f"\nWritten to {RESULTS / 'gateway.json'}; load {os.getloadavg()[0]:.1f} at the end.")


if __name__ == "__main__":
    main()
