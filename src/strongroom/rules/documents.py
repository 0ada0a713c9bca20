"""What the rules room publishes to the feed, and the gateways' view of it. Fields are only added; golden files hold the bytes.

Always true here:
- the installation's rows hold defaults and nothing else, a tenant's rows its ceiling and its own document;
- a document that cannot be read is held as unreadable; only one that was withdrawn is absent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.rules.kind import Document, Kind
from strongroom.rules.kinds import KINDS
from strongroom.rules.model import Level, Subject
from strongroom.rules.resolve import Held, Standing, Terms, fingerprint, settle
from strongroom.store.feed import FeedEntry

PREFIX: Final = "rules."
"""A feed entry's kind is this and the document's kind; its id is the level, its tenant the owner."""

_log: Final = logging.getLogger(__name__)


class RulesDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="rules/1"):
    """A version of a document that is in force."""

    version: int
    digest: str
    document: msgspec.Raw
    """Canonical JSON, as its digest was taken of."""


class Rulebook:
    """The documents that the feed has told of. One thread; never blocks."""

    def __init__(self) -> None:
        self._held: dict[tuple[TenantId, str, Level], Held[Any]] = {}

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self._held.clear()
        for entry in entries:
            kind = KINDS.get(entry.kind.removeprefix(PREFIX)) if entry.kind.startswith(PREFIX) else None
            level = _level(entry)
            if kind is None or level is None or level not in kind.levels:
                continue
            self._held.pop((entry.tenant, kind.name, level), None)
            if not entry.deleted:
                self._held[entry.tenant, kind.name, level] = _read(kind, level, entry)

    def standing(self, kind: Kind[Any, Any], tenant: TenantId) -> Standing[Any]:
        """Return the documents of one kind that concern `tenant`."""
        return Standing(
            default=self._held.get((PLATFORM, kind.name, Level.DEFAULT)),
            ceiling=self._held.get((tenant, kind.name, Level.CEILING)),
            own=self._held.get((tenant, kind.name, Level.OWN)),
        )

    def terms(self, tenant: TenantId, subject: Subject) -> Terms:
        """Return what holds for `subject`, of every kind."""
        standings = [(kind, self.standing(kind, tenant)) for kind in KINDS.values()]
        return Terms(
            {kind.name: settle(kind, standing, subject) for kind, standing in standings},
            fingerprint([(kind.name, standing) for kind, standing in standings]),
        )


def _level(entry: FeedEntry) -> Level | None:
    """Return the level that `entry` may speak at; the installation's word is not a tenant's to publish."""
    try:
        level = Level(entry.id)
    except ValueError:
        return None
    return level if (level is Level.DEFAULT) == (entry.tenant == PLATFORM) else None


def _read(kind: Kind[Any, Any], level: Level, entry: FeedEntry) -> Held[Any]:
    version, digest = 0, ""
    document: Document[Any] | None = None
    try:
        told = msgspec.json.decode(entry.body, type=RulesDocument)
        version, digest = told.version, told.digest
        document = kind.decode(bytes(told.document))
    except ValueError as error:  # msgspec's errors and `DocumentError` are ones
        _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)
    return Held(level=level, version=version, digest=digest, document=document)
