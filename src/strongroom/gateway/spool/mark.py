"""How many records a process has taken on and not yet put into its spool: a small file beside the segments.

Always true here:
- a count goes up before the record it counts is kept anywhere, and down after the record was written: what a killed
  process took with it is told by tenant, and never too low;
- the file is written in place, in blocks it has from the beginning: a full disk does not stop the counting;
- a disk that fails stops it, and nothing else: then `failed` says so.

It survives the process, not the machine: after another boot it means nothing.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from struct import Struct as Layout
from typing import Final
from uuid import UUID

from strongroom.kernel.ids import PLATFORM, TenantId

FILE: Final = "mark"

_HEAD: Final = Layout("<8sQ16x")
_MAGIC: Final = b"SRMARK01"
_SLOT: Final = Layout("<16sQd")
_SLOTS: Final = 4096
_pack_slot: Final = _SLOT.pack


@dataclass(slots=True, eq=False)
class Slot:
    """The count of one tenant, and where in the file it stands."""

    offset: int
    tenant: bytes
    count: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Left:
    """What a dead process had not written.

    Attributes:
        confirmed: number of the last frame that it knew to be written.
        counts: by tenant, how many records, and since when (Unix seconds).
    """

    confirmed: int
    counts: dict[TenantId, tuple[int, float]]


class Mark:
    """The counts of one process."""

    def __init__(self, directory: Path) -> None:
        """Make the file.

        Raises:
            OSError: when there is no room for it.
        """
        self._file: Final = os.open(
            directory / FILE, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self.failed = False
        """Whether a count could not be written."""
        self._slots: Final[dict[int, Slot]] = {}  # by a tenant's number: its hash is the system's own, and quick
        blank = _HEAD.pack(_MAGIC, 0) + bytes(_SLOT.size * _SLOTS)
        if os.pwrite(self._file, blank, 0) < len(blank):
            raise OSError(28, "no room for the mark")

    def begun(self, tenant: TenantId) -> Slot:
        """Count one more record of `tenant`; return what counts it."""
        slot = self._slots.get(tenant.int) or self._slot(tenant)
        if slot.count == 0:
            slot.since = time.time()
        slot.count += 1
        self._put(_pack_slot(slot.tenant, slot.count, slot.since), slot.offset)
        return slot

    def slot(self, tenant: TenantId) -> Slot:
        """Return what counts the records of `tenant`."""
        return self._slots.get(tenant.int) or self._slot(tenant)

    def settled(self, slot: Slot, count: int) -> None:
        """Count down what was written."""
        slot.count -= count
        self._put(_pack_slot(slot.tenant, slot.count, slot.since), slot.offset)

    def confirmed(self, number: int) -> None:
        """Say which frame was the last that was written."""
        self._put(_HEAD.pack(_MAGIC, number), 0)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _slot(self, tenant: TenantId) -> Slot:
        # Beyond so many tenants the rest share one slot, the installation's: counted still, though not by name.
        owner = tenant if len(self._slots) < _SLOTS - 1 or tenant == PLATFORM else PLATFORM
        slot = self._slots.get(owner.int)
        if slot is None:
            slot = self._slots[owner.int] = Slot(_HEAD.size + _SLOT.size * len(self._slots), owner.bytes)
        return slot

    def _put(self, data: bytes, offset: int) -> None:
        try:
            os.pwrite(self._file, data, offset)
        except OSError:
            self.failed = True


def read_mark(directory: Path) -> Left | None:
    """Return what the mark of a dead process says; None: it says nothing that can be read."""
    try:
        data = (directory / FILE).read_bytes()
    except FileNotFoundError:
        return None
    if len(data) < _HEAD.size or data[:8] != _MAGIC:
        return None
    counts: dict[TenantId, tuple[int, float]] = {}
    for offset in range(_HEAD.size, len(data) - _SLOT.size + 1, _SLOT.size):
        tenant, count, since = _SLOT.unpack_from(data, offset)
        if count:
            counts[TenantId(UUID(bytes=tenant))] = (count, since)
    return Left(_HEAD.unpack_from(data)[1], counts)
