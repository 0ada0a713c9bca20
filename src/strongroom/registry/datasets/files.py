"""The bytes of data sets: in memory while they arrive, sealed under their tenant's key from then on."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.registry.content import PART, ContentStore
from strongroom.registry.content.versions import is_rewritten, write
from strongroom.registry.datasets.model import MAX_BYTES

OPEN_EACH: Final = 4
"""How many uploads a tenant may have open."""
_LASTS: Final = timedelta(minutes=10)
_OPEN: Final = 16


@dataclass(slots=True)
class Arriving:
    """A data set on its way: nothing of it is written down before it was looked at."""

    id: UUID
    tenant: TenantId
    author: str
    size: int
    begun_at: datetime
    about: object
    data: bytearray = field(default_factory=bytearray, repr=False)


class Arrivals:
    """What is on its way, in this process alone. It takes 256 MiB at the most, and ends by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock
        self._open = dict[UUID, Arriving]()

    def begin(self, tenant: TenantId, author: str, size: int, about: object) -> Arriving | None:
        """Return a new one; None while there are too many."""
        now = self._clock.now()
        self._open = {each.id: each for each in self._open.values() if now - each.begun_at < _LASTS}
        mine = sum(each.tenant == tenant for each in self._open.values())
        if mine >= OPEN_EACH or len(self._open) >= _OPEN:
            return None
        made = Arriving(new_uuid(), tenant, author, size, now, about)
        self._open[made.id] = made
        return made

    def find(self, upload: UUID) -> Arriving | None:
        """Return one that is on its way."""
        return self._open.get(upload)

    def take(self, arriving: Arriving, offset: int, data: bytes) -> int:
        """Take a chunk, and return where it goes on.

        Raises:
            ValueError: when it does not begin where the last one ended, or is too much.
        """
        if offset != len(arriving.data):
            raise ValueError(f"it goes on at byte {len(arriving.data)}")
        if len(data) > PART or offset + len(data) > min(arriving.size, MAX_BYTES):
            raise ValueError("it is more than was announced")
        arriving.data += data
        return len(arriving.data)

    def end(self, arriving: Arriving) -> None:
        """Forget one."""
        self._open.pop(arriving.id, None)


def place(store: ContentStore, tenant: TenantId, data: bytes) -> Path:
    """Return where bytes are kept."""
    return store.place(tenant, hashlib.sha256(data).hexdigest())


async def keep(store: ContentStore, tenant: TenantId, data: bytes) -> str:
    """Seal bytes under a tenant's key and keep them; return SHA-256 of them.

    Raises:
        VaultUnavailable: when the keystore cannot be asked.
        KeysDestroyed: when the tenant's keys are gone for good.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    if is_rewritten(store.place(tenant, sha256)):
        return sha256  # these very bytes lost rows since: what was destroyed is not brought back
    head, key = await store.begin(tenant)

    def written() -> None:
        part = store.directory(tenant) / f".{uuid4().hex}"
        try:
            write(part, head, key, data)
            store.keep(tenant, sha256, part)
        finally:
            part.unlink(missing_ok=True)

    await asyncio.to_thread(written)
    return sha256
