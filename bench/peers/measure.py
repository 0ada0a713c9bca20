"""What is measured of one gateway, whoever made it: cost, speed and what it adds, beside its upstream alone.

The gateway has a core of its own; the load generator and the mock upstream share the other. CPU is that of the gateway's
whole process tree, from the scheduler's account in /proc.
"""

from __future__ import annotations

import asyncio
import math
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.gateway import load, plane

from strongroom.app.rig import family

OURS, THEIRS = 1, 0
EVENTS: Final = 100
STREAMS_S: Final = 40.0
BUSY: Final = 0.85
"""Of a core: above this it is what bounds a row."""
Figures = dict[str, float]


@dataclass(frozen=True)
class Subject:
    """A gateway that runs.

    Attributes:
        pid: of the process that was started; its children count.
        upstream_pid: the mock upstream.
        upstream: where it is asked directly.
        ask: makes a request through the gateway of (streamed, events).
        direct: makes the same request to the upstream.
    """

    pid: int
    port: int
    upstream_pid: int
    upstream: int | Path
    whole: bytes
    stream: bytes
    direct_whole: bytes
    direct_stream: bytes


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and all its descendants."""
    total = 0.0
    for member in family(pid):
        try:
            total += plane.cpu_seconds(member.pid)
        except OSError:  # it has just ended
            continue
    return total


def memory_mib(pid: int) -> float:
    """Return the proportional memory of a process and all its descendants."""
    return sum(plane.memory_kib(member.pid)[1] for member in family(pid)) / 1024


def p(values: list[float], quantile: float) -> float:
    """Return a quantile in milliseconds."""
    return sorted(values)[min(len(values) - 1, int(len(values) * quantile))] * 1e3


async def whole(subject: Subject, connections: int, requests: int) -> Figures:
    """Measure whole answers, asked of the upstream and through the gateway in turn."""
    direct = await load.tally(subject.upstream, subject.direct_whole, requests=requests, connections=connections)
    before, ours, began = cpu_s(subject.pid), _ours(subject), time.perf_counter()
    through = await load.tally(subject.port, subject.whole, requests=requests, connections=connections)
    wall = time.perf_counter() - began
    theirs, ours = (cpu_s(subject.pid) - before) / wall, (_ours(subject) - ours) / wall
    return {
        "cpu_us": theirs * wall / requests * 1e6,
        "per_s": requests / wall,
        "added_p50_ms": p(through.took, 0.5) - p(direct.took, 0.5),
        "added_p99_ms": p(through.took, 0.99) - p(direct.took, 0.99),
        "gateway_core": theirs,
        "generator_core": ours,
        "bound_by_generator": float(ours > BUSY > theirs),
    }


async def streams(subject: Subject, cpu_whole_us: float, requests: int) -> Figures:
    """Measure streams of `EVENTS` events, one at a time."""
    direct = await load.tally(subject.upstream, subject.direct_stream, requests=requests, connections=1)
    before = cpu_s(subject.pid)
    through = await load.tally(subject.port, subject.stream, requests=requests, connections=1)
    each_us = (cpu_s(subject.pid) - before) / requests * 1e6
    return {
        "added_first_ms": statistics.median(through.first) * 1e3 - statistics.median(direct.first) * 1e3,
        "event_us": (each_us - cpu_whole_us) / EVENTS,
    }


async def measure(subject: Subject, scale: int) -> Figures:
    """Return every figure of one gateway; `scale` is the number of requests, cut down for who is slow."""
    warm = await whole(subject, 8, max(40, scale // 10))
    scale = int(max(60, min(scale, warm["per_s"] * 8)))  # nobody is measured for much longer than eight seconds a row
    found: Figures = {}
    for connections in (1, 32, 128):
        row = await whole(subject, connections, scale if connections > 1 else max(60, scale // 4))
        found |= {f"{name}@{connections}": value for name, value in row.items()}
    try:
        async with asyncio.timeout(STREAMS_S):
            found |= await streams(subject, found["cpu_us@1"], max(10, min(200, scale // 60)))
    except (AssertionError, TimeoutError):  # who cannot carry a stream to its end has no figures for it
        found |= {"added_first_ms": math.nan, "event_us": math.nan}
    found["memory_mib"] = memory_mib(subject.pid)
    return found


async def soak(subject: Subject, seconds: float) -> Figures:
    """Ask for so long, and return how memory and cost grew from the first tenth to the last."""
    began, marks = time.monotonic(), list[Figures]()
    while time.monotonic() - began < seconds:
        row = await whole(subject, 32, 2000)
        marks.append({"memory_mib": memory_mib(subject.pid), "cpu_us": row["cpu_us"]})
    tenth = max(1, len(marks) // 10)
    return {
        f"{name}_{when}": statistics.median(mark[name] for mark in part)
        for when, part in (("first", marks[:tenth]), ("last", marks[-tenth:]))
        for name in ("memory_mib", "cpu_us")
    }


def _ours(subject: Subject) -> float:
    return time.process_time() + plane.cpu_seconds(subject.upstream_pid)


def keep_apart(theirs: int, *ours: int) -> None:
    """Pin the gateway to one core, and the upstream and this process to the other."""
    if (os.cpu_count() or 1) < 2:
        return
    for member in family(theirs):
        for task in Path(f"/proc/{member.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {THEIRS})
    for pid in (os.getpid(), *ours):
        os.sched_setaffinity(pid, {OURS})
