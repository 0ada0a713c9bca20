"""What signed requests and signed answers cost the gateway: see bench/README.md.

.venv/bin/python -m bench.signing [--quick]
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
from collections.abc import Iterator
from pathlib import Path

import uvloop
from bench.gateway import load, plane
from bench.gateway.run import Figures, quantiles, show

from strongroom.app.seed import INSTALLER
from strongroom.identity.signers import SignerService
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import Name, TenantId
from strongroom.policy import Ask, Gate
from strongroom.registry import Registry
from strongroom.rules import Level, Rules
from strongroom.signatures import SecretKey
from strongroom.signatures.client import RequestSigner
from strongroom.store.testing import shared

RESULTS = Path(__file__).resolve().parents[1] / "results"
URL = "http://127.0.0.1/v1/chat/completions"
KEY = SecretKey.generate()
RULES = {"rules": [{"models": ["signed-in"], "requests": True}, {"models": ["signed-out"], "answers": True}]}
MODELS = {"neither": "tiny", "signed requests": "signed-in", "signed answers": "signed-out"}
EVENTS = 200


def body(model: str, **more: object) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": load.PROMPT}], **more}).encode()


async def seed(gate: Gate, registry: Registry, tenant: TenantId) -> None:
    clock = SystemClock()
    for name in ("signed-in", "signed-out"):
        await registry.deploy(INSTALLER, tenant, plane.DEV, Name(name), plane.DIGEST, Ask())
    await SignerService(gate, clock).add(
        INSTALLER, tenant, KEY.public, environment=plane.DEV, workload=Name("inference"), label="", owner=None,
        days=None, ask=Ask(),
    )  # fmt: skip
    await Rules(gate, clock).write(
        INSTALLER, tenant, "signing", Level.CEILING, RULES, expected=0, reason="bench", ask=Ask()
    )


class Client(load.Client):
    """Asks with the next of many requests, each signed before anything is measured."""

    def __init__(self, tally: load.Tally, data: Iterator[bytes]) -> None:
        super().__init__(tally, b"")
        self.next = data

    def _ask(self) -> None:
        self.data = next(self.next)
        super()._ask()


def signed(key: str, data: bytes, count: int) -> Iterator[bytes]:
    signer, credential = RequestSigner(KEY), f"Bearer {key}"
    made = []
    for _ in range(count):
        fields = signer.fields("POST", URL, data, credential)
        made.append(load.request(key, data, extra="".join(f"{n}: {v}\r\n" for n, v in fields.items()).encode()))
    return iter(made)


async def once(where: plane.Plane, what: str, data: bytes, count: int, connections: int) -> Figures:
    """Return medians and CPU of `count` requests; the signing of them is not measured."""
    spare = count + connections
    same = load.request(where.key, data)
    asks = signed(where.key, data, spare) if what == "signed requests" else iter([same] * spare)
    tally = load.Tally(count)
    before, began = plane.cpu_seconds(where.pid), time.perf_counter()
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(tally, asks), "127.0.0.1", where.port))[0]
        for _ in range(connections)
    ]
    async with asyncio.timeout(120):
        await tally.done.wait()
    cpu, wall = plane.cpu_seconds(where.pid) - before, time.perf_counter() - began
    for client in clients:
        client.abort()
    assert not tally.wrong, tally.wrong[0][:400]
    median, p99 = quantiles(tally.took)
    return {"p50_us": median, "p99_us": p99, "cpu_us": cpu / count * 1e6, "per_s": count / wall}


async def measure(rounds: int, scale: int) -> dict[str, Figures]:
    """Measure the three in turn, so that other work on the machine meets all of them alike."""
    found: dict[str, list[Figures]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="sr-bench-") as name,
        shared(Path(tempfile.gettempdir()) / f"sr-bench-pg-{os.getpid()}") as server,
    ):
        async with plane.running(server, Path(name), seed) as where:
            await _ready(where)
            for _ in range(rounds):
                for connections in (1, 32):
                    for what, model in MODELS.items():
                        figures = await once(where, what, body(model, max_tokens=16), scale, connections)
                        found.setdefault(f"{what}, whole, c = {connections}", []).append(figures)
                for what, model in MODELS.items():
                    if what != "signed requests":
                        stream = body(model, max_tokens=EVENTS, stream=True)
                        figures = await once(where, what, stream, scale // 20, 4)
                        found.setdefault(f"{what}, stream of {EVENTS}, c = 4", []).append(figures)
    return {
        name: {figure: statistics.median(each[figure] for each in figures) for figure in figures[0]}
        for name, figures in found.items()
    }


async def _ready(where: plane.Plane) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                for what, model in MODELS.items():
                    await once(where, what, body(model, max_tokens=4), 200, 8)
            except (OSError, AssertionError):
                await asyncio.sleep(0.1)
            else:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    rounds, scale = (1, 600) if parser.parse_args().quick else (5, 2000)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(measure(rounds, scale))
    show("One gateway process (microseconds; medians over rounds)", found)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "signing.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
