"""What a dead process has left: its frames are read to the last whole one, and what is missing is said.

Always true here:
- a spool is read by whoever holds its lock, so by one process, and not while its own lives;
- an opening without a closing becomes a record `interrupted`;
- what a killed process had taken on and not written is told to each tenant by number; after a crash of the machine,
  when nobody can know the number, that is told;
- doing it twice adds nothing: ids come from the spool's name and the tenant.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from strongroom.gateway.spool.frames import Closed, Lost, Opened
from strongroom.gateway.spool.mark import Left, read_mark
from strongroom.gateway.spool.reader import Found, Reader
from strongroom.gateway.spool.segments import boot_id, boot_of, listed, spools
from strongroom.gateway.spool.spool import LOCK
from strongroom.kernel.ids import PLATFORM, TenantId

_log: Final = logging.getLogger(__name__)


class Orphan:
    """A spool without a process, and its lock."""

    def __init__(self, directory: Path, lock: int) -> None:
        self.directory: Final = directory
        self._lock: Final = lock
        self._left: Final = read_mark(directory)
        self._reader: Final = Reader(directory, confirmed=0 if self._left is None else self._left.confirmed)

    def read(self) -> Iterator[Found]:
        """Yield what it holds, piece by piece, and at last what is missing. Blocks."""
        while (found := self._reader.read()) is not None:
            if found.torn is not None:
                _log.warning(
                    "spool %s: cut at segment %d, byte %d: what follows is no whole frame",
                    self.directory.name,
                    *found.torn,
                )
            yield found
        yield self._rest()

    def remove(self) -> None:
        """Remove it: everything is elsewhere by now."""
        shutil.rmtree(self.directory)

    def release(self) -> None:
        """Let go of the lock."""
        os.close(self._lock)

    def _rest(self) -> Found:
        held = [opened for opened, _ in self._reader.open.values()]
        gaps = list(self._gaps())
        if held or gaps:
            _log.warning("spool %s: %d requests were interrupted, %d gaps", self.directory.name, len(held), len(gaps))
        return Found(pairs=[(opened, interrupted(opened)) for opened in held], gaps=gaps)

    def _gaps(self) -> Iterator[Lost]:
        if self._reader.missing:
            yield self._lost(PLATFORM, self._reader.missing, None, "frames of the spool are damaged")
        if self._left is None or not self._same_boot():
            if not self._reader.ended:
                for tenant in self._reader.tenants | {PLATFORM}:
                    yield self._lost(tenant, None, None, "the machine stopped, or the spool's mark is gone")
            return
        yield from self._killed(self._left)

    def _killed(self, left: Left) -> Iterator[Lost]:
        for tenant, (count, since) in left.counts.items():
            missing = count - self._reader.beyond[tenant]
            if missing > 0:
                yield self._lost(tenant, missing, since, "the gateway process was killed")

    def _same_boot(self) -> bool:
        segments = listed(self.directory)
        return not segments or boot_of(self.directory, segments[-1][0]) == boot_id()

    def _lost(self, tenant: TenantId, count: int | None, since: float | None, cause: str) -> Lost:
        named = hashlib.sha256(f"{self.directory.name} {tenant} {cause}".encode()).digest()
        until = self.directory.stat().st_mtime if since is None else max(since, self._touched())
        began = datetime.fromtimestamp(until if since is None else since, UTC)
        return Lost(tenant, _own_id(named), count, began, datetime.fromtimestamp(until, UTC), cause)

    def _touched(self) -> float:
        return max((path.stat().st_mtime for path in self.directory.iterdir()), default=0.0)


def _own_id(digest: bytes) -> UUID:
    """Return a version 8 UUID (RFC 9562 §5.8) made of a digest."""
    value = int.from_bytes(digest[:16]) & ~(0xF << 76) | 0x8 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def interrupted(opened: Opened) -> Closed:
    """Return the closing of a request whose process ended under it. Status 0: nobody knows what left."""
    return Closed(opened.id, "interrupted", "opened", 0, 0)


def orphans(parent: Path, own: Path) -> Iterator[Orphan]:
    """Yield the spools below `parent` whose process is dead, each held by its lock until it is released."""
    for directory in spools(parent):
        if directory == own:
            continue
        try:
            lock = os.open(directory / LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            continue  # being made, or being removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if (directory / LOCK).exists():
            yield Orphan(directory, lock)
        else:
            os.close(lock)
