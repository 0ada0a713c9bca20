"""A revocation's proof says until when a key was taken, and proves nothing of a process that cannot be asked."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from strongroom.app import probes
from strongroom.app.probes import Prover, answering
from strongroom.gateway.upstreams import worker_socket
from strongroom.identity import Directory, documents, secretkey
from strongroom.identity.documents import CredentialDocument
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import PLATFORM, KeyId, TenantId
from strongroom.kernel.principal import Environment, Role
from strongroom.store.feed import FeedEntry
from strongroom.vault import Purpose, PurposeKeys
from strongroom.wire import Pool, Reply, Request, UnixTarget, serve_unix

PEPPERS = PurposeKeys(1, {Purpose.KEY_PEPPER: {1: b"1" * 32}})
KEY = secretkey.mint(Role.OPERATOR, None)
CLOCK = SystemClock()


class Process:
    """A process that decides by a real directory, with a lease that a test holds or lets go."""

    def __init__(self) -> None:
        self.directory = Directory(PEPPERS, CLOCK, allow_demo=True)
        self.leased = True
        self.tell(deleted=False)

    def tell(self, *, deleted: bool) -> None:
        document = CredentialDocument(
            fingerprint=bytes(32),
            pepper_version=1,
            role=Role.OPERATOR,
            name="o",
            expires_at=CLOCK.now().timestamp() + 60,
        )
        body = b"" if deleted else documents.encode(document)
        entry = FeedEntry(tenant=PLATFORM, kind=documents.CREDENTIAL, id=KEY.id, version=1, body=body, deleted=deleted)
        self.directory.apply([entry], full=False)

    def valid(self) -> bool:
        return self.leased

    async def ensure(self) -> bool:
        return self.leased


async def figures(request: Request, reply: Reply) -> None:
    del request
    await reply.send(200, [], b"figures")


class Rig:
    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self.directory, self.stack = directory, stack
        self.own = Process()
        self.prover = Prover(directory, self.own.directory, CLOCK)

    async def process(self, name: str) -> Process:
        made = Process()
        await self.serve(name, made)
        return made

    async def serve(self, name: str, process: Process | None) -> None:
        async def hang(request: Request, reply: Reply) -> None:
            del request, reply
            await asyncio.Event().wait()

        handler = hang if process is None else answering(figures, process, CLOCK)
        server = await serve_unix(handler, self.directory / f"{name}.sock")
        self.stack.push_async_callback(server.close)

    async def prove(
        self, *processes: Process, late: Process | None = None, late_s: float = 0.05
    ) -> probes.RevocationProof:
        async with self.prover.watching(KEY.id) as watch:
            await watch.begin()
            for process in (self.own, *processes):
                process.tell(deleted=True)
            if late is not None:
                asyncio.get_running_loop().call_later(late_s, lambda: late.tell(deleted=True))
            return await watch.proof(datetime.now(UTC))


@pytest.fixture
async def rig() -> AsyncGenerator[Rig]:
    with tempfile.TemporaryDirectory(prefix="sr-p") as directory:
        async with AsyncExitStack() as stack:
            yield Rig(Path(directory), stack)


async def test_every_process_is_seen_to_refuse_and_the_latest_that_took_it_is_named(rig: Rig) -> None:
    quick, slow = await rig.process("gateway-1"), await rig.process("gateway-2")
    proof = await rig.prove(quick, late=slow)
    assert proof.proven
    assert proof.accepted_ms is not None
    assert 20 < proof.accepted_ms < 5_000
    assert proof.accepted_until is not None
    assert (proof.accepted_until - proof.committed_at).total_seconds() * 1000 == pytest.approx(proof.accepted_ms, abs=1)
    found = {each.name: each for each in proof.processes}
    assert set(found) == {"control", "gateway-1", "gateway-2"}
    assert {each.state for each in found.values()} == {"refused"}
    assert found["gateway-2"].accepted_ms == proof.accepted_ms
    assert (found["gateway-1"].accepted_ms or 0) < proof.accepted_ms


async def test_a_process_without_a_lease_takes_nothing(rig: Rig) -> None:
    cut_off = await rig.process("gateway-1")
    cut_off.leased = False  # it never hears of the revocation, and answers 503
    proof = await rig.prove()
    assert proof.proven
    assert {each.name: each.accepted_ms is None for each in proof.processes}["gateway-1"]


@pytest.mark.parametrize("lives", [True, False], ids=["one that goes on taking it", "one that does not answer"])
async def test_nothing_is_proven_by(rig: Rig, monkeypatch: pytest.MonkeyPatch, *, lives: bool) -> None:
    monkeypatch.setattr(probes, "LATEST_S", 0.6)
    monkeypatch.setattr(probes, "_ANSWER_S", 0.1)
    good = await rig.process("gateway-1")
    await rig.serve("gateway-2", Process() if lives else None)
    proof = await rig.prove(good)
    assert not proof.proven
    states = {each.name: each.state for each in proof.processes}
    assert states == {"control": "refused", "gateway-1": "refused", "gateway-2": "accepted" if lives else "silent"}


async def test_nothing_is_proven_where_no_gateway_runs(rig: Rig) -> None:
    assert not (await rig.prove()).proven


async def test_the_socket_answers_for_keys_and_shows_figures_as_before(rig: Rig) -> None:
    await rig.process("gateway-1")
    pool = Pool(UnixTarget(rig.directory / "gateway-1.sock"), max_connections=1)
    found: dict[str, bytes] = {}
    for path in (f"/keys/{KEY.id}", f"/keys/{KeyId('0' * 16)}", "/keys/x", "/"):
        async with pool.request("GET", path, timeout_s=5.0) as response:
            found[path] = await response.read(4096)
    await pool.close()
    assert msgspec.json.decode(found[f"/keys/{KEY.id}"])["state"] == "accepted"
    assert msgspec.json.decode(found[f"/keys/{'0' * 16}"])["state"] == "refused"
    assert found["/keys/x"] == found["/"] == b"figures"


DIGEST = f"sha256:{'a' * 64}"


class Gateway(Process):
    """A gateway that decides of a release too, and knows of a worker of it in dev."""

    def __init__(self) -> None:
        super().__init__()
        self.gone = False

    def revoked(self, digest: str) -> bool:
        return self.gone and digest == DIGEST

    def placed(self, digest: str) -> set[tuple[Environment, str, TenantId | None]]:
        moved = (
            self.gone
        )  # its deployments went back with the revocation, and their workers end when they have answered
        return {(Environment.DEV, digest, None)} if digest == DIGEST and not moved else set()


async def gateway(rig: Rig, name: str, *, ends: bool = False) -> tuple[Gateway, asyncio.Server]:
    """Serve a gateway's probes, and a worker that takes connections: one that `ends` does so once, after the revocation."""
    made, workers = Gateway(), rig.directory / f"{name}-workers"
    workers.mkdir()

    async def taken(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        if ends and made.gone:
            worker.close()

    handler = answering(probes.answering_releases(figures, made, workers, CLOCK), made, CLOCK)
    server = await serve_unix(handler, rig.directory / f"{name}.sock")
    rig.stack.push_async_callback(server.close)
    worker = await asyncio.start_unix_server(taken, worker_socket(workers, Environment.DEV, DIGEST))
    rig.stack.callback(worker.close)
    return made, worker


@pytest.mark.parametrize("stays", ["nothing", "a gateway", "a worker"])
async def test_a_release_is_seen_to_stop_at_every_gateway_and_worker_or_nothing_is_proven(
    rig: Rig, stays: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "_IN_A_ROW", 2)
    first, second = await gateway(rig, "gateway-1"), await gateway(rig, "gateway-2", ends=stays == "nothing")
    async with rig.prover.watching_release(DIGEST) as watch:
        await watch.begin()
        first[0].gone = True
        first[1].close()
        second[0].gone = stays != "a gateway"
        if stays == "a gateway":
            second[1].close()
        proof = await watch.proof(datetime.now(UTC), 20.0 if stays == "nothing" else 2.0)
    states = {each.name: each.state for each in proof.processes}
    kept = {"a gateway": "gateway-2", "a worker": "gateway-2 workers"}.get(stays)
    assert {name for name, state in states.items() if state != "refused"} == ({kept} if kept else set())
    assert set(states) == {f"gateway-{number}{what}" for number in (1, 2) for what in ("", " workers")}
    assert proof.proven is (kept is None)
    found = {each.name: each.accepted_ms for each in proof.processes}
    if kept is None:
        last, gone = found["gateway-2 workers"], found["gateway-1"]
        assert last is not None
        assert gone is not None
        assert proof.accepted_ms == max(each for each in found.values() if each is not None)
        assert last > gone  # it was asked once more after the revocation


async def test_a_release_is_not_proven_to_have_stopped_where_no_gateway_runs(rig: Rig) -> None:
    async with rig.prover.watching_release(DIGEST) as watch:
        await watch.begin()
        assert not (await watch.proof(datetime.now(UTC))).proven
