"""Ways to an engine: where a request may be sent, and what it looks like there."""

from __future__ import annotations

from collections.abc import Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from strongroom.gateway.breaker import Breaker
from strongroom.gateway.exchange.ports import EngineProtocol, Outgoing
from strongroom.gateway.limits.fair import FairPool
from strongroom.providers import Secret
from strongroom.wire import Headers, Response

LOCAL = "local"
"""What this machine's own workers are called, where a provider would have its name."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a provider is asked with: a header field whose value is put together when it is sent, and shown nowhere."""

    name: bytes
    scheme: bytes
    secret: Secret

    @property
    def field(self) -> tuple[bytes, bytes]:
        """The header field, for the wire."""
        return self.name, self.scheme + self.secret.reveal()


@dataclass(frozen=True, slots=True)
class Target:
    """An engine that serves a deployment.

    Attributes:
        pool: how it is reached.
        protocol: how it is asked and answers.
        model: what it calls the model.
        headers: what is sent besides the protocol's own: who asks, as a worker may know it.
        name: as records and metrics call it: a provider's name, or `local` for this machine's workers.
        credential: what a provider is asked with.
        breaker: what watches a provider, for one tenant.
    """

    pool: FairPool
    protocol: EngineProtocol
    model: str
    headers: Headers
    name: str = LOCAL
    credential: Credential | None = None
    breaker: Breaker | None = field(default=None, repr=False)


class Way(Struct, frozen=True):
    """A target, and the request written for it. A struct, because one is made for every request."""

    target: Target
    outgoing: Outgoing

    def ask(self, party: Hashable, timeout_s: float) -> Coroutine[Any, Any, Response]:
        """Send the request when it is `party`'s turn, the secret with it; see `FairPool.open_for`."""
        target, outgoing = self.target, self.outgoing
        return target.pool.open_for(
            party,
            outgoing.method,
            outgoing.path,
            (*outgoing.headers, *target.headers),
            outgoing.body,
            timeout_s=timeout_s,
            secret=None if target.credential is None else target.credential.field,
        )
