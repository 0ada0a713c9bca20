"""SIGKILL at random moments: nothing that was acknowledged is lost, nothing stands twice, and the log still verifies."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import msgspec
from bench.audit.actors import TENANT

from strongroom.audit import strongroom_verify as verifier
from strongroom.audit.export import EpochPart, files
from strongroom.audit.reading import anchor, epochs, history, sealed
from strongroom.audit.sealing import Notary, Sequencer
from strongroom.audit.testing import AT, LocalNotary
from strongroom.audit.tlog import Note
from strongroom.kernel.clock import SystemClock
from strongroom.store import Database, Sealer, migrate, roles
from strongroom.store.cluster import Cluster
from strongroom.store.testing import TestDatabase, logins, private_cluster

VICTIMS = ("keeper", "keeper", "notary", "producer", "postgres")


class Actors:
    """The processes, started again as they are ended."""

    def __init__(self, directory: Path, names: tuple[str, ...] = ("notary", "keeper", "producer")) -> None:
        self.directory = directory
        self.running = {name: self.start(name) for name in names}

    def start(self, name: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "bench.audit.actors", name, str(self.directory)])  # noqa: S603 - ours

    def kill(self, name: str) -> None:
        self.running[name].kill()
        self.running[name].wait()
        self.running[name] = self.start(name)

    def end(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()


def introduce(directory: Path, found: TestDatabase) -> None:
    """Write down the logins, for the actors."""
    names = {name: getattr(found, name) for name in ("gateway", "keeper")}
    (directory / "logins.json").write_bytes(msgspec.json.encode(names))


async def kills(
    directory: Path, count: int, *, victims: tuple[str, ...] = VICTIMS, settle_s: float = 0.4
) -> dict[str, int]:
    """Kill `count` times, then check; return what was found."""
    cluster, passwords = private_cluster(directory), roles.Passwords.generate()
    admin = await cluster.start()
    await migrate.migrate(admin, passwords)
    found = logins(admin, passwords)
    introduce(directory, found)
    (directory / "notary").mkdir()
    actors = Actors(directory)
    began = time.monotonic()
    try:
        await asyncio.sleep(2)
        for _ in range(count):
            await asyncio.sleep(random.uniform(0, 2 * settle_s))  # noqa: S311 - a moment, not a secret
            await _kill(random.choice(victims), actors, cluster)  # noqa: S311 - as above
        await asyncio.sleep(settle_s)
        actors.end()
        result = await check(directory, found)
        print(f"{count} kills in {time.monotonic() - began:.0f} s: {result}")
        return result
    finally:
        actors.end()
        await cluster.stop()


async def _kill(victim: str, actors: Actors, cluster: Cluster) -> None:
    if victim != "postgres":
        await asyncio.to_thread(actors.kill, victim)
        return
    process = cluster.process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    await cluster.stop()
    await cluster.start()


async def check(directory: Path, found: TestDatabase) -> dict[str, int]:
    """Seal what is left, export, verify; raise when something is not as it must be."""
    lines = (directory / "acknowledged").read_text().splitlines()
    acknowledged = {UUID(line) for line in lines if len(line) == 36}  # the last line may be cut: it told nobody
    sealer, notary = await Sealer.connect(found.keeper), LocalNotary(directory / "notary")
    sequencer = Sequencer(sealer, notary, SystemClock(), anchor_every_s=0, tell=print)
    while await sequencer.round():
        pass
    await sequencer.round()
    assert not sequencer.forked, sequencer.forked
    database = await Database.connect(found.control, found.operator)
    async with database.tenant(TENANT) as tx:
        (epoch,) = await epochs(tx)
        rows = [row for since in range(0, epoch.signed_size, 1000) for row in await sealed(tx, 1, since, 1000)]
        part = await anchor(tx, epoch)
        earlier = await history(tx, 1, epoch.signed_size)
    assert part is not None
    assert epoch.note is not None
    ids = [row.id for row in rows]
    assert len(ids) == len(set(ids)) == epoch.signed_size == epoch.size
    lost = acknowledged - set(ids)
    assert not lost, f"{len(lost)} acknowledged entries were lost"
    log = EpochPart(
        number=1,
        checkpoint=Note.parse(epoch.note),
        entries=[row.event for row in rows],
        hashes=[row.hash for row in rows],
        history=[Note.parse(each) for each in earlier],
    )
    for path, content in files("bench", [log], part, notary.notary.key, AT):
        (directory / "export" / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / "export" / path).write_bytes(content)
    verifier.verify(directory / "export", [verifier.read_key(str(notary.notary.key))])
    await database.close()
    await sealer.close()
    notary.notary.close()
    return {"acknowledged": len(acknowledged), "logged": len(ids), "lost": 0, "heads checked": len(earlier) + 1}


__all__ = ["Notary", "kills"]
