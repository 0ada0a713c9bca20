"""The door of the control plane: who comes in, by which credential, while the directory may be relied on.

1. The directory's lease holds, or one bounded read makes it hold; else nobody comes in (503).
2. The credential is checked (`Directory.authenticate`), or a session's key is looked up again (`Directory.still`).
3. Whoever is turned away is written down, within a rate; the caller learns nothing of why.
"""

from __future__ import annotations

import contextlib
from typing import Final, Protocol

from strongroom.identity.directory import Directory
from strongroom.kernel.ids import KeyId
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.policy import Ask, Gate
from strongroom.store import Unavailable

_READ_WITHIN_S: Final = 0.25


class Lease(Protocol):
    """What the door needs of the feed's follower."""

    def valid(self) -> bool:
        """Whether the copy may be relied on now."""
        ...

    async def ensure(self, within: float) -> bool:
        """Whether it may be after one bounded read."""
        ...


class Door:
    """Lets callers in."""

    def __init__(self, directory: Directory, lease: Lease, gate: Gate) -> None:
        self._directory: Final = directory
        self._lease: Final = lease
        self._gate: Final = gate

    async def admit(self, presented: str | None, peer: str, ask: Ask) -> Principal:
        """Return who holds the key `presented`, used from address `peer`.

        Raises:
            Refused: UNAUTHENTICATED, or UNAVAILABLE when it cannot be known now whether a key still counts.
        """
        await self._hold()
        return await self._let_in(self._directory.authenticate(presented, peer), ask)

    async def readmit(self, key_id: KeyId, peer: str, ask: Ask) -> Principal:
        """Return whom a session stands for that began with the key `key_id`. Raises as `admit`."""
        await self._hold()
        return await self._let_in(self._directory.still(key_id, peer), ask)

    async def _hold(self) -> None:
        if not (self._lease.valid() or await self._lease.ensure(_READ_WITHIN_S)):
            raise Refused(
                Refusal(
                    kind=RefusalKind.UNAVAILABLE,
                    reason="no valid lease: the database could not be read in time",
                    tell="The service cannot check credentials at the moment. Try again shortly.",
                )
            )

    async def _let_in(self, found: Principal | Refusal, ask: Ask) -> Principal:
        if isinstance(found, Principal):
            return found
        with contextlib.suppress(Unavailable):  # the answer is no in any case
            await self._gate.turned_away(found.reason, ask)
        raise Refused(found)
