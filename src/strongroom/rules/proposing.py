"""In production: a document is proposed, looked at by somebody else, and in force by their word.

1. Whoever may write proposes. The proposal holds exactly what is to be: whose document, after which version, what it says,
   what it would have changed for those who asked lately. Its digest is what an approval names.
2. Somebody else approves: another account by another token, an approver of the installation; for a tenant's own document
   another administrator of the tenant will do. With that word the version is in force, in the same transaction.
3. In an emergency a document that is shown to be narrower (`narrower`) is in force at once, and somebody else looks at it
   afterwards: a review is owed until they have.

Nothing else is put in force: a document that another has overtaken must be proposed anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from strongroom.identity import approvals
from strongroom.identity.approvals import Request
from strongroom.kernel.clock import Clock
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused
from strongroom.rules import tables
from strongroom.rules.kind import Kind, digest
from strongroom.rules.kinds import CEDAR, KINDS
from strongroom.rules.model import Level, Version
from strongroom.rules.narrower import objection
from strongroom.rules.putting import Seals, held, moved, put, standing_of
from strongroom.rules.resolve import Held, Standing
from strongroom.store import TenantTx
from strongroom.store.tx import Tx, place

Rehearse: TypeAlias = Callable[[Tx, Principal, Kind[Any, Any], Level, Standing[Any], Standing[Any]], Awaitable[bytes]]
"""Returns as JSON what a document would have changed for those who asked lately, within a transaction."""


class RulesChange(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly what is proposed: this is what an approval is bound to. Documents are canonical JSON; empty: none."""

    summary: str
    owner: UUID
    kind: str
    level: Level
    expected: int
    before: str
    document: str
    author: str
    credential: str
    reason: str
    at_once: bool
    dry_run: str


@dataclass(frozen=True, slots=True)
class Proposing:
    """What proposing needs besides a transaction."""

    clock: Clock
    rehearse: Rehearse
    seals: Seals = field(default_factory=dict[str, Any])

    async def propose(
        self, tx: Tx, who: Principal, version: Version, body: bytes, *, at_once: bool, looked: bytes | None = None
    ) -> Request:
        """Propose a version; with `at_once`, put it in force too, which only a narrower one may.

        Args:
            tx: whose it is to be.
            who: the caller.
            version: what is to be.
            body: its document.
            at_once: whether it is in force before anybody else has seen it.
            looked: what it would change, where that was looked at already; None: it is now.

        Raises:
            Refused: CONFLICT when another version is in force than was expected, when too much is waiting, or when what
                is to be at once is not narrower.
        """
        kind, now = KINDS[version.kind], self.clock.now()
        found = await tables.in_force(tx)
        last = next((each for each in found if each.kind == kind.name and each.level is version.level), None)
        if (0 if last is None else last.version) != version.version - 1:
            moved()
        if await approvals.waiting(tx, now) >= approvals.MOST_OPEN:
            raise approvals.too_many()
        before = standing_of(kind, found)
        after = before.with_(version.level, held(kind, version))
        if at_once and (why := objection(kind, version.level, before, after)) is not None:
            raise _conflict(
                f"Only what takes away is in force at once, and this document is not shown to: {why}. "
                "Propose it without `at_once`."
            )
        change = RulesChange(
            summary=_summary(version),
            owner=place(tx),
            kind=kind.name,
            level=version.level,
            expected=version.version - 1,
            before="" if last is None or last.withdrawn else msgspec.json.encode(last.document).decode(),
            document=body.decode(),
            author=version.author,
            credential=version.credential,
            reason=version.reason,
            at_once=at_once,
            dry_run=(looked or await self.rehearse(tx, who, kind, version.level, before, after)).decode(),
        )
        request = await approvals.ask(
            tx, who, request_kind(kind.name), change, about=tx.tenant if isinstance(tx, TenantTx) else None,
            ticket="", reason=version.reason, now=now, needed=0 if at_once else 1,
        )  # fmt: skip
        if at_once:
            await put(tx, version, body, seals=self.seals, request=request.id)
            request = await approvals.use(tx, who, request_kind(kind.name), request.id, change, now)
        return request

    async def in_force(self, tx: Tx, request: Request, approver: str) -> None:
        """Put what was approved in force, in the transaction of the approval.

        Raises:
            Refused: CONFLICT when it is not what was approved, is not for here, or another version has overtaken it.
        """
        change = msgspec.convert(request.subject, RulesChange)
        if change.owner != place(tx) or request.kind is not request_kind(change.kind):
            raise _conflict("What is to be done is not what was approved.")
        body = change.document.encode()
        version = Version(
            kind=change.kind,
            level=change.level,
            version=change.expected + 1,
            digest=digest(body),
            author=change.author,
            credential=change.credential,
            at=self.clock.now(),
            reason=change.reason,
            withdrawn=not body,
            document=msgspec.json.decode(body) if body else {},
            approved_by=approver,
        )
        if body:
            KINDS[change.kind].decode(body)  # by the rules of today: it may have been proposed to an earlier release
        await put(tx, version, body, seals=self.seals, request=request.id)
        await approvals.apply(tx, request.kind, request.id, change, self.clock.now())


def request_kind(kind: str) -> approvals.Kind:
    """Return what a proposal of a document of this kind is asked for as."""
    return approvals.Kind.POLICY if kind in CEDAR else approvals.Kind.RULES


def _summary(version: Version) -> str:
    what = "withdraw it" if version.withdrawn else f"sha256:{version.digest[:16]}"
    return f"{version.kind} at the level {version.level}, version {version.version}: {what}"


def _conflict(tell: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))


__all__ = ["Held", "Proposing", "Rehearse", "RulesChange", "request_kind"]
