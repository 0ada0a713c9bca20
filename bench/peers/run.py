"""Strongroom beside its peers, in one run on the same mock upstream: see bench/README.md.

make bench-peers                          every figure, some minutes
make bench-peers ARGS=quick               fewer requests
make bench-peers ARGS='--only nginx'      one of them (may be repeated)
make bench-peers ARGS='--soak 600'        and so many seconds of load on each: what grows
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import platform
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import uvloop
from bench.gateway import load, plane
from bench.gateway.run import RESULTS, body
from bench.peers import measure, plot
from bench.peers.environments import Missing
from bench.peers.measure import EVENTS, Figures, Subject
from bench.peers.peers import PEERS, Start, Started

from strongroom.app.rig import family, outlive
from strongroom.runtime.rig import fields, scope
from strongroom.store.testing import shared

OURS: Final = "Strongroom, every control"
BARE: Final = "its HTTP alone, no control"
COLUMNS: Final = {
    "cpu_us@32": "CPU µs/request",
    "per_s@1": "req/s c=1",
    "per_s@32": "c=32",
    "per_s@128": "c=128",
    "added_p50_ms@1": "added p50 ms",
    "added_p99_ms@1": "p99 ms",
    "added_first_ms": "first chunk ms",
    "event_us": "CPU µs/event",
    "memory_mib": "MiB",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def mock_upstream() -> Generator[tuple[int, int]]:
    """Yield the port and pid of the mock that every gateway of the run has behind it."""
    port = free_port()
    command = [sys.executable, "-m", "bench.gateway.mock_worker", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own program
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield port, process.pid
        finally:
            process.terminate()


@asynccontextmanager
async def peer(start: Start, upstream: int, upstream_pid: int) -> AsyncGenerator[Subject]:
    """Run a peer and wait until it answers."""
    with tempfile.TemporaryDirectory(prefix="sr-peer-") as name:
        home, port = Path(name), free_port()
        how = start(home, upstream, port)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | how.environment
        process = _start(how, environment, home)
        try:
            subject = _subject(how, process.pid, port, upstream, upstream_pid)
            await _answers(subject, process, how, home)
            yield subject
        finally:
            _end(process)


def _start(how: Started, environment: dict[str, str], home: Path) -> subprocess.Popen[bytes]:
    with (home / "log").open("wb") as log:
        return subprocess.Popen(how.command, stdout=log, stderr=log, env=environment, cwd=home)  # noqa: S603 - built in peers.py


def _last_words(home: Path) -> str:
    return (home / "log").read_text(errors="replace")[-300:]


def _subject(how: Started, pid: int, port: int, upstream: int | Path, upstream_pid: int) -> Subject:
    def asked(*, path: bytes = b"/v1/chat/completions", extra: bytes = b"", stream: bool) -> bytes:
        data = body(max_tokens=EVENTS, stream=True) if stream else body(max_tokens=64)
        return load.request("sk-none", data, extra=extra, path=path)

    return Subject(
        pid=pid,
        port=port,
        upstream_pid=upstream_pid,
        upstream=upstream,
        whole=asked(path=how.path, extra=how.fields, stream=False),
        stream=asked(path=how.path, extra=how.fields, stream=True),
        direct_whole=asked(stream=False),
        direct_stream=asked(stream=True),
    )


async def _answers(subject: Subject, process: subprocess.Popen[bytes], how: Started, home: Path) -> None:
    last = ""
    try:
        async with asyncio.timeout(how.patience_s):
            while process.poll() is None:
                try:
                    await load.tally(subject.port, subject.whole, requests=1, connections=1)
                except (OSError, AssertionError) as error:
                    last = str(error)
                    await asyncio.sleep(0.25)
                else:
                    return
    except TimeoutError:
        pass
    raise Missing(f"does not answer: {last[:160]} {_last_words(home)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    members = family(process.pid)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for left in outlive(members, 5):
        os.kill(left.pid, 9)


@asynccontextmanager
async def bare() -> AsyncGenerator[Subject]:
    """Run the gateway's server and client with nothing between them."""
    with tempfile.TemporaryDirectory(prefix="sr-bench-") as name:
        worker = Path(name) / "worker.sock"
        with plane.mock_worker(worker) as worker_pid, _bare(worker) as (pid, port):
            how = Started([], {})
            yield _subject(how, pid, port, worker, worker_pid)


@contextmanager
def _bare(worker: Path) -> Generator[tuple[int, int]]:
    command = [sys.executable, "-m", "bench.peers.bare", str(worker)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own program
        try:
            assert process.stdout is not None
            yield process.pid, int(process.stdout.readline())
        finally:
            process.terminate()


@asynccontextmanager
async def strongroom() -> AsyncGenerator[Subject]:
    """Run the gateway process of `strongroom up`, with a real PostgreSQL, every control on."""
    with (
        tempfile.TemporaryDirectory(prefix="sr-bench-") as name,
        shared(Path(tempfile.gettempdir()) / f"sr-bench-pg-{os.getpid()}") as server,
    ):
        async with plane.running(server, Path(name)) as where:
            scoped = b"".join(b"%b: %b\r\n" % each for each in fields(scope("bench"))[1:])
            whole, stream = body(max_tokens=64), body(max_tokens=EVENTS, stream=True)
            subject = Subject(
                pid=where.pid,
                port=where.port,
                upstream_pid=where.worker_pid,
                upstream=where.worker,
                whole=load.request(where.key, whole),
                stream=load.request(where.key, stream),
                direct_whole=load.request("", whole, extra=scoped),
                direct_stream=load.request("", stream, extra=scoped),
            )
            await plane.ready(where, subject.whole)
            yield subject


async def everybody(only: list[str], scale: int, soak_s: float) -> tuple[dict[str, Figures], dict[str, str]]:
    found, missing = dict[str, Figures](), dict[str, str]()
    with mock_upstream() as (upstream, upstream_pid):
        own = {BARE: bare, OURS: strongroom}
        for name in (*PEERS, *own):
            if only and not any(word.lower() in name.lower() for word in only):
                continue
            try:
                async with AsyncExitStack() as stack:
                    subject = await stack.enter_async_context(
                        own[name]() if name in own else peer(PEERS[name], upstream, upstream_pid)
                    )
                    measure.keep_apart(subject.pid, subject.upstream_pid)
                    print(f"  {name} …", flush=True)
                    found[name] = await measure.measure(subject, scale)
                    if soak_s:
                        found[name] |= await measure.soak(subject, soak_s)
            except Missing as why:
                missing[name] = str(why)
            except (AssertionError, TimeoutError) as why:
                missing[name] = f"failed under load: {type(why).__name__} {str(why)[:200]}"
    return found, missing


def table(found: dict[str, Figures]) -> str:
    titles = ["", *COLUMNS.values()]
    rows = [[name, *(_cell(figures, column) for column in COLUMNS)] for name, figures in found.items()]
    widths = [max(len(row[index]) for row in (titles, *rows)) for index in range(len(titles))]

    def line(row: list[str]) -> str:
        return "  ".join(cell.rjust(width) if index else cell.ljust(width) for index, (cell, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip

    return "\n".join(map(line, [titles, *rows]))


def _cell(figures: Figures, column: str) -> str:
    if math.isnan(figures[column]):
        return "fails"
    connections = column.partition("@")[2]
    mark = "†" if column.startswith("per_s") and figures[f"bound_by_generator@{connections}"] else ""
    return f"{figures[column]:,.3g}{mark}" if abs(figures[column]) < 100 else f"{figures[column]:,.0f}{mark}"


def draw(found: dict[str, Figures]) -> list[Path]:
    made: list[Path] = []
    for name, column, title, unit in (
        ("cpu", "cpu_us@32", "CPU per request, c = 32", "microseconds of the gateway's process tree"),
        ("throughput", "per_s@32", "Requests per second, c = 32", "on one core"),
        ("added", "added_p50_ms@1", "Added latency, p50, c = 1", "milliseconds"),
        ("event", "event_us", "CPU per streamed event", "microseconds"),
    ):
        path = RESULTS / f"peers-{name}.svg"
        bound = frozenset(
            each for each, figures in found.items() if "per_s" in column and figures["bound_by_generator@32"]
        )
        plot.bars(
            path,
            title,
            unit,
            {each: max(0.0, figures[column]) for each, figures in found.items() if not math.isnan(figures[column])},
            marked=bound,
        )
        made.append(path)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("size", nargs="?", choices=["quick", "full"], default="full")
    parser.add_argument("--only", action="append", default=[], help="part of a name")
    parser.add_argument("--soak", type=float, default=0.0, help="seconds of load on each (issue: 600)")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    RESULTS.mkdir(exist_ok=True)
    at_start = os.getloadavg()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found, missing = runner.run(everybody(options.only, 1500 if options.size == "quick" else 12000, options.soak))
    print(f"\n{table(found)}\n\n† the load generator, not the gateway, was the bound.")
    for name, why in missing.items():
        print(f"left out: {name}: {why}")
    (RESULTS / "peers.json").write_text(
        json.dumps({"load_at_start": at_start, "found": found, "missing": missing}, indent=2) + "\n"
    )
    for path in draw(found):
        print(f"written to {path}")


if __name__ == "__main__":
    main()
