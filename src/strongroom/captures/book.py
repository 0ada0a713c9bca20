"""The sessions as a gateway knows them from the feed. One thread; never blocks; where there are none it is falsy."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from strongroom.captures.documents import CAPTURE, CaptureDocument
from strongroom.captures.model import WHOLE
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.kernel.principal import Environment
from strongroom.store.feed import FeedEntry

_log: Final = logging.getLogger(__name__)
_Place = tuple[TenantId, Environment, str]


class Chosen(NamedTuple):
    """A session that wants a request."""

    tenant: TenantId
    session: UUID
    environment: Environment


class Captures:
    """The sessions that may be open. A document that cannot be read captures nothing."""

    def __init__(self) -> None:
        self._held: dict[UUID, tuple[_Place, CaptureDocument]] = {}
        self._of: dict[_Place, dict[UUID, CaptureDocument]] = {}

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._of)

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self._held.clear()
            self._of.clear()
        for entry in entries:
            if entry.kind == CAPTURE and entry.tenant != PLATFORM:
                self._take(entry)

    def _take(self, entry: FeedEntry) -> None:
        try:
            session = UUID(entry.id)
            self._drop(session)
            if entry.deleted:
                return
            document = msgspec.json.decode(entry.body, type=CaptureDocument)
        except (msgspec.MsgspecError, ValueError) as error:
            _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)
            return
        place = entry.tenant, document.environment, document.model
        self._held[session] = place, document
        self._of.setdefault(place, {})[session] = document

    def _drop(self, session: UUID) -> None:
        held = self._held.pop(session, None)
        if held is not None:
            of = self._of[held[0]]
            del of[session]
            if not of:
                del self._of[held[0]]

    def chosen(
        self, tenant: TenantId, environment: Environment, model: str, workload: str, *, lot: int, now: float
    ) -> Chosen | None:
        """Return the session that wants a request.

        Args:
            tenant: whose model was asked.
            environment: where.
            model: which.
            workload: by whom.
            lot: a random number, which decides with the session's share.
            now: Unix seconds.
        """
        of = self._of.get((tenant, environment, model))
        if of is None:
            return None
        for session, document in list(of.items()):
            if now >= document.ends_at:
                self._drop(session)
            elif document.workload in ("", workload) and lot % WHOLE < document.share:
                return Chosen(tenant, session, environment)
        return None
