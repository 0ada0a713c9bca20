"""Values of people's requests, and the rules that need no database."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

CLOCK: Final = timedelta(days=30)
"""How long a request may take: one month (GDPR art. 12 §3), counted as thirty days so that no month is too long."""

WHY_NOT: Final = "refused-for"
WHY_HELD: Final = "held-for"
"""What sealed words are bound to, beside their request or hold."""

NameText: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=256, description="As requests named the person, or the pseudonym (`sub_…`).")
]
TicketText: TypeAlias = Annotated[str, Meta(max_length=64, examples=["DSR-2026-117"])]


@unique
class RequestKind(StrEnum):
    """What is asked for."""

    EXPORT = "export"  # access: see what is kept (GDPR art. 15)
    ERASE = "erase"  # erasure (GDPR art. 17)
    OFFBOARD = "offboard"  # everything of a tenant that has ended


@unique
class State(StrEnum):
    """Where a request stands."""

    REQUESTED = "requested"
    IN_WORK = "in-work"  # confirmed, or begun and not ended well
    DONE = "done"
    REFUSED = "refused"


@unique
class HoldKind(StrEnum):
    """Why somebody's data stays although they want it erased."""

    HOLD = "hold"  # a legal hold: until somebody releases it
    EXCEPTION = "exception"  # until it expires


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A person's request, with its clock. `days_left` is negative for one that is overdue, and null for one that has ended."""

    id: UUID
    kind: RequestKind
    subject: str | None
    state: State
    ticket: str
    requested_by: str
    requested_at: datetime
    due_at: datetime
    days_left: int | None
    overdue: bool
    confirmed_by: str | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    refused_for: str | None
    verdict: str | None
    reason: str | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Why a person's data, or everybody's in the tenant (`subject` null), is not erased. `reason` null: it went with the person."""

    id: UUID
    subject: str | None
    kind: HoldKind
    owner: str
    reason: str | None
    until: datetime | None
    set_by: str
    set_at: datetime
    released_at: datetime | None
    active: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place where data of a person may stand, and how much there is."""

    name: str
    tables: list[str]
    found: int


def days_left(due_at: datetime, now: datetime) -> int:
    """Return how many whole days are left, negative when it is overdue."""
    return (due_at - now) // timedelta(days=1)
