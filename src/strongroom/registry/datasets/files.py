"""The bytes of data sets: in memory while they arrive, sealed under their tenant's key from then on."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.registry.content import PART, Broken, ContentStore
from strongroom.registry.content import sealed as seals
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


async def keep(store: ContentStore, tenant: TenantId, data: bytes) -> str:
    """Seal bytes under a tenant's key and keep them; return SHA-256 of them.

    Raises:
        VaultUnavailable: when the keystore cannot be asked.
        KeysDestroyed: when the tenant's keys are gone for good.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    head, key = await store.begin(tenant)

    def written() -> None:
        directory = store.directory(tenant)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = directory / f".{uuid4().hex}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(head.encoded)
                last = seals.count(len(data)) - 1
                for index in range(last + 1):
                    piece = data[index * PART : (index + 1) * PART]
                    out.write(seals.close(head, key, index, piece, last=index == last))
            store.keep(tenant, sha256, part)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()

    await asyncio.to_thread(written)
    return sha256


async def opened(store: ContentStore, tenant: TenantId, sha256: str) -> bytes:
    """Return what is kept under a digest.

    Raises:
        Broken: when it is not there, or not what was stored.
        VaultUnavailable: when the keystore cannot be asked.
    """
    found = await store.find(tenant, sha256)
    data = await asyncio.to_thread(lambda: b"".join(found.chunks()))
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Broken("its bytes are not the ones that its name says")
    return data
