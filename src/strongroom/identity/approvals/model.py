"""A request, its votes, and what they come to: rules that need no database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum, unique
from hashlib import sha256
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

REVIEW_WITHIN: Final = timedelta(hours=24)
"""When somebody else is to have looked at what was in force at once."""

NEEDED: Final = 2
"""How many others have to say yes to an elevation."""


@unique
class Kind(StrEnum):
    """What is asked for."""

    ELEVATION = "elevation"
    POLICY = "policy"  # documents in Cedar
    RULES = "rules"  # all other documents
    ACCOUNT = "account"
    PROVIDER = "provider"
    CAPTURE = "capture"
    CHANNEL = "channel"  # promoting to prod, and going back
    RETENTION = "retention"  # for how long things are kept


PROPOSED: Final = frozenset({Kind.POLICY, Kind.RULES, Kind.ACCOUNT, Kind.PROVIDER, Kind.CHANNEL, Kind.RETENTION})
"""What takes one other person in production; elevations and captures take two, everywhere, and have a life of their own."""


@unique
class State(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    USED = "used"


class Vote(msgspec.Struct, frozen=True, kw_only=True):
    """What one person said, of which digest, and why."""

    voter: str
    verdict: Literal["approve", "deny"]
    reason: str
    digest: str
    at: datetime


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `digest` is of `subject`, canonically written; `about` is the tenant that it is about."""

    id: UUID
    kind: Kind
    digest: str
    subject: Any
    about: UUID | None
    tenant_name: str | None = None
    requester: str
    ticket: str
    reason: str
    needed: int
    created_at: datetime
    expires_at: datetime
    state: State
    votes: list[Vote] = []

    @property
    def review_owed(self) -> bool:
        """Whether it was done at once, without anybody else's word, and nobody else has looked at it yet."""
        return self.kind in PROPOSED and self.needed == 0 and self.state is State.USED and not self.votes


class Person(msgspec.Struct, frozen=True):
    """Who speaks: a person, and the material of the credential that they speak with."""

    person: str
    material: str


def canonical(subject: Any) -> bytes:
    """Return a document in its one spelling: JSON, names sorted, no white space."""
    return msgspec.json.encode(subject, order="sorted")


def digest_of(subject: Any) -> str:
    """Return the digest that approvals of `subject` are bound to."""
    return f"sha256:{sha256(canonical(subject)).hexdigest()}"


def objection(asker: Person, voter: Person, before: Sequence[Person]) -> str | None:
    """Return what stands against counting `voter`, given who asked and who has voted; None: nothing."""
    if voter.person == asker.person or voter.material == asker.material:
        return "Nobody decides on a request of their own."
    if any(voter.person == each.person for each in before):
        return "You have decided on this request already; it takes somebody else."
    if any(voter.material == each.material for each in before):
        return "This credential has decided on this request already, under another name."
    return None


def state_of(
    *,
    now: datetime,
    expires_at: datetime,
    denied_at: datetime | None,
    approved_at: datetime | None,
    used_at: datetime | None,
    withdrawn_at: datetime | None,
) -> State:
    """Return where a request stands at `now`. What was used stays used; else a no counts before a yes."""
    if used_at is not None:
        return State.USED
    if withdrawn_at is not None:
        return State.WITHDRAWN
    if denied_at is not None:
        return State.DENIED
    if now >= expires_at:
        return State.EXPIRED
    return State.OPEN if approved_at is None else State.APPROVED
