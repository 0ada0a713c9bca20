"""A capture session, from the request to its end, and what was captured."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum, unique
from typing import Final
from uuid import UUID

import msgspec

from strongroom.identity.approvals import State, Vote
from strongroom.kernel.principal import Environment

MAX_MINUTES: Final = 60
MAX_OCTETS: Final = 64 * 2**20
WHOLE: Final = 10_000
"""The share that is every request."""
PIECE: Final = 384 * 1024
"""Bytes that are kept of a request, and of an answer."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Exactly what is asked for: this is what approvals are bound to. `share`: of 10,000 requests; `workload` empty: any."""

    tenant: UUID
    environment: Environment
    model: str
    workload: str = ""
    share: int
    minutes: int
    octets: int
    ticket: str
    reason: str
    requester: str


@unique
class Phase(StrEnum):
    """Where a session stands."""

    OPEN = "open"  # waits for approval
    APPROVED = "approved"  # both have said yes, and it could not begin yet: approve it again
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    ACTIVE = "active"
    STOPPED = "stopped"
    ENDED = "ended"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session as its tenant sees it."""

    id: UUID
    phase: Phase
    environment: Environment
    model: str
    workload: str
    share: int
    octets_most: int
    requester: str
    ticket: str
    reason: str
    approved_by: str
    began_at: datetime
    ends_at: datetime
    stopped_at: datetime | None
    stopped_by: str | None
    stopped_reason: str | None
    entries: int
    octets: int


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a session as those who decide see it."""

    id: UUID
    phase: Phase
    tenant: UUID
    environment: Environment
    model: str
    workload: str
    share: int
    minutes: int
    octets_most: int
    requester: str
    ticket: str
    reason: str
    digest: str
    approvals: int
    needed: int
    votes: list[Vote]
    created_at: datetime
    decide_by: datetime


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """What was captured, without what it says."""

    id: UUID
    at: datetime
    request_id: str
    octets: int


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """What was captured: a request as it came and its answer as it was told; each is cut at 384 KiB."""

    request_id: str
    endpoint: str
    workload: str
    key: str
    status: int
    request: str
    answer: str
    cut: bool = False


def phase_of(state: State, *, begun: bool, stopped: bool, ends_at: datetime | None, now: datetime) -> Phase:
    """Return where a session stands whose request stands at `state`."""
    if not begun or ends_at is None:
        return Phase.APPROVED if state is State.USED else Phase(state.value)
    if stopped:
        return Phase.STOPPED
    return Phase.ACTIVE if now < ends_at else Phase.ENDED
