"""What is measured: the gateway process of `strongroom up`, a real PostgreSQL, and a mock worker on a unix socket."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.gateway import load

from strongroom.app.handing import A_GATEWAY
from strongroom.app.handover import Handover, pipe
from strongroom.app.seed import INSTALLER
from strongroom.app.settings import Settings
from strongroom.gateway.upstreams import worker_socket
from strongroom.identity import Directory, Identity
from strongroom.identity.accounts import Accounts
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import Name, TenantId
from strongroom.kernel.principal import Environment, Role
from strongroom.policy import Ask, Engine, Gate
from strongroom.registry import Registry
from strongroom.registry.admission import Admission, RegistryKeys
from strongroom.registry.admission.testing import admitted, digest_of, release_of
from strongroom.registry.channels.service import Channels
from strongroom.rules import Level, Rules
from strongroom.store import Database
from strongroom.store.roles import GATEWAY
from strongroom.store.testing import TestDatabase, TestServer
from strongroom.vault import Broker, FileKeystore, Keyring, Purpose, PurposeKeys

Also = Callable[[Gate, Registry, TenantId], Awaitable[None]]
DIGEST = digest_of("tiny")
DEV = Environment.DEV
PRODUCT = ("strongroom.app.processes",)
"""What runs, and its first arguments, as `python -m` has them."""
LIMITS = {
    "rules": [
        {"per": "workload", "requests_per_s": 100_000, "concurrency": 10_000, "tokens_per_min": 100_000_000},
        {"per": "tenant", "requests_per_s": 100_000, "concurrency": 10_000, "tokens_per_day": 1_000_000_000_000},
    ]
}


@dataclass(frozen=True)
class Plane:
    pid: int
    worker_pid: int
    port: int
    worker: Path
    key: str = field(repr=False)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process, from the scheduler's own account (nanoseconds)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def user_seconds(pid: int) -> float:
    """Return the part of it that was spent outside the kernel (in ticks of 10 ms: measure seconds, not moments)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")


def memory_kib(pid: int) -> tuple[int, int]:
    """Return (resident, proportional) memory: the second shares out pages that several processes hold."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    figures = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith("kB")}
    return figures["Rss"], figures["Pss"]


async def _seed(database: TestDatabase, keys: PurposeKeys, also: Also | None) -> str:
    clock = SystemClock()
    db = await Database.connect(database.control, database.operator)
    gate = Gate(db, Engine.load(), clock)
    identity = Identity(gate, Directory(keys, clock, allow_demo=False), keys, clock)
    admission = Admission(gate, RegistryKeys(keys), clock)
    channels = Channels(gate, admission, RegistryKeys(keys), clock)
    registry, release = Registry(gate, clock, admission), release_of("tiny")
    await admitted(registry, admission, channels, Accounts(gate, keys, clock), INSTALLER, [release])
    tenant = TenantId((await identity.create_tenant(INSTALLER, Name("acme"), Ask())).id)
    await identity.create_workload(
        INSTALLER, tenant, environment=DEV, name=Name("inference"), role=Role.INFERENCE, owner="bench", ask=Ask()
    )
    made = await identity.create_key(INSTALLER, tenant, environment=DEV, workload=Name("inference"), ask=Ask())
    await registry.deploy(INSTALLER, tenant, DEV, Name("tiny"), DIGEST, Ask())
    # Every measure is bounded, at every scope that has a default, and no bound is met: what is measured passes them all.
    await Rules(gate, clock).write(
        INSTALLER, tenant, "limits", Level.CEILING, LIMITS, expected=0, reason="measurement", ask=Ask()
    )
    if also is not None:
        await also(gate, registry, tenant)
    await db.close()
    return made.secret


@contextmanager
def mock_worker(path: Path) -> Generator[int]:
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "bench.gateway.mock_worker", str(path)], stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield process.pid
        finally:
            process.terminate()


@contextmanager
def _gateway(handover: Handover, listener: socket.socket, program: Sequence[str]) -> Generator[int]:
    reading = pipe(handover)
    command = [sys.executable, "-m", *program, "gateway", str(reading)]
    with subprocess.Popen(command, pass_fds=(reading, listener.fileno())) as process:  # noqa: S603 - our own program
        os.close(reading)
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)


@asynccontextmanager
async def running(
    server: TestServer, home: Path, also: Also | None = None, program: Sequence[str] = PRODUCT
) -> AsyncGenerator[Plane]:
    """Run a gateway process as `strongroom up` does, with one tenant, one key and one model, and what `also` makes."""
    keyring = Keyring.open(home / "keyring.json")
    keys = keyring.derive(*Purpose)
    worker, vault = worker_socket(home, DEV, DIGEST), home / "vault.sock"
    broker = Broker(FileKeystore(home / "vault", keyring, SystemClock()))
    async with server.database() as database, broker.serving(vault, frozenset({os.geteuid()})):
        key = await _seed(database, keys, also)
        with socket.create_server(("127.0.0.1", 0)) as listener, mock_worker(worker) as worker_pid:
            handover = Handover(
                name="gateway-1",
                settings=Settings(),
                logins={GATEWAY: database.gateway},
                keys=keys.dump(),
                home=str(home),
                worker_sockets=str(home),
                spool=str(home / "spool"),
                vault_socket=str(vault),
                vault_token=broker.admit("gateway-1", A_GATEWAY.uses, of_subjects=A_GATEWAY.of_subjects),
                metrics_sockets=str(home),
                listen=listener.fileno(),
                supervisor=os.getpid(),
                demo=False,
            )
            with _gateway(handover, listener, program) as pid:
                yield Plane(pid, worker_pid, listener.getsockname()[1], worker, key)


async def ready(where: Plane, data: bytes) -> None:
    """Wait until a request is answered."""
    async with asyncio.timeout(30):
        while True:
            try:
                await load.run(where.port, data, requests=1, connections=1)
            except (OSError, AssertionError):
                await asyncio.sleep(0.1)
            else:
                return
