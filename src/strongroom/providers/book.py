"""The providers as a process knows them from the feed. One thread; never blocks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.ids import PLATFORM
from strongroom.providers.documents import PROVIDER, ProviderDocument
from strongroom.providers.model import obstacle
from strongroom.store.feed import FeedEntry

_log: Final = logging.getLogger(__name__)


class Book:
    """The registrations in force. A document that cannot be read is no provider."""

    def __init__(self) -> None:
        self._held: dict[UUID, ProviderDocument] = {}

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self._held.clear()
        for entry in entries:
            if entry.kind == PROVIDER and entry.tenant == PLATFORM:  # no tenant registers one
                self._take(entry)

    def _take(self, entry: FeedEntry) -> None:
        try:
            provider = UUID(entry.id)
            self._held.pop(provider, None)
            if not entry.deleted:
                self._held[provider] = msgspec.json.decode(entry.body, type=ProviderDocument)
        except (msgspec.MsgspecError, ValueError) as error:
            _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)

    def find(self, provider: UUID) -> ProviderDocument | None:
        """Return a provider as it is registered now. Each change is another object."""
        return self._held.get(provider)

    def every(self) -> list[tuple[UUID, ProviderDocument]]:
        """Return all of them."""
        return list(self._held.items())

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._held)

    def obstacles(self, now: datetime) -> list[str]:
        """Return for each provider that is not routed to now its name and why, by name."""
        found = ((held.name, obstacle(held, now)) for held in self._held.values())
        return sorted(f"{name}: {stands}" for name, stands in found if stands is not None)
