"""Room for uploads: nobody has more than there is, whatever stage, order or moment it is asked in; and nobody sees another's."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import pytest

from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import KeyId, TenantId, new_uuid
from strongroom.kernel.principal import Principal, Role
from strongroom.kernel.refusal import RefusalKind, Refused
from strongroom.policy import Ask
from strongroom.registry.content import PART, ContentStore, memory
from strongroom.registry.content.quarantine import Part, Quarantine, Stage, Upload
from strongroom.registry.releases import NewRelease, service
from strongroom.registry.releases.room import Bounds
from strongroom.registry.releases.service import Releases
from strongroom.registry.scan.limits import LIMITS
from strongroom.vault.testing import embedded

ACME, GLOBEX = TenantId(new_uuid()), TenantId(new_uuid())
GIB = 1 << 30
ASK = Ask()
BYTES = b"x" * PART


class Disk(NamedTuple):
    """What a disk says of itself."""

    free: int


class Nothing:
    """A transaction in which nothing is found."""

    async def fetch(self, *asked: Any) -> list[Any]:
        del asked
        await asyncio.sleep(0)
        return []


class Gate:
    """Permits everything, and lets others go on meanwhile, as a database does."""

    @asynccontextmanager
    async def permit(self, *asked: Any) -> AsyncGenerator[Any]:
        del asked
        await asyncio.sleep(0)
        yield Nothing()
        await asyncio.sleep(0)

    permit_platform = permit

    def demand(self, *asked: Any) -> None:
        pass


class Room:
    """What brings releases, with bounds of the test's own."""

    def __init__(self, home: Path, bounds: Bounds | None = None) -> None:
        self.quarantine = Quarantine(ContentStore(home / "content", embedded(home)), SystemClock())
        self.releases = Releases(cast("Any", Gate()), cast("Any", None), self.quarantine, SystemClock(), bounds)

    async def begin(self, name: str, size: int, tenant: TenantId = ACME, path: str = "a.gguf") -> Any:
        new = NewRelease(name=name, version="1", files=[Part(path, size)])
        return await self.releases.begin(admin(tenant), new, tenant, ASK)

    async def refused(self, asking: Coroutine[Any, Any, Any], kind: RefusalKind) -> str:
        with pytest.raises(Refused) as error:
            await asking
        assert error.value.refusal.kind is kind
        return error.value.refusal.tell


def admin(tenant: TenantId | None, name: str = "ada") -> Principal:
    role = Role.OPERATOR if tenant is None else Role.TENANT_ADMIN
    return Principal(role=role, name=name, credential=KeyId("k"), tenant=tenant)


async def _nobody(*asked: Any) -> None:
    del asked


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Say how many bytes disk and memory have: much, unless the test says otherwise."""

    def have(disk: int, ram: int = 64 * GIB) -> None:
        def usage(path: Path) -> Disk:
            del path
            return Disk(disk)

        monkeypatch.setattr(shutil, "disk_usage", usage)
        monkeypatch.setattr(memory, "room", lambda: ram)

    monkeypatch.setattr(service, "subject_named", _nobody)
    have(1000 * GIB)
    return have


def test_many_that_begin_at_once_have_no_more_room_than_one_after_the_other(tmp_path: Path) -> None:
    async def go() -> None:
        room = Room(tmp_path, Bounds(tenant_bytes=20 << 20))
        came = await asyncio.gather(*(room.begin(f"m{n}", 9 << 20) for n in range(40)), return_exceptions=True)
        assert sorted(isinstance(each, Refused) for each in came) == [False] * 2 + [True] * 38
        assert all(isinstance(each, Refused) for each in came if isinstance(each, BaseException))
        assert len(list(room.quarantine.all())) == 2
        assert room.quarantine.promises() == []
        await room.begin("theirs", 9 << 20, GLOBEX)  # a tenant's quota is its own

    asyncio.run(go())


def test_the_same_begun_twice_at_once_is_one_upload(tmp_path: Path) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        (first, *others) = await asyncio.gather(*(room.begin("m", 5) for _ in range(5)))
        assert {each.id for each in others} == {first.id}  # who comes second goes on with what the first has begun
        assert [each.id for each in room.quarantine.all()] == [first.id]
        assert room.quarantine.promises() == []

    asyncio.run(go())


@pytest.mark.parametrize("stage", [Stage.RECEIVING, Stage.SCANNING, Stage.FAILED])
def test_what_has_files_counts_whatever_its_stage(tmp_path: Path, stage: Stage) -> None:
    async def go() -> None:
        room = Room(tmp_path, Bounds(tenant_bytes=20 << 20))
        last = None
        for begun in [await room.begin(f"m{n}", 9 << 20) for n in range(2)]:
            last = room.quarantine.find(begun.id)
            assert last is not None
            room.quarantine.keep(_in(last, stage))
        assert last is not None
        await room.refused(room.begin("m2", 9 << 20), RefusalKind.TOO_LARGE)
        room.quarantine.keep(_in(last, Stage.REFUSED))
        room.quarantine.empty(last.id)
        await room.begin("m2", 9 << 20)  # what came to its end has given its room back

    asyncio.run(go())


def test_uploads_that_have_not_ended_are_bounded_in_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        ended = asyncio.Event()

        async def judged(who: Principal, upload: Upload, *more: Any) -> Upload:
            del who, more
            await ended.wait()
            return _in(upload, Stage.REFUSED)

        monkeypatch.setattr(room.releases.admitting, "judged", judged)
        for n in range(16):
            begun = await room.begin(f"m{n}", 4)
            await room.releases.take(admin(ACME), begun.id, 0, 0, b"four")
            await room.releases.finish(admin(ACME), begun.id, [hashlib.sha256(b"four").hexdigest()], ASK)
        await room.refused(room.begin("more", 4), RefusalKind.CONFLICT)
        ended.set()
        await room.releases.settled()
        await room.begin("more", 4)

    asyncio.run(go())


def test_what_was_promised_to_others_is_no_free_room(tmp_path: Path, free: Callable[..., None]) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        free(4 * GIB)
        first = await room.begin("m", 2 * GIB)
        await room.refused(room.begin("x", 2 * GIB, GLOBEX), RefusalKind.UNAVAILABLE)
        await room.begin("y", GIB - PART, GLOBEX)
        room.quarantine.drop(first.id)
        await room.begin("x", 2 * GIB, GLOBEX)

    asyncio.run(go())


def test_what_has_arrived_is_not_counted_twice(tmp_path: Path, free: Callable[..., None]) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        begun = await room.begin("m", 2 * PART)
        await room.releases.take(admin(ACME), begun.id, 0, 0, BYTES)
        free(GIB + 2 * PART)
        await room.refused(room.begin("x", PART + PART // 2, GLOBEX), RefusalKind.UNAVAILABLE)
        await room.begin("x", PART, GLOBEX)

    asyncio.run(go())


def test_a_chunk_is_not_taken_while_the_disk_has_no_room_and_nothing_is_lost(
    tmp_path: Path, free: Callable[..., None]
) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        begun = await room.begin("m", 2 * PART)
        assert await room.releases.take(admin(ACME), begun.id, 0, 0, BYTES) == PART
        free(GIB + PART - 1)
        await room.refused(room.releases.take(admin(ACME), begun.id, 0, PART, BYTES), RefusalKind.UNAVAILABLE)
        free(GIB + PART)
        assert await room.releases.take(admin(ACME), begun.id, 0, PART, BYTES) == 2 * PART

    asyncio.run(go())


def test_a_file_that_cannot_be_looked_at_in_memory_is_not_begun(tmp_path: Path, free: Callable[..., None]) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        free(1000 * GIB, 2 * GIB)
        told = await room.refused(room.begin("m", 2 * GIB + 1), RefusalKind.UNAVAILABLE)
        assert "memory" in told
        await room.begin("m", 2 * GIB)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("path", "most"),
    [("notes.txt", LIMITS.text_bytes), ("config.JSON", LIMITS.json_bytes), ("a.onnx", LIMITS.onnx_bytes)],
)
def test_what_no_scan_would_take_is_refused_before_it_is_sent(tmp_path: Path, path: str, most: int) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        await room.refused(room.begin("m", most + 1, path=path), RefusalKind.INVALID)
        await room.begin("m", most, path=path)

    asyncio.run(go())


def test_what_ended_before_a_start_has_no_files_after_it(tmp_path: Path) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        begun = await room.begin("m", 4)
        upload = room.quarantine.find(begun.id)
        assert upload is not None
        room.quarantine.keep(_in(upload, Stage.REFUSED))
        room.releases.resume()
        assert list((tmp_path / "content").rglob("*.part")) == []
        assert (await room.releases.progress(admin(ACME), begun.id)).stage is Stage.REFUSED

    asyncio.run(go())


def test_an_account_with_anothers_name_sees_none_of_another_tenants_uploads(tmp_path: Path) -> None:
    async def go() -> None:
        room = Room(tmp_path)
        theirs = await room.begin("theirs", 4, GLOBEX)
        mine = await room.begin("mine", 4)
        assert [each.id for each in await room.releases.uploads(admin(ACME), ASK)] == [mine.id]
        assert [each.id for each in await room.releases.uploads(admin(GLOBEX, "bob"), ASK)] == [theirs.id]
        new = NewRelease(name="n", version="1", files=[Part("a.gguf", 4)])
        brought = await room.releases.begin(admin(None, "op"), new, ACME, ASK)  # an operator still sees what it brings
        assert [each.id for each in await room.releases.uploads(admin(None, "op"), ASK)] == [brought.id]

    asyncio.run(go())


def _in(upload: Upload, stage: Stage) -> Upload:
    return msgspec.structs.replace(upload, stage=stage)
