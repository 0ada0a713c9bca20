"""A release that is revoked stops at the gateway at once, and its worker ends; what was not revoked goes on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
import pytest

from strongroom.app.revoking import ending_revoked
from strongroom.kernel.principal import Environment
from strongroom.policy import Ask
from strongroom.registry import REVOKED, STOPPED, RevokedDocument, StoppedDocument
from strongroom.registry.channels.model import RevokedKind
from strongroom.runtime.rig import Rig, ask
from strongroom.runtime.spec import Kind
from strongroom.store import Database, feed
from strongroom.store.testing import TestDatabase
from strongroom.wire import ClientError

if TYPE_CHECKING:
    from tests.functional.gateway.conftest import Plane

OPERATOR_SAYS = "poisoned"
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 16}
SOON_S = 5.0
SECONDS = 15.0  # a worker has five to finish what it is answering


async def test_a_revoked_release_is_refused_at_once_and_nothing_else_is(plane: Plane) -> None:
    from tests.functional.gateway.conftest import OPERATOR, RELEASES  # noqa: PLC0415 - as other tests here

    assert (await plane.ask(body=CHAT)).status == 200
    rows = {"model": "vectors", "input": "x"}
    assert (await plane.ask("/v1/embeddings", rows)).status == 200
    digest = RELEASES["vectors"][0]
    began = time.monotonic()
    stopped = await plane.channels.holds.revoke(OPERATOR, RevokedKind.DIGEST, digest, OPERATOR_SAYS, Ask())
    assert {each.tenant for each in stopped.deployments} == {"acme", "globex"}
    async with asyncio.timeout(SOON_S):  # nobody asks the gateway to look: it hears of it by itself
        while (answer := await plane.ask("/v1/embeddings", rows)).status == 200:
            pass
    assert time.monotonic() - began < SOON_S
    assert (answer.status, answer.error["code"]) == (403, "model_revoked")
    assert OPERATOR_SAYS not in answer.body.decode()
    assert plane.snapshot.revoked(digest)
    assert plane.snapshot.placed(digest) == {
        (each, digest, None) for each in Environment
    }  # where its workers are looked for
    assert (await plane.ask(body=CHAT)).status == 200
    assert all(route.release != digest for route in plane.snapshot.routes())  # no worker of it is waited for
    asked = len(plane.vectors.asked)
    assert (await plane.ask("/v1/embeddings", rows, key="globex")).status == 403
    assert len(plane.vectors.asked) == asked


async def test_the_worker_of_a_revoked_release_ends_and_the_others_do_not(database: TestDatabase) -> None:
    with Rig([Kind.INFER, Kind.EMBEDDING]) as rig:
        gone = rig.spec(Kind.EMBEDDING)

        async def revoke() -> float:
            said = asyncio.Queue[str]()
            db = await Database.connect(database.control, database.operator)
            try:
                async with ending_revoked(database.control, rig.host, tell=said.put_nowait):
                    async with db.operator() as tx:
                        body = msgspec.json.encode(RevokedDocument(reason=OPERATOR_SAYS))
                        await feed.publish(tx, REVOKED, f"sha256:{gone.digest}", body)
                    began = time.monotonic()
                    async with asyncio.timeout(30):
                        assert await said.get() == f"ended {gone.name}: the release was revoked"
                    return time.monotonic() - began
            finally:
                await db.close()

        took = await asyncio.to_thread(rig.run, revoke())
        assert list(rig.host.states()) == [rig.spec(Kind.INFER).name]
        assert (await ask(rig.socket(Kind.INFER), "/health")).status == 200
        with pytest.raises((ClientError, OSError)):
            await ask(gone.socket_path, "/health")
        assert took < SECONDS


async def test_a_deployment_that_is_stopped_is_refused_and_another_tenants_of_the_same_release_is_not(
    plane: Plane, shared_database: TestDatabase
) -> None:
    from tests.functional.gateway.conftest import RELEASES  # noqa: PLC0415 - as other tests here

    digest = RELEASES["tiny"][0]
    assert (await plane.ask(body=CHAT)).status == 200
    waited_for = [each for each in plane.snapshot.routes() if each.release == digest]
    (ours,) = (
        each for each in waited_for if each.tenant == plane.tenants["acme"] and each.environment is Environment.DEV
    )
    db = await Database.connect(shared_database.control, shared_database.operator)

    async def stopped(release: str) -> None:
        async with db.tenant(ours.tenant) as tx:
            await feed.publish(tx, STOPPED, str(ours.deployment), msgspec.json.encode(StoppedDocument(release=release)))
        await plane.known()

    try:
        await stopped(digest)
        answer = await plane.ask(body=CHAT)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (403, "model_stopped", "model")
        assert (await plane.ask(body=CHAT, key="globex")).status == 200
        left = [each for each in plane.snapshot.routes() if each.release == digest]
        assert left == [each for each in waited_for if each is not ours], "its worker is not waited for"
        await stopped(f"sha256:{'0' * 64}")  # it serves another release by now, which is judged by itself
        assert (await plane.ask(body=CHAT)).status == 200
    finally:
        await db.close()
