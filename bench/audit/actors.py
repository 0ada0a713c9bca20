"""The processes that `kills` ends: `python -m bench.audit.actors keeper|notary|producer DIRECTORY`."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import uvloop

from strongroom.audit import Entry, Outcome, append_batch
from strongroom.audit.sealing import Notary, Sequencer
from strongroom.audit.sealing.remote import RemoteNotary, service
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.store import Appender, Dsn, Sealer, StoreError
from strongroom.wire import Limits, serve_unix

TENANT = TenantId(UUID(int=0x0190 << 112 | 1))


def entry() -> Entry:
    return Entry(
        id=new_uuid(),
        at=datetime.now(UTC),
        actor="inference/search",
        credential="0123456789abcdef",
        action="model.invoke",
        resource="tenant/01900000-0000-0000-0000-000000000001/prod/deployment/assistant",
        outcome=Outcome.REFUSED,
        reason="the bench asks for what it may not have",
        request_id="req_bench",
    )


class GroupCommit:
    """Everybody who waits is committed by one statement, as a gateway's recorder does it."""

    def __init__(self, appender: Appender) -> None:
        self._appender = appender
        self._waiting: list[tuple[TenantId, Entry, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def append(self, tenant: TenantId, what: Entry) -> None:
        """Return once the entry is durable."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((tenant, what, done))
        self._wake.set()
        await done

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting[:512], self._waiting[512:]
            if self._waiting:
                self._wake.set()
            async with self._appender.append() as tx:
                await append_batch(tx, [(tenant, what) for tenant, what, _ in batch])
            for _, _, done in batch:
                done.set_result(None)


def login(directory: Path, name: str) -> Dsn:
    return msgspec.json.decode((directory / "logins.json").read_bytes(), type=dict[str, Dsn])[name]


async def producer(directory: Path) -> None:
    """Append, and write down the id of each entry once it is durable, synced: an acknowledgement that outlives us."""
    acknowledged = os.open(directory / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        try:
            appender = await Appender.connect(login(directory, "gateway"))
            while True:
                batch = [(TENANT, entry()) for _ in range(8)]
                async with appender.append() as tx:
                    await append_batch(tx, batch)
                os.write(acknowledged, "".join(f"{each.id}\n" for _, each in batch).encode())
        except StoreError:
            await asyncio.sleep(0.05)


async def keeper(directory: Path) -> None:
    notary = RemoteNotary(directory / "notary.sock")
    while True:
        try:
            sealer = await Sealer.connect(login(directory, "keeper"))
            sequencer = Sequencer(sealer, notary, SystemClock(), anchor_every_s=1, tell=lambda _: None)
            while True:
                if not await sequencer.round():
                    await asyncio.sleep(0.02)
        except StoreError:
            await asyncio.sleep(0.05)


async def notary(directory: Path) -> None:
    held = Notary(directory / "notary")
    await serve_unix(service(held), directory / "notary.sock", limits=Limits(max_body_bytes=2**26))
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run({"producer": producer, "keeper": keeper, "notary": notary}[sys.argv[1]](Path(sys.argv[2])))
