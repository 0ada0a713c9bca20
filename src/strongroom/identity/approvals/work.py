"""Asking, deciding and using, in a transaction that a feature was permitted."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from strongroom.identity.approvals import tables
from strongroom.identity.approvals.model import (
    NEEDED,
    PROPOSED,
    Kind,
    Person,
    Request,
    State,
    Vote,
    digest_of,
    objection,
)
from strongroom.kernel.ids import KeyId, new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.store import OperatorTx, TenantTx
from strongroom.store.tx import Tx

LASTS: Final = timedelta(hours=24)
"""How long a request waits for decisions, and an approved one for its use."""


MOST_OPEN: Final = 50
"""How many proposals may wait at once, of one tenant or of the installation."""


def too_many() -> Refused:
    """Return the refusal of what would be one too many."""
    return _conflict(f"{MOST_OPEN} proposals are waiting. Decide on them or withdraw some: strongroom proposal list.")


async def ask(
    tx: Tx,
    who: Principal,
    kind: Kind,
    subject: Any,
    *,
    about: UUID | None,
    ticket: str,
    reason: str,
    now: datetime,
    needed: int = NEEDED,
    lasts: timedelta = LASTS,
) -> Request:
    """Make a request for exactly `subject`, which waits for `lasts`."""
    request = Request(
        id=new_uuid(), kind=kind, digest=digest_of(subject), subject=msgspec.to_builtins(subject), about=about,
        requester=str(who), ticket=ticket, reason=reason, needed=needed, created_at=now, expires_at=now + lasts,
        state=State.OPEN,
    )  # fmt: skip
    await tables.insert(tx, request, await _person(tx, who, kind))
    return (await _found(tx, kind, request.id, now))[0]


async def by_id(tx: Tx, kind: Kind | Collection[Kind], request: UUID, now: datetime) -> Request:
    """Return a request, locked until this transaction ends.

    Raises:
        Refused: HIDDEN when there is none of that kind.
    """
    return (await _found(tx, kind, request, now))[0]


async def recent(tx: Tx, kinds: Collection[Kind], now: datetime, most: int) -> list[Request]:
    """Return the newest requests of some kinds, newest first."""
    return await tables.recent(tx, kinds, now, most)


async def waiting(tx: Tx, now: datetime) -> int:
    """Return how many proposals wait about the tenant of the transaction, or about the installation."""
    return await tables.waiting(tx, PROPOSED, tx.tenant if isinstance(tx, TenantTx) else None, now)


async def decide(
    tx: Tx,
    who: Principal,
    kind: Kind,
    request: UUID,
    *,
    verdict: Literal["approve", "deny"],
    digest: str,
    reason: str,
    now: datetime,
) -> Request:
    """Count one person's word on a request. On what was in force at once, it is the review that was owed.

    Raises:
        Refused: FORBIDDEN for who may not decide on this one, CONFLICT when it is not open or is of another digest.
    """
    found, asker = await _found(tx, kind, request, now)
    voter = await _person(tx, who, kind)
    against = objection(asker, voter, await tables.voters(tx, request))
    if against is not None:
        raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=against, tell=against))
    if found.state is not State.OPEN and not found.review_owed:
        raise _conflict(f"This request is {found.state}; there is nothing to decide.")
    if digest != found.digest or digest_of(found.subject) != found.digest:
        raise _conflict("The digest is not that of what was asked for; look at it again, and approve what you see.")
    await tables.insert_vote(
        tx, request, voter, Vote(voter=str(who), verdict=verdict, reason=reason, digest=digest, at=now)
    )
    if found.review_owed:
        return (await _found(tx, kind, request, now))[0]
    yes = 1 + sum(vote.verdict == "approve" for vote in found.votes)
    if verdict == "deny":
        await tables.mark(tx, request, "denied", now)
    elif yes >= found.needed:
        await tables.mark(tx, request, "approved", now)
    return (await _found(tx, kind, request, now))[0]


async def use(tx: Tx, who: Principal, kind: Kind, request: UUID, subject: Any, now: datetime) -> Request:
    """Use an approved request for exactly `subject`, once, by who asked for it.

    Raises:
        Refused: FORBIDDEN for anybody else, CONFLICT when it is not approved or is for something else.
    """
    found, asker = await _found(tx, kind, request, now)
    if (await _person(tx, who, kind)).person != asker.person:
        tell = "Only who asked for it may use it."
        raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
    if found.state is not State.APPROVED and not (found.needed == 0 and found.state is State.OPEN):
        waiting = f": {found.needed - len(found.votes)} more to approve" if found.state is State.OPEN else ""
        raise _conflict(f"This request is {found.state}{waiting}.")
    await _spend(tx, found, subject, now)
    return (await _found(tx, kind, request, now))[0]


async def apply(tx: Tx, kind: Kind, request: UUID, subject: Any, now: datetime) -> Request:
    """Use an approved request for exactly `subject`, once, in the transaction of the approval that decided it.

    Raises:
        Refused: CONFLICT when it is not approved or is for something else.
    """
    found, _ = await _found(tx, kind, request, now)
    if found.state is not State.APPROVED:
        raise _conflict(f"This request is {found.state}.")
    await _spend(tx, found, subject, now)
    return (await _found(tx, kind, request, now))[0]


async def withdraw_of(tx: OperatorTx, credentials: Collection[KeyId], now: datetime) -> None:
    """Withdraw what these credentials have proposed and nobody has used, as they no longer count."""
    await tables.withdraw_of(tx, PROPOSED, [_material(each) for each in credentials], now)


async def withdraw(tx: Tx, kind: Kind, request: UUID, now: datetime) -> Request:
    """Withdraw a request that was not used yet; once more changes nothing."""
    found, _ = await _found(tx, kind, request, now)
    if found.state in {State.OPEN, State.APPROVED}:
        await tables.mark(tx, request, "withdrawn", now)
    return (await _found(tx, kind, request, now))[0]


async def _found(tx: Tx, kind: Kind | Collection[Kind], request: UUID, now: datetime) -> tuple[Request, Person]:
    found = await tables.one(tx, request, now)
    if found is None or found[0].kind not in ({kind} if isinstance(kind, Kind) else kind):
        raise Refused(hidden(f"no request {request}"))
    return found


async def _spend(tx: Tx, found: Request, subject: Any, now: datetime) -> None:
    if digest_of(subject) != found.digest:
        raise _conflict("What is to be done is not what was approved.")
    await tables.mark(tx, found.id, "used", now)


async def _person(tx: Tx, who: Principal, kind: Kind) -> Person:
    """Return who speaks. One without an account's token is known by name, and by the credential that they have.

    Everybody is, where a tenant's transaction may be the place: accounts cannot be looked up there. A name is of one living
    account, and one that is made anew under it is taken for the same person, which refuses more and never less.
    """
    named = Person(f"named/{who.name}", _material(who.credential))
    if kind is not Kind.ELEVATION or not isinstance(tx, OperatorTx):
        return named
    return await tables.person_of(tx, who.credential) or named


def _material(credential: KeyId) -> str:
    return f"credential/{credential}"


def _conflict(tell: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
