"""The stages of a request as types: each holds the one before it, so holding one proves that all before it were passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from strongroom.gateway.snapshot import Route
from strongroom.gateway.surface import Match
from strongroom.kernel.principal import Principal
from strongroom.wire import Pool, Request


@dataclass(frozen=True, slots=True)
class Received:
    """A well-formed HTTP request to an endpoint that exists. Nobody is known yet."""

    request: Request
    match: Match
    id: UUID
    request_id: str  # the same, as the caller is told it
    started: float  # CLOCK_BOOTTIME, seconds


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The key was checked against a snapshot whose lease was valid at that moment."""

    received: Received
    principal: Principal


@dataclass(frozen=True, slots=True)
class Admitted:
    """The body could be read, and policy lets this principal ask this deployment."""

    authenticated: Authenticated
    body: Any  # a request struct of the dialect
    route: Route


@dataclass(frozen=True, slots=True)
class Screened:
    """What is asked for lies within the limits and features that are open to callers."""

    admitted: Admitted
    max_output_tokens: int


@dataclass(frozen=True, slots=True)
class Routed:
    """The worker is chosen, and the request written anew for it."""

    screened: Screened
    pool: Pool
    path: str
    body: bytes
    caller: bytes  # who asks, as a worker may know it


@dataclass(frozen=True, slots=True)
class Relayed:
    """The answer has left, whole or in part; only figures of it remain."""

    status: int
    input_tokens: int = 0
    output_tokens: int = 0
    reason: str = ""
