"""The spool of a living process: frames go into a buffer, a thread writes it, one sync serves all who wait.

Always true here:
- nothing here blocks the event loop: one batch at a time is with the thread, and what comes meanwhile is the next batch;
- `durable` returns only when everything that was handed over before is on the disk; else it raises;
- a batch that could not be written is kept and tried again, in front of what came after it;
- beyond the bounds nothing new is taken; each record that was not taken is counted, and told once there is room.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

from strongroom.gateway.spool.frames import Closed, Denied, Ended, Frame, Lost, Opened, write
from strongroom.gateway.spool.mark import Mark, Slot
from strongroom.gateway.spool.segments import Disk, Place, remove
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId, new_uuid

LOCK: Final = "lock"

_LAST_S: Final = 2.0
_log: Final = logging.getLogger(__name__)


class SpoolBroken(Exception):  # noqa: N818 - an answer: it cannot be made durable now
    """The spool cannot be made durable; the message says why, in the system's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How much a spool holds, in bytes, and how long it waits, in seconds.

    Attributes:
        total_bytes: of all its segments; beyond it nothing new is taken.
        segment_bytes: of one.
        buffer_bytes: in memory, while the disk does not take them.
        linger_s: how long a batch gathers when nobody waits for it.
        sync_s: how long something written may be in the machine's memory only.
        retry_s: between attempts after one that failed.
    """

    total_bytes: int = 256 * 2**20
    segment_bytes: int = 8 * 2**20
    buffer_bytes: int = 4 * 2**20
    linger_s: float = 0.01
    sync_s: float = 1.0
    retry_s: float = 0.5


@dataclass(slots=True)
class _Batch:
    parts: list[bytes] = field(default_factory=list[bytes])
    size: int = 0
    counts: dict[Slot, int] = field(default_factory=dict[Slot, int])
    sync: bool = False
    done: asyncio.Future[str] | None = None


@dataclass(slots=True)
class _Gap:
    count: int
    since: datetime


class Spool:
    """One process's spool. Made and used on one event loop."""

    def __init__(self, parent: Path, name: str, clock: Clock, bounds: Bounds | None = None) -> None:
        """Make the directory of this life of the process and take its lock.

        Args:
            parent: where spools lie.
            name: of the process.
            clock: for when records were lost.
            bounds: the defaults if not given.

        Raises:
            OSError: when it cannot be made: no room, or not ours to write.
        """
        self.bounds: Final = bounds or Bounds()
        self.directory: Final = parent / f"{name}-{secrets.token_hex(6)}"
        self.directory.mkdir(mode=0o700, parents=True)
        self._lock: Final = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._mark: Final = Mark(self.directory)
        self._clock: Final = clock
        self._loop: Final = asyncio.get_running_loop()
        self._work: Final[SimpleQueue[_Batch | None]] = SimpleQueue()
        self._thread: Final = Thread(target=self._write, name="spool", daemon=True)
        self._pending = _Batch()
        self._writing: _Batch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._number = 0
        self._unsynced = False
        self._stopped = False
        self._synced_at = 0.0
        self._gaps: dict[TenantId, _Gap] = {}
        self.end = Place(1, 0)
        """Where what was written ends."""
        self.bytes = 0
        """In segments that are not removed yet."""
        self.lost = 0
        """Records that could not be taken, since the start."""
        self.broken = ""
        """Why the disk did not take the last batch; empty: it did."""
        self.on_written = _nothing
        """Called on the event loop when there is more to read."""
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether it holds as much as it may."""
        return self.bytes + self._pending.size >= self.bounds.total_bytes

    @property
    def untold(self) -> bool:
        """Whether there are losses that are not told yet, and could be."""
        return bool(self._gaps) and not self.trouble

    @property
    def waiting_bytes(self) -> int:
        """In memory, on their way to the disk."""
        return self._pending.size + (0 if self._writing is None else self._writing.size)

    @property
    def trouble(self) -> str:
        """Why nothing can be made durable now; empty: it can."""
        full = self.full or self._pending.size >= self.bounds.buffer_bytes
        return self.broken or ("the spool is full" if full else "")

    def open(self, opened: Opened) -> bool:
        """Take an opening record; False: there is no room, and its closing must bring it along."""
        return self._take(opened, self._mark.begun(opened.tenant))

    def close(self, closed: Closed) -> None:
        """Take the closing of a record whose opening was taken. There is room: openings are bounded by connections."""
        self._push(closed)

    def close_unopened(self, closed: Closed, opened: Opened, *, counted: bool) -> None:
        """Take a closing together with its opening. `counted`: `open` was called for it."""
        slot = self._mark.slot(opened.tenant) if counted else self._mark.begun(opened.tenant)
        if not self._take(closed, slot):
            self._lose(opened.tenant)

    def deny(self, denied: Denied) -> None:
        """Take a refusal for an audit log."""
        if not self._take(denied, self._mark.begun(denied.tenant)):
            self._lose(denied.tenant)

    def lose(self, tenant: TenantId) -> None:
        """Count a record that was taken and can be handed on to nobody."""
        self._mark.begun(tenant)
        self._lose(tenant)

    async def durable(self) -> None:
        """Return when everything that was taken before this call is on the disk.

        Raises:
            SpoolBroken: when it is not, and nobody knows when it will be.
        """
        if self.broken:
            raise SpoolBroken(self.broken)
        batch = self._pending
        if not batch.parts and self._writing is None and not self._unsynced:
            return
        if batch.done is None:
            batch.done = self._loop.create_future()
        batch.sync = True
        self._submit()
        if said := await asyncio.shield(batch.done):
            raise SpoolBroken(said)

    async def written(self) -> None:
        """Return when everything that was taken before this call is in the file, or the disk has refused it."""
        self._tell_gaps()
        while self._pending.parts or self._writing is not None:
            batch = self._pending if self._pending.parts else self._writing
            if batch is None or (self.broken and batch is self._pending):
                return
            if batch.done is None:
                batch.done = self._loop.create_future()
            self._submit()
            if await asyncio.shield(batch.done):
                return

    async def stop(self) -> None:
        """Write what was taken and say that the end was in order, as far as the disk lets us."""
        if self._stopped:
            return
        self._stopped = True
        self._tell_gaps()
        self._push(Ended(self._clock.now()))
        with contextlib.suppress(SpoolBroken, TimeoutError):
            async with asyncio.timeout(_LAST_S):
                await self.durable()
        if self._timer is not None:
            self._timer.cancel()
        self._work.put(None)

    async def remove(self, segment: int) -> None:
        """Remove a segment whose frames are all elsewhere by now."""
        self.bytes = max(0, self.bytes - await asyncio.to_thread(remove, self.directory, segment))

    def release(self) -> None:
        """Let go of the lock: from now on somebody else may read what is left."""
        self._mark.close()
        os.close(self._lock)

    def _take(self, frame: Frame, slot: Slot) -> bool:
        bounds, waiting = self.bounds, self._pending.size
        if waiting >= bounds.buffer_bytes or self.bytes + waiting >= bounds.total_bytes:
            return False
        self._push(frame)
        counts = self._pending.counts
        counts[slot] = counts.get(slot, 0) + 1
        return True

    def _push(self, frame: Frame) -> None:
        self._number += 1
        data = write(frame, self._number)
        batch = self._pending
        batch.parts.append(data)
        batch.size += len(data)
        if len(batch.parts) == 1:
            self._schedule(self.bounds.linger_s)

    def _schedule(self, within_s: float) -> None:
        """Have what is pending written within so many seconds; while the disk fails, its own pause holds."""
        if self._writing is not None or (self.broken and self._timer is not None):
            return
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + within_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(within_s, self._submit)

    def _lose(self, tenant: TenantId) -> None:
        self.lost += 1
        gap = self._gaps.get(tenant)
        if gap is None:
            self._gaps[tenant] = _Gap(1, self._clock.now())
            self._schedule(self.bounds.retry_s)  # told by the next batch, even if nothing else comes
        else:
            gap.count += 1

    def _tell_gaps(self) -> None:
        """Turn counts into frames, once there is room for them."""
        if not self._gaps or self.broken or self.full:
            return
        gaps, self._gaps = self._gaps, {}
        now = self._clock.now()
        for tenant, gap in gaps.items():
            self._push(
                Lost(tenant, new_uuid(), gap.count, gap.since, now, "the spool was full or could not be written")
            )
            slot = self._mark.slot(tenant)
            self._pending.counts[slot] = self._pending.counts.get(slot, 0) + gap.count

    def _submit(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing is not None:
            return  # `_written` comes back here
        self._tell_gaps()
        if not (self._pending.parts or self._pending.sync or self._unsynced):
            if self._gaps:
                self._schedule(self.bounds.retry_s)
            return
        batch, self._pending = self._pending, _Batch()
        now = self._clock.boottime()
        # A disk that has failed is asked for the whole promise before anybody is told that it works again.
        batch.sync = batch.sync or bool(self.broken) or now - self._synced_at >= self.bounds.sync_s
        if batch.sync:
            self._synced_at = now
        self._writing = batch
        self._work.put(batch)

    def _write(self) -> None:
        """Write batches until told to stop; the one function that runs in the thread."""
        disk = Disk(self.directory, self.bounds.segment_bytes)
        while (batch := self._work.get()) is not None:
            place, error = None, None
            try:
                place = disk.write(b"".join(batch.parts), sync=batch.sync)
            except OSError as failure:
                error = failure
            with contextlib.suppress(RuntimeError):  # the event loop is gone: the process is at its end
                self._loop.call_soon_threadsafe(self._written, batch, place, error)
        disk.close()

    def _written(self, batch: _Batch, place: Place | None, error: OSError | None) -> None:
        self._writing = None
        if place is None or error is not None:
            self._failed(batch, error)
        else:
            self._kept(batch, place)
        if batch.done is not None and not batch.done.done():
            batch.done.set_result(self.broken)

    def _failed(self, batch: _Batch, error: OSError | None) -> None:
        """Keep the batch in front of what has come since, and try again in a while."""
        said = "the disk failed" if error is None else error.strerror or type(error).__name__
        if not self.broken:
            _log.error("spool: cannot be written: %s", said)
        self.broken = said
        late, self._pending = self._pending, _Batch(batch.parts, batch.size, batch.counts, sync=True)
        self._pending.parts += late.parts
        self._pending.size += late.size
        for slot, count in late.counts.items():
            self._pending.counts[slot] = self._pending.counts.get(slot, 0) + count
        if late.done is not None:
            late.done.set_result(said)
        self._schedule(self.bounds.retry_s)

    def _kept(self, batch: _Batch, place: Place) -> None:
        if self.broken:
            _log.warning("spool: can be written again")
        self.broken = ""
        self._unsynced = not batch.sync
        self._mark.confirmed(self._number - len(self._pending.parts))
        for slot, count in batch.counts.items():
            self._mark.settled(slot, count)
        self.bytes += batch.size
        if batch.parts:
            self.end = place
            self.on_written()
        if self._pending.sync:
            self._submit()
        elif self._pending.parts:
            self._schedule(self.bounds.linger_s)
        elif self._gaps or self._unsynced:
            self._schedule(self.bounds.retry_s if self._gaps else self.bounds.sync_s)


def _nothing() -> None:
    pass
