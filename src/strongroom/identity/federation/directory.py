"""Every federation rule that counts, and every token that was ended early, in memory. One thread; never blocks.

A rule is found by its id alone, which nobody chooses: one that two tenants claim is nobody's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity.accesstoken import Claims, Verifier
from strongroom.identity.federation.model import EndedTokenDocument, FederationDocument
from strongroom.identity.networks import Network, parse_networks
from strongroom.kernel.ids import PLATFORM, KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Principal
from strongroom.store.feed import FeedEntry

RULE: Final = "federation"
"""The kind of feed entries about rules; an entry's id is the rule's."""

ENDED: Final = "ended-token"
"""The kind of feed entries about revoked tokens; an entry's id is the token's."""

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Known:
    """A rule as it is checked against."""

    id: UUID
    tenant: TenantId
    document: FederationDocument
    networks: tuple[Network, ...]

    def principal(self, claims: Claims) -> Principal:
        """Return whom an access token under this rule stands for."""
        return Principal(
            role=self.document.role,
            name=self.document.name,
            credential=claims.id,
            tenant=self.tenant,
            environment=self.document.environment,
            workload=WorkloadId(self.document.workload),
            confirmation=claims.confirmation,
        )


class Federation:
    """The rules that the feed has told of, and the check of a token against them."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Take the public keys that tokens are signed by, by version; without any, no token counts here."""
        self._verifier: Final = Verifier(keys)
        self._rules: Final[dict[UUID, dict[TenantId, Known]]] = {}
        self._ended: Final[set[tuple[TenantId, KeyId]]] = set()

    def apply(self, entries: Iterable[FeedEntry], *, full: bool) -> None:
        """Take in what the feed delivered; `full` means that nothing else exists."""
        if full:
            self._rules.clear()
            self._ended.clear()
        for entry in entries:
            if entry.kind == RULE:
                self._apply_rule(entry)
            elif entry.kind == ENDED:
                # One that cannot be read ends its token all the same.
                (self._ended.discard if entry.deleted else self._ended.add)((entry.tenant, KeyId(entry.id)))

    def _apply_rule(self, entry: FeedEntry) -> None:
        try:
            rule = UUID(entry.id)
        except ValueError:
            return
        rows = self._rules.setdefault(rule, {})
        rows.pop(entry.tenant, None)
        known = None if entry.deleted else _known(entry, rule)
        if known is not None:
            rows[entry.tenant] = known
        if not rows:
            del self._rules[rule]

    def find(self, rule: UUID) -> Known | None:
        """Return a living rule by its id."""
        rows = self._rules.get(rule)
        return next(iter(rows.values())) if rows is not None and len(rows) == 1 else None

    def check(self, text: str, now: float) -> tuple[Known, Claims] | str:
        """Return the rule that an access token stands under and what it says, or why it does not count.

        What the caller still owes: that the tenant lives, the network, and the proof of the key it is bound to.
        """
        claims = self._verifier.verify(text)
        if claims is None:
            return "not a token that was made here"
        told = f"token {claims.id}: "
        if claims.expires_at <= now:
            return told + "expired"
        known = self.find(claims.rule)
        if known is None:
            return told + "its federation rule has ended"
        if known.document.environment is not claims.environment:
            return told + "its rule is of another environment than the token"
        if (known.tenant, claims.id) in self._ended:
            return told + "revoked"
        return known, claims


def _known(entry: FeedEntry, rule: UUID) -> Known | None:
    try:
        document = msgspec.json.decode(entry.body, type=FederationDocument)
        if entry.tenant == PLATFORM or not document.role.is_workload:
            raise ValueError("a rule that is not this row's to tell of")
        return Known(rule, entry.tenant, document, parse_networks(document.networks))
    except (msgspec.MsgspecError, ValueError) as error:
        _log.error("feed: %s v%d cannot be used: %s", entry.kind, entry.version, type(error).__name__)
        return None


def encode(document: FederationDocument | EndedTokenDocument) -> bytes:
    """Return `document` as JSON."""
    return msgspec.json.encode(document)
