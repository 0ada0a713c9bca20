"""An elevation, from the request to its review."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity.approvals import State, Vote

MAX_MINUTES: Final = 60
MAX_GLASS_MINUTES: Final = 30
REVIEW_WITHIN: Final = timedelta(hours=24)


@unique
class Phase(StrEnum):
    """Where an elevation stands."""

    OPEN = "open"  # waits for approval
    APPROVED = "approved"  # waits to be begun
    DENIED = "denied"
    EXPIRED = "expired"  # nobody decided or began it in time
    WITHDRAWN = "withdrawn"
    ACTIVE = "active"
    ENDED = "ended"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly what is asked for: this is what approvals are bound to."""

    tenant: UUID
    actions: tuple[str, ...]
    minutes: int
    ticket: str
    reason: str
    requester: str
    break_glass: bool = False


class Elevated(msgspec.Struct, frozen=True, kw_only=True):
    """An elevation as it is shown. `review_owed`: the glass was broken and nobody has reviewed it yet."""

    id: UUID
    phase: Phase
    requester: str
    tenant: UUID
    tenant_name: str | None
    actions: tuple[str, ...]
    minutes: int
    ticket: str
    reason: str
    digest: str
    approvals: int
    needed: int
    votes: list[Vote]
    created_at: datetime
    decide_by: datetime
    break_glass: bool
    begun_at: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    ended_reason: str | None = None
    key_id: str | None = None
    review_due_at: datetime | None = None
    reviewed_at: datetime | None = None
    reviewer: str | None = None
    review: str | None = None
    review_owed: bool = False


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An elevation that began, with its token: shown this once."""

    elevation: Elevated
    token: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Show no token."""
        return f"Begun({self.elevation.id})"


def phase_of(state: State, *, now: datetime, begun: bool, ends_at: datetime | None, ended: bool) -> Phase:
    """Return where an elevation stands whose request stands at `state`."""
    if not begun:
        # A request that was used and never began is one whose token could not be made; its use is spent.
        return Phase.ENDED if state is State.USED else Phase(state.value)
    return Phase.ENDED if ended or ends_at is None or now >= ends_at else Phase.ACTIVE
