"""The stages of a request as types: each holds the one before it, so holding one proves that all before it were passed.

Structs, because one of each is made for every request: a frozen dataclass sets its fields one by one and takes three times as long.
"""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from strongroom.gateway.exchange.answers import Usage
from strongroom.gateway.exchange.asks import Ask
from strongroom.gateway.exchange.ports import Decoded
from strongroom.gateway.fronting import SystemPrompt
from strongroom.gateway.guard import Guard
from strongroom.gateway.limits.ledger import Reservation
from strongroom.gateway.recording import ClosedAs, Recording
from strongroom.gateway.snapshot import Route
from strongroom.gateway.surface import Match
from strongroom.gateway.ways import Target, Way
from strongroom.kernel.principal import Principal
from strongroom.kernel.refusal import Refusal
from strongroom.rules import Terms
from strongroom.wire import Request


class Received(Struct, frozen=True):
    """A well-formed HTTP request to an endpoint that exists. Nobody is known yet."""

    request: Request
    match: Match
    id: UUID
    request_id: str  # the same, as the caller is told it
    started: float  # CLOCK_BOOTTIME, seconds


class Authenticated(Struct, frozen=True):
    """The key was checked against a snapshot whose lease was valid at that moment."""

    received: Received
    principal: Principal


class Admitted(Struct, frozen=True):
    """The body could be read, and policy lets this principal ask this deployment."""

    authenticated: Authenticated
    decoded: Decoded
    route: Route
    terms: Terms  # what holds for this principal and this deployment: `terms.of(DISCLOSURE)` and so on
    subject: str = ""  # the pseudonym of whose data it is about; empty: it did not say
    tokens: bytes = b""  # what tokens of the conversation stand for that the ask goes on from, sealed
    brought: int = 0  # bytes of a kept conversation that the ask goes on from, beyond the request's own body
    prompt: SystemPrompt | None = None  # the deployment's own, opened


class Screened(Struct, frozen=True):
    """What is asked for lies within the limits and features that are open to this caller."""

    admitted: Admitted
    ask: Ask  # as it was decoded, and bounded
    recording: Recording  # opened
    reservation: Reservation  # of what it may use at most
    guard: Guard  # looked at the ask, and looks at the answer
    own: object  # what the dialect kept of the request, as it may be told again


class Routed(Struct, frozen=True):
    """The engines that may be asked are known, and the request written anew for each; once one answers, it is the only."""

    screened: Screened
    ways: tuple[Way, ...]

    @property
    def target(self) -> Target:
        """The engine that answers, or is asked first."""
        return self.ways[0].target


class Relayed(Struct, frozen=True):
    """The answer has left, whole or in part; only figures of it remain."""

    routed: Routed
    status: int
    usage: Usage
    outcome: ClosedAs
    reason: str = ""
    no: Refusal | None = None  # what ended the answer half-way


class Recorded(Struct, frozen=True):
    """What happened is written down, or on its way to be."""

    relayed: Relayed
