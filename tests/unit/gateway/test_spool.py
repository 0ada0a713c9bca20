"""The spool on a real disk: one sync serves all who wait, a disk that fails is told and forgiven, and nothing is silent.

A full disk is made with RLIMIT_FSIZE, which holds for root as for anybody else.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from strongroom.gateway.metrics import Metrics
from strongroom.gateway.recording import Recording
from strongroom.gateway.recovery import orphans
from strongroom.gateway.spool import Bounds, Closed, Lost, Opened, Spool, SpoolBroken
from strongroom.gateway.spool.reader import Found, Reader
from strongroom.gateway.spool.segments import Disk, listed, path_of
from strongroom.kernel.clock import SystemClock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.kernel.refusal import Refusal, RefusalKind

ACME, GLOBEX = TenantId(UUID(int=1)), TenantId(UUID(int=2))
QUICK = Bounds(retry_s=0.02, sync_s=0.05)


def opened(tenant: TenantId = ACME) -> Opened:
    return Opened(new_uuid(), tenant, datetime.now(UTC), "dev", UUID(int=3), "k", "chat", "openai", "v")


def closing(of: Opened) -> Closed:
    return Closed(of.id, "completed", "relayed", 200, 1)


@pytest.fixture
async def spool(tmp_path: Path) -> AsyncGenerator[Spool]:
    spool = Spool(tmp_path, "gateway-1", SystemClock(), QUICK)
    yield spool
    await spool.stop()


@contextmanager
def no_room() -> Generator[None]:
    """Let no file of this process grow, or change, while the block runs."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


def everything(directory: Path) -> Found:
    reader, all_ = Reader(directory), Found()
    while (found := reader.read()) is not None:
        all_.pairs += found.pairs
        all_.gaps += found.gaps
    return all_


def recording(spool: Spool, *, strict: bool) -> Recording:
    clock = SystemClock()
    return Recording(spool, clock, opened(), Metrics(), strict=strict, started=clock.boottime())


async def test_one_sync_serves_all_who_wait(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = 0
    sync = Disk.sync

    def counted(disk: Disk) -> None:
        nonlocal syncs
        syncs += 1
        sync(disk)

    monkeypatch.setattr(Disk, "sync", counted)
    recordings = [recording(spool, strict=True) for _ in range(200)]
    assert not any(each.open() for each in recordings)
    assert not any(await asyncio.gather(*(each.durable() for each in recordings)))
    assert syncs <= 3
    assert len(Reader(spool.directory).open) == 0
    reader = Reader(spool.directory)
    reader.read()
    assert len(reader.open) == 200


async def test_what_nobody_waits_for_is_written_all_the_same(spool: Spool) -> None:
    one = opened()
    assert spool.open(one)
    spool.close(closing(one))
    await spool.written()
    assert everything(spool.directory).pairs == [(one, closing(one))]


async def test_a_strict_tenant_is_told_while_the_disk_is_full_and_served_again_after_it(spool: Spool) -> None:
    early = recording(spool, strict=True)
    assert early.open() is None
    with no_room():
        late = recording(spool, strict=True)
        assert late.open() is None  # nobody knows yet
        no = await late.durable()
        assert isinstance(no, Refusal)
        assert no.kind is RefusalKind.UNAVAILABLE
        assert "space" not in no.tell  # the reason is the operator's
        assert spool.trouble
        assert recording(spool, strict=True).open() is not None
        assert await early.close("completed", "relayed", 200) is not None
        with pytest.raises(SpoolBroken):
            await spool.durable()
    async with asyncio.timeout(5):
        while spool.trouble:  # noqa: ASYNC110 - it looks again by its own clock
            await asyncio.sleep(0.01)
    assert await early.close("completed", "relayed", 200) is None
    assert await late.close("failed", "screened", 503) is None
    outcomes = [closed.outcome for _, closed in everything(spool.directory).pairs]
    assert outcomes == ["completed", "failed"]


async def test_a_bounded_tenant_goes_on_while_the_disk_is_full_and_its_gap_is_told(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "gateway-1", SystemClock(), Bounds(retry_s=0.02, buffer_bytes=2000))
    with no_room():
        for _ in range(50):
            each = recording(spool, strict=False)
            assert each.open() is None
            assert await each.close("completed", "relayed", 200) is None
        await spool.written()
        assert spool.broken
        lost = spool.lost
        assert 0 < lost < 50
    async with asyncio.timeout(5):
        while spool.trouble or spool.untold:  # noqa: ASYNC110 - it looks again by its own clock
            await asyncio.sleep(0.01)
    await spool.stop()
    found = everything(spool.directory)
    assert [(gap.tenant, gap.count) for gap in found.gaps] == [(ACME, lost)]
    assert len(found.pairs) == 50 - lost


async def test_a_dead_process_leaves_its_open_requests_as_interrupted_and_what_it_took_with_it_as_a_number(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path / "spools", "gateway-1", SystemClock(), Bounds(linger_s=60))
    done, cut = opened(), opened(GLOBEX)
    assert spool.open(done)
    assert spool.open(cut)
    spool.close(closing(done))
    await spool.durable()
    for tenant in (ACME, ACME, GLOBEX):  # in memory only
        spool.open(opened(tenant))
    assert list(orphans(tmp_path / "spools", tmp_path)) == []  # it lives: its lock is held
    spool.release()
    (orphan,) = orphans(tmp_path / "spools", tmp_path)
    pieces = list(orphan.read())
    assert pieces[0].pairs == [(done, closing(done))]
    assert [(one.id, closed.outcome, closed.status) for one, closed in pieces[-1].pairs] == [(cut.id, "interrupted", 0)]
    assert {(gap.tenant, gap.count) for gap in pieces[-1].gaps} == {(ACME, 2), (GLOBEX, 1)}
    assert [gap.id for gap in list(orphan.read())[-1].gaps] == [gap.id for gap in pieces[-1].gaps]
    orphan.release()
    await spool.stop()


async def test_an_orderly_end_leaves_no_gap(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spools", "gateway-1", SystemClock(), QUICK)
    one = opened()
    assert spool.open(one)
    spool.close(closing(one))
    await spool.stop()
    spool.release()
    (orphan,) = orphans(tmp_path / "spools", tmp_path)
    assert [(found.pairs, found.gaps) for found in orphan.read()] == [([(one, closing(one))], []), ([], [])]
    orphan.remove()
    orphan.release()
    assert list((tmp_path / "spools").iterdir()) == []


async def test_after_a_crash_of_the_machine_each_tenant_is_told_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = Spool(tmp_path / "spools", "gateway-1", SystemClock(), QUICK)
    assert spool.open(opened())
    await spool.durable()
    spool.release()
    monkeypatch.setattr("strongroom.gateway.recovery.boot_id", lambda: b"another boot of it")
    (orphan,) = orphans(tmp_path / "spools", tmp_path)
    gaps: list[Lost] = [gap for found in orphan.read() for gap in found.gaps]
    orphan.release()
    assert {gap.tenant for gap in gaps} == {ACME, TenantId(UUID(int=0))}
    assert {gap.count for gap in gaps} == {None}
    await spool.stop()


async def test_a_torn_segment_is_cut_and_the_next_one_is_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "gateway-1", SystemClock(), Bounds(segment_bytes=600))
    all_ = [opened() for _ in range(12)]
    for each in all_:
        assert spool.open(each)
        await spool.durable()
    await spool.stop()
    segments = listed(spool.directory)
    assert len(segments) > 2
    first = path_of(spool.directory, segments[0][0])
    os.truncate(first, segments[0][1] - 5)
    reader = Reader(spool.directory)
    torn = 0
    while (found := reader.read()) is not None:
        torn += found.torn is not None
    assert torn == 1
    assert len(reader.open) == len(all_) - 1
    assert reader.missing == 1
    assert oct(first.stat().st_mode & 0o777) == "0o600"
    assert oct(spool.directory.stat().st_mode & 0o777) == "0o700"
