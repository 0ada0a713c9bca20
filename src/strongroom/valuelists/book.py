"""The lists as a gateway knows them from the feed; detectors are made when they are asked for. One thread; never blocks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.privacy.custom import HASH_BYTES, HashedValues
from strongroom.store.feed import FeedEntry
from strongroom.valuelists.model import ListDocument
from strongroom.vault import DataKeys

LIST: Final = "value-list"
"""What parts of lists are called in the feed."""
_KEY: Final = "list"
_log: Final = logging.getLogger(__name__)


class ListBook:
    """The lists in force. A part that cannot be read is told, and is none."""

    def __init__(self) -> None:
        self.held: dict[TenantId, dict[str, ListDocument]] = {}
        """Parts by tenant; a tenant without lists has no place in it."""
        self._made: dict[TenantId, list[HashedValues]] = {}

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self.held.clear()
            self._made.clear()
        for entry in entries:
            if entry.kind == LIST and entry.tenant != PLATFORM:
                self._made.pop(entry.tenant, None)
                self._take(entry)

    def _take(self, entry: FeedEntry) -> None:
        parts = self.held.setdefault(entry.tenant, {})
        parts.pop(entry.id, None)
        if not entry.deleted:
            try:
                parts[entry.id] = msgspec.json.decode(entry.body, type=ListDocument)
            except (msgspec.MsgspecError, ValueError) as error:
                _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)
        if not parts:
            del self.held[entry.tenant]

    def detectors(self, tenant: TenantId, keys: DataKeys) -> list[HashedValues]:
        """Return what finds the values of a tenant's lists, made once for each change."""
        made = self._made.get(tenant)
        if made is None:
            by_name: dict[str, list[ListDocument]] = {}
            for part in self.held.get(tenant, {}).values():
                by_name.setdefault(part.name, []).append(part)
            made = self._made[tenant] = [
                HashedValues(
                    name,
                    key_of(keys, name),
                    (each for part in parts for each in hashes_in(part.hashes)),
                    max(part.most_words for part in parts),
                )
                for name, parts in sorted(by_name.items())
            ]
        return made


def key_of(keys: DataKeys, name: str) -> bytes:
    """Return the key of a list."""
    return keys.derived(_KEY, name)


def hashes_in(packed: bytes) -> Iterable[bytes]:
    """Return the hashes that stand one behind the other."""
    return (packed[at : at + HASH_BYTES] for at in range(0, len(packed), HASH_BYTES))
