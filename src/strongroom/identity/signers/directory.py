"""Every signer that counts, in memory, by whose row it is. One thread; never blocks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from strongroom.identity.signers.model import SignerDocument
from strongroom.kernel.ids import TenantId, WorkloadId
from strongroom.signatures import PublicKey
from strongroom.store.feed import FeedEntry

KIND: Final = "signer"
"""The kind of its feed entries; an entry's id is the signer's."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A signer ready for checking. `expires_at` in Unix seconds."""

    key: PublicKey
    workload: WorkloadId
    expires_at: float


class Signers:
    """The signers that the feed has told of. One that cannot be read, or is not what its id says, is none."""

    def __init__(self) -> None:
        self._known: dict[tuple[TenantId, str], Known] = {}

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self._known.clear()
        for entry in entries:
            if entry.kind != KIND:
                continue
            self._known.pop((entry.tenant, entry.id), None)
            known = None if entry.deleted else _known(entry)
            if known is not None:
                self._known[entry.tenant, entry.id] = known

    def find(self, tenant: TenantId, signer: str) -> Known | None:
        """Return a signer of `tenant`, if it was not revoked. Another tenant's is not there."""
        return self._known.get((tenant, signer))


def _known(entry: FeedEntry) -> Known | None:
    try:
        document = msgspec.json.decode(entry.body, type=SignerDocument)
        key = PublicKey.of(document.public_key)
        if key.id != entry.id:
            raise ValueError("a key under another key's id")
        return Known(key, WorkloadId(document.workload), document.expires_at)
    except (msgspec.MsgspecError, ValueError) as error:
        _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)
        return None
