"""Secrets that are filed with the keystore instead of standing in the database: sealed, versioned, and leased.

Always true here:
- what is filed was sealed before, under a data key of its tenant and bound to its place: who reads the keystore's documents
  alone reads no secret, who reads the database alone finds the number of a version;
- what was read is remembered for `LEASE_S`; then it is asked for anew, and while it cannot be, it is not there;
- callers at the same time share one question.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Final, TypeAlias

from strongroom.kernel.clock import Clock
from strongroom.vault.envelope import Scope
from strongroom.vault.keystore import SETTLES_S, KeysDestroyed, Keystore

LEASE_S: Final = SETTLES_S
_FORMAT: Final = 3  # of references; 1 and 2 are sealed texts themselves
_REFERENCE: Final = struct.Struct(">BI")
_Place: TypeAlias = tuple[Scope, str, int]


def reference(version: int) -> bytes:
    """Return what stands in a row in the place of a secret that is filed."""
    return _REFERENCE.pack(_FORMAT, version)


def version_of(stored: bytes) -> int | None:
    """Return the version that a row refers to; None: the row holds a sealed text itself, as earlier ones did."""
    if len(stored) != _REFERENCE.size or stored[0] != _FORMAT:
        return None
    return int(_REFERENCE.unpack(stored)[1])


class Filing:
    """Files and reads. One event loop."""

    def __init__(self, keystore: Keystore, clock: Clock) -> None:
        self._keystore: Final = keystore
        self._clock: Final = clock
        self._held: Final[dict[_Place, tuple[float, bytes]]] = {}
        self._asking: Final[dict[_Place, asyncio.Task[bytes]]] = {}

    async def put(self, scope: Scope, name: str, sealed: bytes) -> int:
        """File a version of a secret, and return its number. Older ones stay until they are dropped.

        Raises:
            VaultUnavailable: when the keystore cannot be asked.
            KeysDestroyed: when the tenant's keys are gone.
        """
        return await self._keystore.put_secret(scope.tenant, scope.use, name, sealed)

    async def read(self, scope: Scope, name: str, version: int) -> bytes:
        """Return a version, asked for now.

        Raises:
            VaultUnavailable: when the keystore cannot be asked.
            KeysDestroyed: when this version was dropped.
        """
        place = scope, name, version
        task = self._asking.get(place)
        if task is None:
            task = self._asking[place] = asyncio.ensure_future(self._read(place))
            task.add_done_callback(lambda done: self._told(done, place))
        return await asyncio.shield(task)

    def held(self, scope: Scope, name: str, version: int) -> bytes | None:
        """Return a version whose lease has not ended; None: it must be asked for."""
        found = self._held.get((scope, name, version))
        if found is None:
            return None
        if self._clock.boottime() - found[0] > LEASE_S:
            del self._held[scope, name, version]
            return None
        return found[1]

    async def drop(self, scope: Scope, name: str, before: int | None = None) -> None:
        """Destroy the versions below `before`; None: all of them, and that there were any.

        Raises:
            VaultUnavailable: when the keystore cannot be asked.
        """
        for place in [each for each in self._held if each[:2] == (scope, name)]:
            if before is None or place[2] < before:
                del self._held[place]
        await self._keystore.drop_secret(scope.tenant, scope.use, name, before)

    def forget_but(self, wanted: set[_Place]) -> None:
        """Forget what is not among `wanted`."""
        for place in [each for each in self._held if each not in wanted]:
            del self._held[place]

    def _told(self, done: asyncio.Task[bytes], place: _Place) -> None:
        self._asking.pop(place, None)
        if not done.cancelled():
            done.exception()  # whoever asked may be gone, and is told nothing; that is no fault

    async def _read(self, place: _Place) -> bytes:
        scope, name, version = place
        asked = self._clock.boottime()  # before the question: an answer is as old as that
        try:
            found = await self._keystore.secret(scope.tenant, scope.use, name, version)
        except KeysDestroyed:
            self._held.pop(place, None)
            raise
        self._held[place] = asked, found
        return found
