"""Asking, deciding and using, in a transaction that a feature was permitted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from strongroom.identity.approvals import tables
from strongroom.identity.approvals.model import NEEDED, Kind, Person, Request, State, Vote, digest_of, objection
from strongroom.kernel.ids import new_uuid
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal, RefusalKind, Refused, hidden
from strongroom.store import OperatorTx

LASTS: Final = timedelta(hours=24)
"""How long a request waits for decisions, and an approved one for its use."""


async def ask(
    tx: OperatorTx,
    who: Principal,
    kind: Kind,
    subject: Any,
    *,
    about: UUID | None,
    ticket: str,
    reason: str,
    now: datetime,
    needed: int = NEEDED,
) -> Request:
    """Make a request for exactly `subject`."""
    request = Request(
        id=new_uuid(), kind=kind, digest=digest_of(subject), subject=msgspec.to_builtins(subject), about=about,
        requester=str(who), ticket=ticket, reason=reason, needed=needed, created_at=now, expires_at=now + LASTS,
        state=State.OPEN,
    )  # fmt: skip
    await tables.insert(tx, request, await _person(tx, who))
    return request


async def by_id(tx: OperatorTx, kind: Kind, request: UUID, now: datetime) -> Request:
    """Return a request, locked until this transaction ends.

    Raises:
        Refused: HIDDEN when there is none of that kind.
    """
    return (await _found(tx, kind, request, now))[0]


async def recent(tx: OperatorTx, kind: Kind, now: datetime, most: int) -> list[Request]:
    """Return the newest requests of one kind."""
    return await tables.recent(tx, kind, now, most)


async def decide(
    tx: OperatorTx,
    who: Principal,
    kind: Kind,
    request: UUID,
    *,
    verdict: Literal["approve", "deny"],
    digest: str,
    reason: str,
    now: datetime,
) -> Request:
    """Count one person's word on a request.

    Raises:
        Refused: FORBIDDEN for who may not decide on this one, CONFLICT when it is not open or is of another digest.
    """
    found, asker = await _found(tx, kind, request, now)
    voter = await _person(tx, who)
    against = objection(asker, voter, await tables.voters(tx, request))
    if against is not None:
        raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=against, tell=against))
    if found.state is not State.OPEN:
        raise _conflict(f"This request is {found.state}; there is nothing to decide.")
    if digest != found.digest:
        raise _conflict("The digest is not that of what was asked for; look at it again, and approve what you see.")
    await tables.insert_vote(
        tx, request, voter, Vote(voter=str(who), verdict=verdict, reason=reason, digest=digest, at=now)
    )
    yes = 1 + sum(vote.verdict == "approve" for vote in found.votes)
    if verdict == "deny":
        await tables.mark(tx, request, "denied", now)
    elif yes >= found.needed:
        await tables.mark(tx, request, "approved", now)
    return (await _found(tx, kind, request, now))[0]


async def use(tx: OperatorTx, who: Principal, kind: Kind, request: UUID, subject: Any, now: datetime) -> Request:
    """Use an approved request for exactly `subject`, once, by who asked for it.

    Raises:
        Refused: FORBIDDEN for anybody else, CONFLICT when it is not approved or is for something else.
    """
    found, asker = await _found(tx, kind, request, now)
    if (await _person(tx, who)).person != asker.person:
        tell = "Only who asked for it may use it."
        raise Refused(Refusal(kind=RefusalKind.FORBIDDEN, reason=tell, tell=tell))
    if found.state is not State.APPROVED and not (found.needed == 0 and found.state is State.OPEN):
        waiting = f": {found.needed - len(found.votes)} more to approve" if found.state is State.OPEN else ""
        raise _conflict(f"This request is {found.state}{waiting}.")
    if digest_of(subject) != found.digest:
        raise _conflict("What is to be done is not what was approved.")
    await tables.mark(tx, request, "used", now)
    return (await _found(tx, kind, request, now))[0]


async def withdraw(tx: OperatorTx, kind: Kind, request: UUID, now: datetime) -> Request:
    """Withdraw a request that was not used yet; once more changes nothing."""
    found, _ = await _found(tx, kind, request, now)
    if found.state in {State.OPEN, State.APPROVED}:
        await tables.mark(tx, request, "withdrawn", now)
    return (await _found(tx, kind, request, now))[0]


async def _found(tx: OperatorTx, kind: Kind, request: UUID, now: datetime) -> tuple[Request, Person]:
    found = await tables.one(tx, request, now)
    if found is None or found[0].kind is not kind:
        raise Refused(hidden(f"no request {request}"))
    return found


async def _person(tx: OperatorTx, who: Principal) -> Person:
    """Return who speaks. One without an account's token is known by name, and by the credential that they have."""
    found = await tables.person_of(tx, who.credential)
    return found or Person(f"named/{who.role}/{who.name}", f"credential/{who.credential}")


def _conflict(tell: str) -> Refused:
    return Refused(Refusal(kind=RefusalKind.CONFLICT, reason=tell, tell=tell))
