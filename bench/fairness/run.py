"""What a tenant at ten times its limit does to another's latency (promise I5: at most 20 % at the 99th percentile).

One gateway process as `strongroom up` runs it, with a real PostgreSQL; an engine that takes 50 ms for each answer. Tenant
globex asks 40 times a second throughout, in an open loop. Tenant acme, a process of its own, may ask 30 times a second; it is quiet, asks as often
as it may, and ten times as often, in turn, round after round: so the machine's own moods fall on all three alike. Requests
during which the measuring process itself came late to its own timers are left out, and counted: that is its own waiting for a
core, and no tenant's doing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.fairness.load import Span, lateness, open_loop, undisturbed
from bench.gateway.plane import DIGEST, running

from strongroom.app.seed import INSTALLER
from strongroom.gateway.testing import Asked, WorkerDouble, chat, whole
from strongroom.identity import Directory, Identity
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Role
from strongroom.policy import Ask, Gate
from strongroom.registry import Registry
from strongroom.rules import Level, Rules
from strongroom.store.testing import shared
from strongroom.vault import Keyring, Purpose
from strongroom.wire import Pool, TcpTarget

SERVICE_S, PER_SECOND, LIMIT = 0.050, 40, 30
OFFERED = {"quiet": 0, "at its limit": LIMIT, "at ten times its limit": 10 * LIMIT}


async def engine(asked: Asked) -> None:
    await asyncio.sleep(SERVICE_S)
    await asked.say(whole(chat()))


async def measure(port: int, keys: dict[str, str], rounds: int, seconds: float) -> None:
    took: dict[str, list[Span]] = {name: [] for name in OFFERED}
    statuses: dict[str, Counter[int]] = {name: Counter() for name in OFFERED}
    victim: Counter[int] = Counter()
    target = TcpTarget("127.0.0.1", port)
    pool = Pool(target, max_connections=64)
    await open_loop(pool, keys["globex"], PER_SECOND, 1.0, [], Counter())
    late: list[Span] = []
    watching = asyncio.create_task(lateness(late))
    flood = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.fairness.flood", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert flood.stdin is not None
    assert flood.stdout is not None
    for _ in range(rounds):
        for name, offered in OFFERED.items():
            if offered:
                work = {"port": port, "key": keys["acme"], "rate": offered, "seconds": seconds}
                flood.stdin.write(json.dumps(work).encode() + b"\n")
            await open_loop(pool, keys["globex"], PER_SECOND, seconds, took[name], victim)
            if offered:
                said = json.loads(await flood.stdout.readline())
                statuses[name].update({int(status): count for status, count in said.items()})
    flood.stdin.close()
    await flood.wait()
    await pool.close()
    watching.cancel()
    print(f"globex: {sum(victim.values())} asked, answered {dict(victim)}")
    print(
        f"{'acme':>24}  {'answered':>8}  {'refused':>8}  {'globex p50':>11}  {'globex p99':>11}  {'p99 moved':>9}  {'left out':>8}"
    )
    quiet = 0.0
    for name, spans in took.items():
        times = undisturbed(spans, late)
        p99 = statistics.quantiles(times, n=100)[98] * 1e3
        quiet = quiet or p99
        of = statuses[name]
        print(
            f"{name:>24}  {of[200]:8}  {of[429]:8}  {statistics.median(times) * 1e3:8.1f} ms  {p99:8.1f} ms"
            f"  {p99 / quiet - 1:+9.1%}  {len(spans) - len(times):8}"
        )


async def main(rounds: int, seconds: float) -> None:
    """Set the stage and measure."""
    keys: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="sr-fair-") as name:
        home = Path(name)
        home.chmod(0o755)  # noqa: ASYNC240 - nothing else runs yet
        (home / "pg").mkdir()
        ring = Keyring.open(home / "keyring.json").derive(*Purpose)

        async def also(gate: Gate, registry: Registry, acme: TenantId) -> None:
            clock = SystemClock()
            rules, identity = Rules(gate, clock), Identity(gate, Directory(ring, clock, allow_demo=False), ring, clock)
            bounds = {"rules": [{"per": "tenant", "requests_per_s": LIMIT, "burst": LIMIT}]}
            await rules.write(
                INSTALLER, acme, "limits", Level.CEILING, bounds, expected=1, reason="measurement", ask=Ask()
            )
            globex = TenantId((await identity.create_tenant(INSTALLER, Name("globex"), Ask())).id)
            dev, workload = Environment.DEV, Name("inference")
            await identity.create_workload(
                INSTALLER, globex, environment=dev, name=workload, role=Role.INFERENCE, owner="bench", ask=Ask()
            )
            made = await identity.create_key(INSTALLER, globex, environment=dev, workload=workload, ask=Ask())
            await registry.deploy(INSTALLER, globex, dev, Name("tiny"), DIGEST, Ask())
            keys["globex"] = made.secret

        with shared(home / "pg") as server:
            async with running(server, home, also) as plane:
                keys["acme"] = plane.key
                plane.worker.unlink()  # the engine below takes the place of the one that answers at once
                async with WorkerDouble(engine).listening(plane.worker):
                    await measure(plane.port, keys, rounds, seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    asyncio.run(main(given.rounds, given.seconds))
