"""What is written down of requests, and what callers meet while the database is away."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from strongroom.app.seed import INSTALLER
from strongroom.gateway.testing import chat, says, whole
from strongroom.kernel.ids import KeyId
from strongroom.policy import Ask
from strongroom.store import Database, migrate, roles
from strongroom.store.cluster import Cluster
from strongroom.store.testing import TestDatabase, logins, private_cluster

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Build, Plane

ASKED: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "CANARY-prompt"}]}


async def records(database: TestDatabase, plane: Plane, tenant: str) -> list[dict[str, Any]]:
    """Return what was recorded of `tenant`, once the queue is empty."""
    await plane.written()
    db = await Database.connect(database.control, database.operator)
    try:
        async with db.tenant(plane.tenants[tenant]) as tx:
            rows = await tx.fetch("select row_to_json(r)::text as text, r.* from gateway.record r order by at, id")
            return [dict(row) for row in rows]
    finally:
        await db.close()


async def test_each_request_of_a_known_caller_leaves_one_record_without_content(
    database: TestDatabase, build: Build
) -> None:
    plane = await build(database)
    plane.chat.behaviour = says(whole(chat("CANARY-answer")))
    assert (await plane.ask(body=ASKED)).status == 200
    assert (await plane.ask(body={**ASKED, "temperature": 9})).status == 400
    assert (await plane.ask(body={**ASKED, "model": "CANARY-model"})).status == 404
    assert (await plane.ask("/v1/models", method="GET")).status == 200
    assert (await plane.ask(body=ASKED, key="globex")).status == 200
    assert (await plane.ask(body=ASKED, key=None)).status == 401
    rows = await records(database, plane, "acme")
    assert [(row["status"], row["operation"]) for row in rows] == [
        (200, "chat"),
        (400, "chat"),
        (404, "chat"),
        (200, "list_models"),
    ]
    assert (rows[0]["input_tokens"], rows[0]["output_tokens"]) == (5, 2)
    assert all(row["duration_us"] >= 0 and len(row["policy_version"]) == 64 for row in rows)
    assert not any(word in row["text"] for row in rows for word in ("CANARY", "srk_"))
    assert len(await records(database, plane, "globex")) == 1


async def test_refusals_stand_in_the_log_of_whom_they_concern(database: TestDatabase, build: Build) -> None:
    plane = await build(database)
    await plane.ask(body={**ASKED, "model": "nothing"})
    await plane.ask(body=ASKED, key=None)
    await plane.ask(body=ASKED, key=plane.keys["acme"][:-1] + "~")
    assert await plane.recorder.flush()
    db = await Database.connect(database.control, database.operator)
    async with db.tenant(plane.tenants["acme"]) as tx:
        own = await tx.fetch("select * from audit.entry where action like 'model.%' and outcome = 'refused'")
    async with db.operator() as op:
        strangers = await op.fetch("select * from audit.platform_entry where actor = 'unknown'")
    await db.close()
    assert [(row["actor"], row["reason"]) for row in own] == [
        ("inference/inference", "no such deployment in the caller's tenant and environment")
    ]
    assert {row["reason"] for row in strangers} == {"no key", "not a key: shape or checksum"}
    assert not any("srk_" in str(dict(row)) for row in [*own, *strangers])


async def test_a_revoked_key_is_refused_within_a_second(database: TestDatabase, build: Build) -> None:
    plane = await build(database)
    made = await plane.key("acme")
    assert (await plane.ask(body=ASKED, key=made.secret)).status == 200

    began = asyncio.get_running_loop().time()
    await plane.identity.revoke_key(INSTALLER, plane.tenants["acme"], KeyId(made.key.id), "test", Ask())
    async with asyncio.timeout(5):
        while (await plane.ask(body=ASKED, key=made.secret)).status == 200:
            pass
    assert asyncio.get_running_loop().time() - began < 1
    assert (await plane.ask(body=ASKED)).status == 200


class Load:
    """Callers who ask without pause until they are told to stop."""

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self.seen: list[int] = []
        self.codes: Counter[str] = Counter()
        self.added = asyncio.Event()
        self.over = False

    async def run(self) -> None:
        while not self.over:
            answer = await self.plane.ask(body=ASKED)
            if answer.status != 200:
                self.codes[answer.error["code"]] += 1
                assert answer.headers["retry-after"] == "1"
            self.seen.append(answer.status)
            self.added.set()
            await asyncio.sleep(0.01)  # the pace of a steady caller

    async def until(self, status: int, count: int = 5) -> None:
        """Wait until the last `count` answers were all `status`."""
        async with asyncio.timeout(30):
            while self.seen[-count:] != [status] * count:
                self.added.clear()
                await self.added.wait()


@pytest.fixture
def place() -> Generator[Path]:
    """A short directory that every uid can pass through."""
    with tempfile.TemporaryDirectory(prefix="sr-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place


@pytest.fixture
async def cluster(place: Path) -> AsyncGenerator[Cluster]:
    """A server of the test's own, stopped at the end."""
    cluster = private_cluster(place)
    yield cluster
    await cluster.stop()


async def test_callers_are_told_to_come_back_while_the_database_is_away_and_nothing_is_lost(
    cluster: Cluster, build: Build
) -> None:
    admin = await cluster.start()
    passwords = roles.Passwords.generate()
    await migrate.migrate(admin, passwords)
    own = logins(admin, passwords)
    plane = await build(own)
    load = Load(plane)
    callers = [asyncio.create_task(load.run()) for _ in range(4)]
    await load.until(200)
    await cluster.stop()
    await load.until(503)
    assert (await plane.ask("/readyz", method="GET")).status == 503
    assert (await plane.ask("/livez", method="GET")).status == 200
    await cluster.start()
    await load.until(200)
    load.over = True
    await asyncio.gather(*callers)
    assert set(load.seen) == {200, 503}
    assert set(load.codes) == {"unavailable"}
    assert (await plane.ask("/readyz", method="GET")).status == 200
    kept = [row for row in await records(own, plane, "acme") if row["status"] == 200]
    assert len(kept) == load.seen.count(200)
