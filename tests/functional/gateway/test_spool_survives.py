"""Gateway processes that are killed under load, and one whose disk is full: what was promised of records holds.

Tenant acme has `strict` records, globex `bounded` ones. The processes are those of `strongroom up`.
"""

from __future__ import annotations

import asyncio
import os
import random
import resource
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from strongroom.app.handover import Handover, pipe
from strongroom.app.seed import INSTALLER
from strongroom.app.settings import Settings
from strongroom.gateway.testing import Asked, chat, chat_stream, whole
from strongroom.kernel.clock import SystemClock
from strongroom.policy import Ask
from strongroom.rules.model import Level
from strongroom.store import Database
from strongroom.store.roles import GATEWAY
from strongroom.store.testing import TestDatabase
from strongroom.vault import Broker, FileKeystore, Keyring, Purpose, Use

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Build, Plane

ROUNDS = 6
CALLERS = 8
PATIENCE_S = 20.0
SAY = [{"role": "user", "content": "hello"}]


@dataclass
class Rig:
    """Gateway processes on one spool, one after the other."""

    plane: Plane
    database: TestDatabase
    spool: Path
    listener: socket.socket
    answered: dict[str, set[UUID]] = field(default_factory=lambda: {"acme": set(), "globex": set()})

    @asynccontextmanager
    async def gateway(self) -> AsyncGenerator[Process]:
        """Run a gateway process until it is ready, and end it in order if it lives at the end of the block."""
        home = self.plane.sockets
        keyring = Keyring.open(home / "keyring.json")
        keys = keyring.derive(*Purpose).dump()
        broker = Broker(FileKeystore(home / "vault", keyring, SystemClock()))
        handover = Handover(
            name="gateway-1", supervisor=os.getpid(), settings=Settings(), keys=keys, demo=True,
            logins={GATEWAY: self.database.gateway}, home=str(home),
            worker_sockets=str(home), spool=str(self.spool), metrics_sockets=str(home), listen=self.listener.fileno(),
            vault_socket=str(home / "vault.sock"), vault_token=broker.admit("gateway-1", Use),
        )  # fmt: skip
        async with broker.serving(home / "vault.sock", frozenset({os.geteuid()})), self._process(handover) as process:
            yield process

    @asynccontextmanager
    async def _process(self, handover: Handover) -> AsyncGenerator[Process]:
        reading = pipe(handover)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "strongroom.app.processes", "gateway", str(reading),
            pass_fds=(reading, self.listener.fileno()), stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        os.close(reading)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while await self.status() != 200:  # noqa: ASYNC110 - another process becomes ready
                    await asyncio.sleep(0.02)  # it says so to nobody but who asks
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    async def say(self, tenant: str, *, stream: bool = False) -> tuple[int, UUID, bytes]:
        """Ask once; return status, request id and body of an answer that came whole."""
        body = {"model": "tiny", "messages": SAY, "stream": stream}
        answer = await self.plane.ask(body=body, key=tenant, port=self.port)
        return answer.status, UUID(answer.headers["x-request-id"].removeprefix("req_")), answer.body

    async def keep(self, tenant: str) -> str:
        """Have an answer kept; return its path."""
        body = {"model": "tiny", "input": "hello", "store": True}
        answer = await self.plane.ask("/v1/responses", body, key=tenant, port=self.port)
        return f"/v1/responses/{answer.json['id']}"

    async def look(self, method: str, path: str, tenant: str) -> int:
        """Look something up; return the status."""
        return (await self.plane.ask(path, method=method, key=tenant, port=self.port)).status

    async def status(self) -> int:
        return (await self.plane.ask("/readyz", method="GET", key=None, port=self.port)).status

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    async def caller(self, number: int) -> None:
        """Ask without pause, whole and streamed in turn, until there is nobody to ask."""
        tenant = ("acme", "globex")[number % 2]
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                number += 1
                status, request, body = await self.say(tenant, stream=number % 4 < 2)
                if status == 200 and (b"[DONE]" in body or b'"chat.completion"' in body):
                    self.answered[tenant].add(request)

    async def rows(self, tenant: str, sql: str) -> list[dict[str, Any]]:
        db = await Database.connect(self.database.control, self.database.operator)
        try:
            async with db.tenant(self.plane.tenants[tenant]) as tx:
                return [dict(row) for row in await tx.fetch(sql)]
        finally:
            await db.close()


async def at_its_pace(asked: Asked) -> None:
    """Answer as an engine does: not at once."""
    await asyncio.sleep(random.uniform(0, 0.02))  # noqa: S311 - a pace, no secret
    streams = asked.body is not None and asked.body.get("stream")  # a health check has no body
    await asked.say(chat_stream("Hel", "lo.") if streams else whole(chat()))


@pytest.fixture
async def rig(database: TestDatabase, build: Build) -> AsyncGenerator[Rig]:
    plane = await build(database)
    plane.chat.behaviour = at_its_pace
    strict = {"rules": [{"mode": "strict"}]}
    await plane.rules.write(
        INSTALLER, plane.tenants["acme"], "records", Level.CEILING, strict, expected=0, reason="test", ask=Ask()
    )
    with tempfile.TemporaryDirectory(prefix="sr-spool-") as name, socket.create_server(("127.0.0.1", 0)) as listener:
        yield Rig(plane, database, Path(name) / "spool", listener)


async def test_no_kill_at_any_moment_costs_a_strict_record_and_none_costs_another_in_silence(rig: Rig) -> None:
    for _ in range(ROUNDS):
        async with rig.gateway() as process:
            callers = [asyncio.create_task(rig.caller(number)) for number in range(CALLERS)]
            await asyncio.sleep(random.uniform(0.02, 0.5))  # noqa: S311 - a moment that nobody chose
            process.kill()
            await process.wait()
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)
    async with rig.gateway():
        async with asyncio.timeout(PATIENCE_S):
            while len(list(rig.spool.iterdir())) > 1:  # noqa: ASYNC110 - another process takes over what was left
                await asyncio.sleep(0.05)  # it removes files and tells nobody
    assert list(rig.spool.iterdir()) == []  # after an end in order nothing waits
    missing = dict.fromkeys(rig.answered, 0)
    interrupted = 0
    for tenant, answered in rig.answered.items():
        rows = await rig.rows(tenant, "select id, outcome, status from gateway.record")
        found = {row["id"]: row["outcome"] for row in rows}
        assert len(found) == len(rows)
        missing[tenant] = len(answered - found.keys())
        # What was answered whole is never taken for interrupted where the record was durable before the last byte.
        wrong = [found[each] for each in answered & found.keys() if found[each] != "completed"]
        assert tenant == "globex" or not wrong
        interrupted += sum(outcome == "interrupted" for outcome in found.values())
        assert all((row["status"] == 0) == (row["outcome"] == "interrupted") for row in rows)
    assert sum(map(len, rig.answered.values())) > 20
    assert missing["acme"] == 0
    assert interrupted > 0
    gaps = await rig.rows(
        "globex", "select (detail->>'lost')::int as lost from audit.entry where action = 'record.drop'"
    )
    assert missing["globex"] <= sum(row["lost"] for row in gaps)


async def test_while_the_disk_is_full_strict_tenants_are_refused_and_others_served_and_nothing_is_lost(
    rig: Rig,
) -> None:
    async with rig.gateway() as process:
        limits = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        assert (await rig.say("acme"))[0] == 200
        kept = {tenant: await rig.keep(tenant) for tenant in ("acme", "globex")}
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, limits[1]))
        refused = [await rig.say("acme", stream=stream) for stream in (False, True, False)]
        assert [status for status, _, _ in refused] == [503] * 3
        assert all(b"records_unavailable" in body for _, _, body in refused)
        # What is looked up is content too, and a drop without a trace would be worse: nothing is told, nothing goes.
        lookups = [("GET", "/v1/models"), ("GET", kept["acme"]), ("DELETE", kept["acme"])]
        assert [await rig.look(*each, "acme") for each in lookups] == [503] * 3
        assert await rig.look("GET", kept["globex"], "globex") == 200
        assert [(await rig.say("globex"))[0] for _ in range(20)] == [200] * 20
        assert await rig.status() == 503
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, limits)
        async with asyncio.timeout(PATIENCE_S):
            while await rig.status() != 200:  # noqa: ASYNC110 - another process looks at its disk
                await asyncio.sleep(0.05)  # it removes files and tells nobody
        assert (await rig.say("acme"))[0] == 200
        assert [await rig.look(method, kept["acme"], "acme") for method in ("GET", "DELETE", "GET")] == [200, 200, 404]
    records = await rig.rows("acme", "select outcome, status, refusal from gateway.record order by id")
    assert [(row["outcome"], row["status"]) for row in records] == [
        *[("completed", 200)] * 2,
        *[("failed", 503)] * 6,
        *[("completed", 200)] * 3,
        ("refused", 404),
    ]
    assert len(await rig.rows("globex", "select id from gateway.record")) == 22
    assert await rig.rows("globex", "select id from audit.entry where action = 'record.drop'") == []
