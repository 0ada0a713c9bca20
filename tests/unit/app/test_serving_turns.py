"""One worker, whatever it answers or makes stumble, keeps no other from being looked at, loaded or stopped."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest

from strongroom.app import serving as module
from strongroom.app.loading import Running, Wanted
from strongroom.app.serving import Parts, Serving
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.principal import Environment
from strongroom.registry import DEPLOYMENT, Operation, RouteDocument
from strongroom.runtime.supervise import WorkerState
from strongroom.store import TenantTx
from strongroom.store.feed import FeedEntry

DEV = Environment.DEV
MINE, THEIRS = TenantId(new_uuid()), TenantId(new_uuid())
BAD, GOOD, THIRD = (
    Wanted(DEV, f"sha256:{digit * 64}", tenant) for digit, tenant in (("1", MINE), ("2", THEIRS), ("3", THEIRS))
)
GENEROUS_S = 20.0


async def _nothing() -> str:
    return ""


class Gate:
    """Permits everything."""

    @asynccontextmanager
    async def permit(self, who: Any, action: Any, resource: Any, ask: Any) -> AsyncGenerator[Any]:
        del who, action, ask
        yield SimpleNamespace(tenant=resource.tenant)


class Host:
    """Workers that are all ready."""

    def __init__(self) -> None:
        self.stopped: list[str] = []

    def states(self) -> dict[str, WorkerState]:
        return dict.fromkeys(("bad", "good"), WorkerState.READY)

    async def remove(self, name: str) -> None:
        self.stopped.append(name)


class Tried(Serving):
    """Serving whose judgement and loading are the test's."""

    def __init__(self, home: Path, told: list[str]) -> None:
        self.host = Host()
        super().__init__(
            Parts(
                gate=cast("Any", Gate()), admission=cast("Any", None), shelf=cast("Any", None), host=cast("Any", self.host),
                settings=cast("Any", None), sockets=home, tell=told.append, runtime=_nothing,
            )
        )  # fmt: skip
        self.judge: Callable[[Wanted], None] = lambda _: None
        self.judged: list[Wanted] = []
        self.loaded: list[Wanted] = []

    async def serves(self, place: Wanted, name: str, socket: Path) -> None:
        """Have a worker that was attested before."""
        spec = cast("Any", SimpleNamespace(name=name, socket_path=socket, artefacts=()))
        coming = asyncio.create_task(asyncio.sleep(0))
        self._running[place] = Running(spec, len(self._running), {}, coming, attested=True)
        self.deploys(place)

    def deploys(self, place: Wanted) -> None:
        tenant = cast("TenantId", place.tenant)
        document = RouteDocument(
            environment=DEV, name="m", release=place.digest, kind=Operation.CHAT, created=1, own=True, brought=True
        )
        deployment = str(UUID(int=int(place.digest[-1])))
        body = msgspec.json.encode(document)
        self.apply(
            [FeedEntry(tenant=tenant, kind=DEPLOYMENT, id=deployment, version=1, body=body, deleted=False)], full=False
        )

    async def _admitted(self, tx: TenantTx, place: Wanted) -> Any:
        del tx
        self.judged.append(place)
        self.judge(place)

    async def _load(self, place: Wanted, tenant: TenantId) -> None:
        del tenant
        self.loaded.append(place)
        raise module._no("it is loaded no further here")


@asynccontextmanager
async def answering(path: Path, body: bytes) -> AsyncGenerator[None]:
    """Answer every request on a socket, as a worker that was taken over."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, str(path)):
        yield


async def turned(serving: Tried, done: Callable[[], bool]) -> None:
    """Look again at everything, and wait for what comes of it."""
    task = asyncio.create_task(serving.run())
    serving.look_again()
    try:
        assert await serving.until(lambda _: done(), GENEROUS_S)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "body",
    [b"[" * 60_000, b'{"a":' * 10_000, b'{"digest": "\xff\xfe"}', b"null", b"[]", b"{}", b"{"],
    ids=["brackets", "objects", "no-utf-8", "null", "list", "empty", "torn"],
)
def test_a_worker_that_answers_anything_is_stopped_and_the_others_are_looked_at(tmp_path: Path, body: bytes) -> None:
    async def go() -> None:
        said: list[str] = []
        serving = Tried(tmp_path, said)

        def revoked(place: Wanted) -> None:
            if place == GOOD:
                raise module._no("It was revoked.")

        async with answering(tmp_path / "bad", body):
            await serving.serves(BAD, "bad", tmp_path / "bad")
            await serving.serves(GOOD, "good", tmp_path / "none")
            serving.deploys(THIRD)
            serving.judge = revoked
            await turned(serving, lambda: THIRD in serving.loaded)
        assert serving.host.stopped == ["bad", "good"]
        assert serving.states()[GOOD] == "It was revoked."
        assert serving.states()[BAD] == "The worker says that it serves another release."
        assert not any("fault" in each for each in said)

    asyncio.run(go())


def test_a_worker_that_says_its_release_goes_on(tmp_path: Path) -> None:
    async def go() -> None:
        serving = Tried(tmp_path, [])
        async with answering(tmp_path / "good", b'{"digest": "%s"}' % b"2".ljust(64, b"2")):
            await serving.serves(GOOD, "good", tmp_path / "good")
            await turned(serving, lambda: serving.judged == [GOOD])
        assert serving.host.stopped == []
        assert serving.states() == {GOOD: "attested"}

    asyncio.run(go())


def test_a_fault_at_one_place_stops_that_place_alone(tmp_path: Path) -> None:
    async def go() -> None:
        said: list[str] = []
        serving = Tried(tmp_path, said)
        async with answering(tmp_path / "good", b'{"digest": "%s"}' % b"2".ljust(64, b"2")):
            await serving.serves(BAD, "bad", tmp_path / "none")
            await serving.serves(GOOD, "good", tmp_path / "good")

            def stumbles(place: Wanted) -> None:
                if place == BAD:
                    raise ZeroDivisionError

            serving.judge = stumbles
            await turned(serving, lambda: GOOD in serving.judged)
        assert serving.host.stopped == ["bad"]
        assert serving.states()[GOOD] == "attested"
        assert "ZeroDivisionError" in serving.states()[BAD]
        assert any("ZeroDivisionError" in each for each in said)

    asyncio.run(go())


def test_a_turn_that_stumbles_is_taken_again_with_everything_that_was_to_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 0.0)

    async def go() -> None:
        serving, asked = Tried(tmp_path, []), list[bool]()

        async def turn(*, again: bool) -> None:
            asked.append(again)
            if len(asked) < 3:
                raise ZeroDivisionError

        monkeypatch.setattr(serving, "_turn", turn)
        await turned(serving, lambda: len(asked) == 3)
        assert asked == [True, True, True]

    asyncio.run(go())
