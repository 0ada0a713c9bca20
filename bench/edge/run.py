"""Our protocol against Granian (RSGI), by one command: `.venv/bin/python -m bench.edge.run`.

Prints (a) each line of the smuggling list on both, (b) CPU per request of the whole server process, in paired runs on the
same load, (c) whether a handler can see the client's certificate, and what slow clients meet. Granian lives in an
environment of its own under --venv (made when absent; it needs the package index once).
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import uvloop
from bench.edge import both_ends, certificates, load, rudeness, servers

from strongroom.wire import Pool, TcpTarget, client_context


def measure(command: Callable[[int], list[str]], requests: int, **env: str) -> tuple[float, float]:
    """Return CPU microseconds per request and requests per second of one fresh server."""
    port = servers.free_port()
    with (
        servers.process(command(port), port, **env) as pid,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(load.run(port, requests=requests // 5))  # warm
        before = servers.cpu_seconds(pid)
        took = runner.run(load.run(port, requests=requests))
        return (servers.cpu_seconds(pid) - before) / requests * 1e6, requests / took


def cpu(python: Path, *, rounds: int, requests: int) -> None:
    upstream = servers.free_port()
    with servers.process([sys.executable, "upstream_app.py", str(upstream)], upstream):
        for kind in ("fixed", "proxy"):
            pairs = []
            commands = (partial(servers.ours, kind), partial(servers.granian, python, kind))
            for _ in range(rounds):
                mine, other = (measure(command, requests, EDGE_UPSTREAM=str(upstream)) for command in commands)
                pairs.append((mine, other))
                print(
                    f"  {kind}: ours {mine[0]:.0f} µs ({mine[1]:.0f}/s), granian {other[0]:.0f} µs ({other[1]:.0f}/s)"
                )
            ratio = statistics.median(other[0] / mine[0] for mine, other in pairs)
            ours = statistics.median(mine[0] for mine, _ in pairs)
            granian = statistics.median(other[0] for _, other in pairs)
            print(
                f"{kind}, c = 32: median CPU per request ours {ours:.0f} µs, granian {granian:.0f} µs, ratio {ratio:.2f}"
            )


async def show_peer(port: int, context: ssl.SSLContext) -> str:
    pool = Pool(TcpTarget("127.0.0.1", port, context))
    try:
        async with pool.request("GET", "/", timeout_s=5) as response:
            return (await response.read(10_000)).decode()
    finally:
        await pool.close()


def certificate(python: Path, folder: Path) -> None:
    certificates.make(folder)
    context = client_context(ca=folder / "ca.pem", certificate=folder / "client.pem", key=folder / "client.key")
    options = (
        *("--ssl-certificate", str(folder / "server.pem"), "--ssl-keyfile", str(folder / "server.key")),
        *("--ssl-ca", str(folder / "ca.pem"), "--ssl-client-verify"),
    )
    for name in ("ours", "granian"):
        port = servers.free_port()
        command = servers.ours("peer", port) if name == "ours" else servers.granian(python, "peer", port, *options)
        with servers.process(command, port, EDGE_TLS=str(folder)):
            print(f"{name}: {asyncio.run(show_peer(port, context))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, default=Path.home() / ".cache" / "strongroom-bench-edge")
    parser.add_argument("--rounds", type=int, default=5, help="paired CPU runs")
    parser.add_argument("--requests", type=int, default=15_000, help="per CPU run")
    parser.add_argument("--give-up", type=float, default=40.0, help="seconds a slow client tries")
    arguments = parser.parse_args()
    python = servers.environment(arguments.venv)
    with ExitStack() as stack:
        mine, other = servers.free_port(), servers.free_port()
        stack.enter_context(servers.process(servers.ours("fixed", mine), mine))
        stack.enter_context(servers.process(servers.granian(python, "fixed", other), other))
        print("== (a) the smuggling list")
        asyncio.run(rudeness.smuggling(mine, other))
    print("\n== (b) CPU per request, whole process")
    cpu(python, rounds=arguments.rounds, requests=arguments.requests)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runs = sorted(runner.run(both_ends.measure()) for _ in range(arguments.rounds))
    print(f"our server and client in one process: median {statistics.median(runs):.0f} µs, lowest {runs[0]:.0f} µs")
    print("\n== (c) the client's certificate, and slow clients")
    with tempfile.TemporaryDirectory() as folder:
        certificate(python, Path(folder))
    with ExitStack() as stack:
        mine, other = servers.free_port(), servers.free_port()
        stack.enter_context(servers.process(servers.ours("fixed", mine), mine))
        stack.enter_context(servers.process(servers.granian(python, "fixed", other), other))
        asyncio.run(rudeness.slow_loris(mine, other, give_up_s=arguments.give_up))


if __name__ == "__main__":
    main()
