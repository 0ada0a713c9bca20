"""The canaries as a process knows them from the feed, compiled once for each change. One thread; never blocks."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import msgspec

from strongroom.canaries.documents import CANARY, CanaryDocument
from strongroom.kernel.ids import PLATFORM, TenantId
from strongroom.privacy.canaries import Canaries, Canary
from strongroom.store.feed import FeedEntry

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Planted:
    """What is watched for in the answers of one deployment.

    Attributes:
        all: every canary that is recognised, of every tenant.
        word: the one that stands in this deployment's instructions now; empty: none was planted.
        owners: whose each is, by its id.
        names: what each is called, for its owner.
    """

    all: Canaries
    word: str = ""
    owners: dict[str, TenantId] = field(default_factory=dict[str, TenantId])
    names: dict[str, str] = field(default_factory=dict[str, str])


NOTHING: Final = Planted(Canaries(()))


class CanaryBook:
    """The canaries in force. A document that cannot be read is none."""

    def __init__(self) -> None:
        self._held: dict[tuple[TenantId, str], CanaryDocument] = {}
        self._made: dict[UUID | None, Planted] = {}

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self._held.clear()
            self._made.clear()
        for entry in entries:
            if entry.kind == CANARY and entry.tenant != PLATFORM:
                self._made.clear()
                self._take(entry)

    def _take(self, entry: FeedEntry) -> None:
        place = entry.tenant, entry.id
        self._held.pop(place, None)
        if entry.deleted:
            return
        try:
            self._held[place] = msgspec.json.decode(entry.body, type=CanaryDocument)
        except (msgspec.MsgspecError, ValueError) as error:
            _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)

    def planted(self, deployment: UUID) -> Planted:
        """Return what is watched for in the answers of a deployment. Compiled when it is asked for, and kept until a change."""
        if not self._held:
            return NOTHING
        made = self._made.get(deployment)
        if made is None:
            made = self._made[deployment] = self._of(deployment)
        return made

    def _of(self, deployment: UUID) -> Planted:
        base = self._made.get(None)
        if base is None:
            base = self._made[None] = self._compiled()
        # By the deployment's own tenant alone: no row of another names it, as the database has a key on both together.
        word = next((each.word for each in self._held.values() if each.deployment == deployment), "")
        return Planted(base.all, word, base.owners, base.names) if word else base

    def _compiled(self) -> Planted:
        return Planted(
            Canaries([Canary(place[1], each.word) for place, each in self._held.items()]),
            "",
            {name: tenant for tenant, name in self._held},
            {place[1]: each.label for place, each in self._held.items()},
        )

    def __len__(self) -> int:
        """Return how many are known."""
        return len(self._held)
