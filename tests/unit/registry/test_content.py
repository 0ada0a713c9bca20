"""Files at rest and on their way in: what is changed, moved, cut off or torn does not open, and a crash loses nothing."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.app.loading import sealed_files
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.registry.admission import Risk
from strongroom.registry.content import PART, Broken, ContentStore, NoMemory, memory, store
from strongroom.registry.content.quarantine import Misplaced, Part, Quarantine, Stage, Upload
from strongroom.vault.testing import embedded

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, T]], T]
ACME, GLOBEX = TenantId(new_uuid()), TenantId(new_uuid())
BYTES = os.urandom(PART) * 2 + b"the end"


@pytest.fixture(scope="module")
def run() -> Any:
    with asyncio.Runner() as runner:
        yield runner.run


@pytest.fixture(scope="module")
def quarantine(tmp_path_factory: pytest.TempPathFactory) -> Quarantine:
    home = tmp_path_factory.mktemp("content")
    return Quarantine(ContentStore(home / "content", embedded(home)), SystemClock())


def upload(*files: tuple[str, int], tenant: TenantId | None = ACME) -> Upload:
    parts = tuple(Part(path, size) for path, size in files)
    return Upload(
        id=new_uuid(), tenant=tenant, author="somebody", name="m", version="1", source="", risk=Risk.STANDARD,
        kind=None, format=None, files=parts, begun_at=SystemClock().now(),
    )  # fmt: skip


async def sent(quarantine: Quarantine, data: bytes, tenant: TenantId | None = ACME) -> Upload:
    begun = await quarantine.begin(upload(("model.gguf", len(data)), tenant=tenant))
    for at in range(0, len(data), PART):
        await quarantine.take(begun.id, 0, at, data[at : at + PART])
    return begun


def in_memory() -> int:
    """Return how many files this process has in memory."""
    return sum(
        "memfd:strongroom" in str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()
    )


async def stored(quarantine: Quarantine, data: bytes, tenant: TenantId | None = ACME) -> Path:
    begun = await sent(quarantine, data, tenant)
    (held,) = (await quarantine.held(begun.id)).values()
    quarantine.store.keep(tenant, held.sha256, held.path, anew=True)
    quarantine.drop(begun.id)
    return quarantine.store.place(tenant, held.sha256)


@pytest.mark.parametrize("size", [0, 1, PART - 1, PART, PART + 1, 2 * PART])
def test_what_was_sent_is_what_is_read_and_named_by_both_digests(run: Any, quarantine: Quarantine, size: int) -> None:
    data = BYTES[:size]

    async def go() -> None:
        begun = await sent(quarantine, data)
        manifest = await quarantine.whole(begun.id)
        assert manifest is not None
        (file,) = manifest.files
        assert (file.sha256, file.size) == (hashlib.sha256(data).hexdigest(), size)
        path = await stored(quarantine, data)
        found = await quarantine.store.find(ACME, path.name)
        assert found.sums() == (file.sha256, file.blake3, size)
        with found.opened() as descriptor:
            assert os.pread(descriptor, size + 1, 0) == data
            with pytest.raises(OSError, match="Bad file"):
                os.pwrite(descriptor, b"x", 0)
        if size > 64:
            assert data[:64] not in path.read_bytes()

    run(go())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(where=st.floats(0, 0.999999), bit=st.integers(0, 7))
def test_no_bit_of_a_stored_file_can_be_changed(run: Any, quarantine: Quarantine, where: float, bit: int) -> None:
    async def go() -> None:
        path = await stored(quarantine, BYTES[PART - 100 : PART + 200])
        spoilt = bytearray(path.read_bytes())
        spoilt[int(where * len(spoilt))] ^= 1 << bit
        path.chmod(0o600)
        path.write_bytes(spoilt)
        with pytest.raises(Broken):
            (await quarantine.store.find(ACME, path.name)).sums()

    run(go())


def test_chunks_that_are_swapped_repeated_cut_off_or_anothers_do_not_open(run: Any, quarantine: Quarantine) -> None:
    async def go() -> None:
        path = await stored(quarantine, BYTES)
        whole = path.read_bytes()
        head = len(whole) - 2 * (PART + 28) - (len(b"the end") + 28)
        first, second, last = whole[head : head + PART + 28], whole[head + PART + 28 : -35], whole[-35:]
        other = (await stored(quarantine, BYTES, GLOBEX)).read_bytes()
        path.chmod(0o600)
        for spoilt in (
            whole[:head] + second + first + last,
            whole[:head] + first + first + last,
            whole[:head] + first + second,
            whole[:head] + first + second + last + last,
            whole[:head],
            whole[: head - 1],
            b"",
            other,
        ):
            path.write_bytes(spoilt)
            with pytest.raises(Broken):
                (await quarantine.store.find(ACME, path.name)).sums()
        path.write_bytes(whole)
        assert (await quarantine.store.find(ACME, path.name)).sums()[0] == path.name

    run(go())


def test_a_file_that_is_replaced_between_look_and_load_is_not_loaded(run: Any, quarantine: Quarantine) -> None:
    async def go() -> None:
        path = await stored(quarantine, BYTES)
        found = await quarantine.store.find(ACME, path.name)
        other = await stored(quarantine, BYTES[1:])
        path.unlink()
        path.hardlink_to(other)  # sound in itself, of the same owner, and another file
        with pytest.raises(Broken):
            found.in_memory()
        with pytest.raises(Broken, match="not the ones that its name says"):
            (await quarantine.store.find(ACME, path.name)).in_memory()
        path.unlink()
        path.symlink_to(other)
        with pytest.raises(Broken):
            await quarantine.store.find(ACME, path.name)
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(Broken):
            await quarantine.store.find(ACME, path.name)
        path.unlink()

    run(go())


@pytest.mark.parametrize("torn", [0, 1, 27, PART])
def test_an_upload_goes_on_after_a_crash_wherever_it_tore(run: Any, quarantine: Quarantine, torn: int) -> None:
    async def go() -> None:
        begun = await quarantine.begin(upload(("model.gguf", len(BYTES)), ("empty.txt", 0)))
        await quarantine.take(begun.id, 0, 0, BYTES[:PART])
        part = next(quarantine.store.root.glob(f"uploads/{begun.id}/0.part"))
        with part.open("ab") as file:
            file.write(b"\0" * torn)  # what a disk has of a chunk that was not synced
        quarantine.forget()
        assert await quarantine.received(begun.id) == (PART, 0)
        assert await quarantine.whole(begun.id) is None
        for at in (PART, 2 * PART):
            await quarantine.take(begun.id, 0, at, BYTES[at : at + PART])
        manifest = await quarantine.whole(begun.id)
        assert manifest is not None
        assert manifest.digests["model.gguf"] == hashlib.sha256(BYTES).hexdigest()
        held = (await quarantine.held(begun.id))["model.gguf"]
        assert held.sums()[0] == held.sha256

    run(go())


def test_a_chunk_is_taken_at_the_end_of_its_file_and_nowhere_else(run: Any, quarantine: Quarantine) -> None:
    async def go() -> None:
        begun = await quarantine.begin(upload(("a", PART + 5)))
        for offset, data in ((PART, b"12345"), (5, BYTES[:PART])):
            with pytest.raises(Misplaced):
                await quarantine.take(begun.id, 0, offset, data)
        for data in (BYTES[: PART - 1], BYTES[: PART + 5], b""):
            with pytest.raises(ValueError, match="chunk"):
                await quarantine.take(begun.id, 0, 0, data)
        twice = await asyncio.gather(
            *(quarantine.take(begun.id, 0, 0, BYTES[:PART]) for _ in range(2)), return_exceptions=True
        )
        assert {type(each) for each in twice} == {Misplaced, int}
        for index in (-1, 1):
            with pytest.raises(ValueError, match="nothing is awaited"):
                await quarantine.take(begun.id, index, 0, b"")

    run(go())


def test_what_nobody_goes_on_with_is_removed(run: Any, tmp_path: Path) -> None:
    async def go() -> None:
        home = Quarantine(ContentStore(tmp_path / "content", embedded(tmp_path)), SystemClock(), lasts=timedelta(0))
        begun = await home.begin(upload(("a", 5)))
        os.utime(tmp_path / "content" / "uploads" / str(begun.id) / "upload.json", (1, 1))
        assert home.find(begun.id) is None
        assert list((tmp_path / "content" / "uploads").iterdir()) == []
        (tmp_path / "content" / "uploads" / str(new_uuid())).mkdir()
        assert list(home.all()) == []
        assert list((tmp_path / "content" / "uploads").iterdir()) == []

    run(go())


def test_what_does_not_fit_into_memory_is_not_copied_there(
    run: Any, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        first = await quarantine.store.find(ACME, (await stored(quarantine, BYTES)).name)
        second = await quarantine.store.find(ACME, (await stored(quarantine, BYTES[1:])).name)
        copied: list[str] = []

        def made(name: str, flags: int) -> int:
            del flags
            copied.append(name)
            return -1

        monkeypatch.setattr(os, "memfd_create", made)
        monkeypatch.setattr(memory, "room", lambda: first.length() - 1)
        with pytest.raises(NoMemory, match="MiB of memory"):
            first.in_memory()
        monkeypatch.setattr(memory, "room", lambda: first.length() + second.length() - 1)
        with pytest.raises(NoMemory):  # each of them fits, both do not
            sealed_files({"a": first, "b": second})
        assert copied == []
        monkeypatch.undo()
        held = sealed_files({"a": first, "b": second, "again": first})
        assert {os.fstat(each).st_size for each in held.values()} == {len(BYTES), len(BYTES) - 1}
        for each in held.values():
            os.close(each)

    run(go())


def test_a_copy_ends_when_others_took_the_memory_meanwhile_and_gives_back_what_it_had(
    run: Any, quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        found = await quarantine.store.find(ACME, (await stored(quarantine, BYTES)).name)
        room = iter((1 << 40, 0))
        monkeypatch.setattr(store, "_ASKED", 2)
        monkeypatch.setattr(memory, "room", lambda: next(room))
        before = in_memory()
        with pytest.raises(NoMemory):
            found.in_memory()
        assert in_memory() == before

    run(go())


def test_the_kernel_says_how_much_memory_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.room() < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    said = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "_MEMINFO", said)
    said.write_text("MemTotal: 9 kB\nMemAvailable:    1048576 kB\n")
    assert memory.room() == (1 << 30) - memory.SPARE
    said.write_text("MemAvailable: 5 kB\n")
    assert memory.room() == 0
    said.write_text("MemTotal: 9 kB\n")
    with pytest.raises(OSError, match="does not say"):
        memory.demand(0)


def test_no_name_but_a_digest_becomes_a_path(quarantine: Quarantine) -> None:
    for name in ("../x", "", "0" * 63, "A" * 64, "0" * 64 + "\n"):
        with pytest.raises(ValueError, match="digest"):
            quarantine.store.place(ACME, name)


def test_stages_are_words_that_only_grow() -> None:
    assert {str(each) for each in Stage} >= {"receiving", "scanning", "admitted", "refused", "failed"}
