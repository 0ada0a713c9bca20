"""Whether there is room for an upload: in number, in its tenant's quota, on the disk and in the memory that it is looked at in.

Always true here: what has files counts whatever its stage, what was promised counts before its first byte, and nothing is awaited.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.registry.content import Owner, memory
from strongroom.registry.content.quarantine import Quarantine, Upload
from strongroom.vault import KeysDestroyed, VaultUnavailable

_OPEN_EACH: Final = 16
_SPARE: Final = 1 << 30  # the disk keeps that much for everything else


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much a tenant may store, in bytes: releases and uploads together."""

    tenant_bytes: int = 100 << 30


class Room:
    """The room of one installation."""

    def __init__(self, quarantine: Quarantine, bounds: Bounds) -> None:
        self._quarantine = quarantine
        self._store = quarantine.store
        self._bounds = bounds

    async def measured(self, owner: Owner) -> None:
        """Find out how much an owner has stored, before it is asked whether more fits.

        Raises:
            Refused: UNAVAILABLE while that cannot be known.
        """
        try:
            await self._store.measure(owner)
        except OSError as error:
            tell = "What is stored already cannot be looked up now: the operator knows more, doctor."
            refusal = Refusal(kind=RefusalKind.UNAVAILABLE, reason=f"content store: {error.strerror}", tell=tell)
            raise Refused(refusal) from None

    def refuse_full(self, new: Upload) -> None:
        """Refuse what has no room beside everything that is stored, on its way or promised.

        Raises:
            Refused: CONFLICT beside too many, TOO_LARGE beyond the tenant's quota, UNAVAILABLE without disk or memory.
        """
        every = [each for each in (*self._quarantine.all(), *self._quarantine.promises()) if each.holds]
        mine = [each for each in every if each.owner == new.owner]
        if len(mine) >= _OPEN_EACH:
            tell = f"There are {_OPEN_EACH} uploads that have not come to their end: finish or drop one."
            raise Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
        takes = new.size + sum(each.size for each in mine) + self._store.stored(new.owner)
        if new.owner is not None and takes > self._bounds.tenant_bytes:
            most = self._bounds.tenant_bytes >> 30
            tell = f"With it, the releases of this tenant would take more than {most} GiB: delete what is not needed."
            raise Refused(Refusal(kind=RefusalKind.TOO_LARGE, reason=tell, tell=tell, param="files"))
        self.refuse_no_disk(new.size + sum(self._quarantine.awaited(each) for each in every))
        try:
            memory.demand(max(each.size for each in new.files))
        except OSError as error:
            tell = f"A file of it cannot be looked at, which is done in memory: {error.strerror}."
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=tell, tell=tell)) from None

    def refuse_no_disk(self, size: int) -> None:
        """Refuse to write that many bytes, where the disk would not keep what everything else needs.

        Raises:
            Refused: UNAVAILABLE.
        """
        if shutil.disk_usage(self._store.root).free < size + _SPARE:
            tell = "There is no room for it on this machine now."
            raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason="no room for a release", tell=tell))


@contextmanager
def told() -> Generator[None]:
    """Say what keeps bytes from being taken.

    Raises:
        Refused: UNAVAILABLE without a key or without room.
    """
    try:
        yield
    except (VaultUnavailable, KeysDestroyed) as error:
        tell = "Files cannot be sealed now: the vault does not answer. The operator knows more: doctor."
        raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=str(error), tell=tell)) from None
    except OSError as error:
        tell = "What was sent cannot be written down now: the operator knows more, doctor."
        reason = f"quarantine: {error.strerror}"
        raise Refused(Refusal(kind=RefusalKind.UNAVAILABLE, reason=reason, tell=tell)) from None
