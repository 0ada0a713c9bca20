"""What each stage of a request costs, in one process: microseconds and Python calls, for a whole answer and a streamed one.

make bench-stages
make bench-stages ARGS=--profile       where within them: cProfile's first lines

The best of many short rounds, so that neighbours on the machine count as little as they can; the garbage collector runs as it
does in a gateway. A stage's time holds what looking at the clock costs (some 0.1 µs), its calls do not.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import inspect
import json
import pstats
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop
from bench.stages.rig import EVENTS, Rig, rig

from strongroom.wire import Request

RESULTS = Path(__file__).resolve().parents[1] / "results"
STAGES = ("_receive", "_authenticate", "_admit", "_screen", "_route", "_relay")
ROUNDS = 40
Figures = dict[str, float]


async def check(rig: Rig) -> None:
    """Ask once: a measurement of refusals would be none."""
    for request, pieces in ((rig.whole, 1), (rig.stream, EVENTS)):
        for _ in range(50):
            client = await rig.ask(request)
            assert client.status == 200, b"".join(client.pieces)
            assert client.finished
            assert len(client.pieces) >= pieces // 16  # what is held back leaves in larger pieces


async def total(rig: Rig, request: Request, each: int) -> tuple[float, float]:
    """Return microseconds of CPU a request costs its event loop: of the best round, and of the median one."""
    own: list[float] = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(each):
            await rig.ask(request)
        own.append((time.thread_time() - began) / each * 1e6)
        await asyncio.sleep(0)
    return min(own), statistics.median(own)


async def beside(rig: Rig, each: int) -> float:
    """Return microseconds of CPU that a request costs afterwards: the spool's thread, and shipping to a database."""
    await rig.recorder.spool.written()
    await rig.recorder.flush()
    for _ in range(each):
        await rig.ask(rig.whole)
    began = time.process_time()
    await rig.recorder.spool.written()
    await rig.recorder.flush()
    return (time.process_time() - began) / each * 1e6


async def stages(rig: Rig, request: Request, each: int) -> Figures:
    """Return the median microseconds of each stage."""
    took: dict[str, list[float]] = {name: [] for name in STAGES}
    kept = {name: getattr(rig.gateway, name) for name in STAGES}
    for name, own in kept.items():
        setattr(rig.gateway, name, _timed(own, took[name]))
    whole: list[float] = []
    for _ in range(ROUNDS):
        for _ in range(each):
            began = time.perf_counter()
            await rig.ask(request)
            whole.append((time.perf_counter() - began) * 1e6)
        await asyncio.sleep(0)
    for name in STAGES:
        delattr(rig.gateway, name)
    found = {name.removeprefix("_"): statistics.median(times) for name, times in took.items()}
    found["between"] = statistics.median(whole) - sum(found.values())
    return found


def _timed(own: Callable[..., Any], took: list[float]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(own):

        async def later(*arguments: Any) -> Any:
            began = time.perf_counter()
            found = await own(*arguments)
            took.append((time.perf_counter() - began) * 1e6)
            return found

        return later

    def at_once(*arguments: Any) -> Any:
        began = time.perf_counter()
        found = own(*arguments)
        took.append((time.perf_counter() - began) * 1e6)
        return found

    return at_once


async def calls(rig: Rig, request: Request) -> Counter[str]:
    """Return how many Python functions each stage of one request enters."""
    found: Counter[str] = Counter()
    stage = ["between"]
    frames: list[FrameType] = []

    def look(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            name = frame.f_code.co_name
            if name in STAGES and frame.f_code.co_qualname.startswith("Gateway."):
                stage.append(name.removeprefix("_"))
                frames.append(frame)
            found[stage[-1]] += 1
        elif event == "return" and frames and frames[-1] is frame:
            frames.pop()
            stage.pop()

    sys.setprofile(look)
    try:
        await rig.ask(request)
    finally:
        sys.setprofile(None)
    return found


async def profile(rig: Rig, request: Request, each: int) -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(each):
        await rig.ask(request)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(45)


async def measure(directory: Path, *, profiled: bool) -> dict[str, Any]:
    with rig(directory) as made:
        leasing = asyncio.create_task(made.leases.run())
        await check(made)
        if profiled:
            await profile(made, made.whole, 5000)
            await profile(made, made.stream, 100)
            return {}
        found: dict[str, Any] = {}
        for name, request, each in (("whole", made.whole, 100), ("stream", made.stream, 5)):
            best, median = await total(made, request, each)
            found[name] = {"best_us": best, "median_us": median}
            found[name]["stages_us"] = await stages(made, request, each)
            found[name]["calls"] = dict(await calls(made, request))
            await made.recorder.flush()
        found["beside_us"] = min([await beside(made, 400) for _ in range(10)])
        leasing.cancel()
        return found


def show(found: dict[str, Any]) -> None:
    for name in ("whole", "stream"):
        one = found[name]
        print(f"\n{name}: {one['best_us']:.1f} µs at best, {one['median_us']:.1f} at the median")
        for stage, took in one["stages_us"].items():
            print(f"    {stage:<14}{took:>8.1f} µs{one['calls'].get(stage, 0):>8} calls")
        print(f"    {'all':<14}{sum(one['stages_us'].values()):>8.1f} µs{sum(one['calls'].values()):>8} calls")
    per = (found["stream"]["best_us"] - found["whole"]["best_us"]) / EVENTS
    print(f"\nan event: {per:.2f} µs;  a record on its way to the database: {found['beside_us']:.1f} µs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="sr-bench-") as name,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        found = runner.run(measure(Path(name), profiled=options.profile))
    if found:
        show(found)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "stages.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
