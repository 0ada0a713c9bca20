"""What a judgement is told of others' evidence, and what the installation is that would serve."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import Found
from strongroom.registry.evidence import seals, tables
from strongroom.registry.evidence.model import About, Outside, Taken
from strongroom.store import OperatorTx, TenantTx

Look = Callable[[], str]
"""Returns the digest of the installation. Takes a second of CPU the first time."""


class EvidenceReader:
    """Reads others' evidence. One event loop."""

    def __init__(self, keys: RegistryKeys, look: Look | None = None, image: str = "") -> None:
        """Make it.

        Args:
            keys: by whose seals evidence was taken in.
            look: tells what the installation is; None: it cannot be told.
            image: the digest of the image that the installation runs in; empty: none is named.
        """
        self._keys: Final = keys
        self._look: Final = look
        self.image: Final = image
        self._runtime: asyncio.Task[str] | None = None

    async def runtime(self) -> str:
        """Return the digest of the installation as it was when this process looked last; empty: it cannot be told."""
        look = self._look
        if look is None:
            return ""
        if self._runtime is None:
            self._runtime = asyncio.create_task(asyncio.to_thread(look), name="runtime digest")
        try:
            return await asyncio.shield(self._runtime)
        except Exception:  # noqa: BLE001 - a record that cannot be read raises anything; what is not told is not met
            self._runtime = None
            return ""

    async def look_again(self) -> str:
        """Return the digest of the installation as it is now, where what looks does look anew; from here on it is that."""
        self._runtime = None
        return await self.runtime()

    async def outside(self, tx: OperatorTx | TenantTx, found: Found) -> Outside:
        """Return what there is about a release, about the installation and about its image."""
        digests = {
            About.RELEASE: found.subject.digest, About.RUNTIME: await self.runtime(), About.IMAGE: self.image,
        }  # fmt: skip
        rows = await tables.seals(tx, {each for each in digests.values() if each})
        owner = "" if found.owner is None else str(found.owner)
        if found.owner is not None:
            rows += await tables.own_seals(tx, found.owner, found.subject.digest)
        # Beside the loop: hundreds of long pieces take seconds, and others wait for this process too.
        return Outside(digests, await asyncio.to_thread(self._read, rows, digests, owner))

    def _read(self, rows: Sequence[bytes], digests: Mapping[About, str], owner: str) -> tuple[Taken, ...]:
        taken = (each for each in map(self.read, rows) if each is not None)
        return tuple(each for each in taken if _of(each, digests, owner))

    def read(self, seal: bytes) -> Taken | None:
        """Return what a seal of this installation is over."""
        return seals.read(seal, self._keys)


def _of(each: Taken, digests: Mapping[About, str], owner: str) -> bool:
    """Whether a piece is about just one of these, and of whose own it is said to be: rows may have been moved."""
    whose = owner if each.about is About.RELEASE else ""
    return each.owner == whose and each.subject == digests[each.about]
