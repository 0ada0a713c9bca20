"""Providers as a gateway process reaches them: which may be asked now, and how.

Always true here:
- what may be routed to is asked at each request, against the clock (C11): an assessment ends by itself, a provider that
  was changed, closed to the tenant or ended is so for the next request;
- a secret is used while its lease lasts (`provider_secrets`), and put into a header field when it is sent; it has no other way out;
- a breaker watches a provider for one tenant: what one tenant's requests do to it moves nobody else's;
- a caller learns the same whatever stands against a target; the operator reads which and why in the refusal's reason.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Final
from uuid import UUID

from strongroom.gateway.breaker import Breaker, BreakerRule, State
from strongroom.gateway.exchange.asks import Ask
from strongroom.gateway.exchange.ports import EngineProtocol
from strongroom.gateway.limits.fair import FairPool
from strongroom.gateway.protocols.anthropic import Anthropic
from strongroom.gateway.protocols.compatible import Compatible, OpenAIItself, Vllm
from strongroom.gateway.protocols.oip_outside import OpenInferenceProvider
from strongroom.gateway.provider_secrets import ProviderSecrets
from strongroom.gateway.routing import in_order
from strongroom.gateway.snapshot import Route
from strongroom.gateway.ways import Credential, Target, Way
from strongroom.kernel.clock import Clock
from strongroom.kernel.ids import TenantId
from strongroom.kernel.refusal import Refusal, RefusalKind
from strongroom.providers import Engine, Networks, ProviderDocument, ProviderKind, Resolver, Secret, obstacle
from strongroom.registry import TargetDocument
from strongroom.rules.residency import Residency
from strongroom.wire import PinnedTarget, client_context
from strongroom.wire.addresses import LookUp, parse_base, system_look_up

_MAX_TRIED: Final = 3
_MAX_BREAKERS: Final = 10_000
_IDLE_S: Final = 20.0  # below what providers and their balancers keep a connection for
_log: Final = logging.getLogger(__name__)
_PLAIN: Final[Mapping[ProviderKind, EngineProtocol]] = {
    ProviderKind.OPENAI: Compatible(),
    ProviderKind.ANTHROPIC: Anthropic(),
    ProviderKind.OIP: OpenInferenceProvider(),
}
_ITSELF: Final = OpenAIItself()
_RANDOM: Final = SystemRandom()


@dataclass(frozen=True, slots=True)
class Line:
    """A provider, ready to be asked."""

    document: ProviderDocument
    pool: FairPool
    path: str
    credential: Credential | None


class Outside:
    """The providers of the installation. One thread."""

    def __init__(
        self,
        find: Callable[[UUID], ProviderDocument | None],
        secrets: ProviderSecrets,
        networks: Networks,
        clock: Clock,
        *,
        rule: BreakerRule | None = None,
        look_up: LookUp = system_look_up,
        draw: Callable[[], float] = _RANDOM.random,
    ) -> None:
        self._find = find
        self._secrets = secrets
        self._networks = networks
        self._clock = clock
        self._rule = rule or BreakerRule()
        self._look_up = look_up
        self._draw = draw
        self._lines: dict[UUID, Line | None] = {}
        self._built_of: dict[UUID, ProviderDocument] = {}
        self._breakers: dict[tuple[TenantId, UUID], Breaker] = {}

    async def ready(self, route: Route) -> None:
        """See that the secrets of a route's targets are at hand, if they can be had: the first request for one asks for it."""
        for target in route.targets:
            document = self._find(target.provider)
            if document is not None and document.secret is not None:
                await self._secrets.fetch(target.provider, document)

    def ways(self, route: Route, ask: Ask, residency: Residency, salt: Callable[[], str]) -> tuple[Way, ...] | Refusal:
        """Return the ways to the targets of `route` that may be asked now, in the order in which to try them.

        Args:
            route: a deployment of targets.
            ask: what is asked; a target that cannot be asked it exactly is left out.
            residency: where the caller's data may go.
            salt: returns what keeps the caller's prompts apart in a shared cache.
        """
        ways: list[Way] = []
        against: list[str] = []
        unsaid: Refusal | None = None
        for target in in_order(route.targets, self._draw):
            document = self._find(target.provider)
            if document is None:
                self._forget()
            no = self._against(route, target, document, residency)
            line = None if no is not None or document is None else self._line(target.provider, document)
            if document is None or line is None:
                against.append(no or f"{document.name if document else target.provider}: its secret cannot be opened")
                continue
            protocol = _protocol(document, salt)
            cannot = protocol.cannot(ask)
            if cannot is not None:
                unsaid = unsaid or cannot
                continue
            try:
                ways.append(self._way(route, target, line, protocol, ask))
            except ValueError as error:  # the registry refuses such a target; what it holds may be older than that
                against.append(f"{document.name}: {error}")
            if len(ways) == _MAX_TRIED:
                break
        if ways:
            return tuple(ways)
        return unsaid or _not_routed(against)

    def _against(
        self, route: Route, target: TargetDocument, document: ProviderDocument | None, residency: Residency
    ) -> str | None:
        """Return what stands against a target now, for the operator."""
        if document is None:
            return f"provider {target.provider}: not registered any more"
        if _closed_to(document, route.tenant):
            return f"{document.name}: not open to this tenant"
        stands = obstacle(document, self._clock.now())
        if stands is not None:
            return f"{document.name}: {stands}"
        if not residency.allows(document.region):
            allowed = ", ".join(residency.regions) or "none"
            return f"{document.name}: residency allows {allowed}, it is in {document.region}"
        return None

    def _way(self, route: Route, asked: TargetDocument, line: Line, protocol: EngineProtocol, ask: Ask) -> Way:
        target = Target(
            line.pool,
            protocol,
            asked.model,
            (),
            line.document.name,
            line.credential,
            self._breaker(route.tenant, asked.provider),
        )
        outgoing = protocol.outgoing(ask, asked.model)
        return Way(target, replace(outgoing, path=line.path + outgoing.path) if line.path else outgoing)

    def ailing(self) -> Iterator[tuple[UUID, Line, Breaker]]:
        """Yield what might be asked how it is: breakers that are not closed, before providers that requests may go to."""
        now = time.monotonic()
        for (tenant, provider), breaker in tuple(self._breakers.items()):
            document = None if breaker.state(now) is State.CLOSED else self._find(provider)
            if document is None or _closed_to(document, tenant) or obstacle(document, self._clock.now()) is not None:
                continue
            line = self._line(provider, document)
            if line is not None:
                yield provider, line, breaker

    def states(self) -> Counter[State]:
        """Return how many breakers are in which state."""
        now = time.monotonic()
        return Counter(breaker.state(now) for breaker in self._breakers.values())

    def _breaker(self, tenant: TenantId, provider: UUID) -> Breaker:
        breaker = self._breakers.get((tenant, provider))
        if breaker is None:
            if len(self._breakers) >= _MAX_BREAKERS:
                self._breakers.clear()
            breaker = self._breakers[tenant, provider] = Breaker(self._rule)
        return breaker

    def _line(self, provider: UUID, document: ProviderDocument) -> Line | None:
        """Return the line to a provider as it is registered now; None when its secret is not at hand, or does not open."""
        secret = None if document.secret is None else self._secrets.held(provider, document)
        if document.secret is not None and secret is None:
            return None  # and asked again with the next request: it may be there by then
        before = self._built_of.get(provider)
        if before is document:
            return self._lines[provider]
        old = self._lines.get(provider)
        if old is not None and before is not None and _reached_alike(before, document):
            line: Line | None = replace(old, document=document, credential=_credential(secret, document))
        else:
            # The old pool, if there is one, is let go: what is in flight there ends by itself, and idle ones run out.
            self._forget()
            line = self._built(document, secret)
        self._built_of[provider], self._lines[provider] = document, line
        return line

    def _forget(self) -> None:
        """Let go of providers that have ended, and of their secrets."""
        for provider in [each for each in self._built_of if self._find(each) is None]:
            del self._built_of[provider], self._lines[provider]

    def _built(self, document: ProviderDocument, secret: Secret | None) -> Line | None:
        try:
            place = parse_base(document.base_url)
            tls = client_context(ca_text=document.ca) if place.secure else None
        except (ValueError, OSError) as error:  # ssl.SSLError is an OSError
            _log.error("provider %s cannot be used: %s", document.name, error)
            return None
        resolver = Resolver(place, self._networks, self._look_up)
        pool = FairPool(
            PinnedTarget(place.host, place.port, resolver.addresses, tls), max_connections=256, idle_s=_IDLE_S
        )
        return Line(document, pool, place.path, _credential(secret, document))

    async def close(self) -> None:
        """Close every connection."""
        for line in self._lines.values():
            if line is not None:
                await line.pool.close()


def _credential(secret: Secret | None, document: ProviderDocument) -> Credential | None:
    if secret is None:
        return None
    if document.kind is ProviderKind.ANTHROPIC:
        return Credential(b"x-api-key", b"", secret)
    return Credential(b"authorization", b"Bearer ", secret)


def _protocol(document: ProviderDocument, salt: Callable[[], str]) -> EngineProtocol:
    if document.kind is ProviderKind.OPENAI and document.engine is Engine.VLLM:
        return Vllm(salt())
    if document.kind is ProviderKind.OPENAI and document.engine is Engine.OPENAI:
        return _ITSELF
    return _PLAIN[document.kind]


def _closed_to(document: ProviderDocument, tenant: TenantId) -> bool:
    return document.open_to is not None and tenant not in document.open_to


def _reached_alike(one: ProviderDocument, other: ProviderDocument) -> bool:
    names = ("kind", "base_url", "ca", "secret", "secret_version")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _not_routed(against: list[str]) -> Refusal:
    return Refusal(
        kind=RefusalKind.UNAVAILABLE,
        reason="; ".join(against),
        tell="The model is not available at the moment. Try again shortly.",
        audited=True,
    )
