"""The values of the providers room, and the one rule by which a provider may be routed to (C11)."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum, unique
from typing import Annotated, Protocol
from uuid import UUID

import msgspec
from msgspec import Meta

Region = Annotated[
    str, Meta(pattern=r"^[a-z]{2,16}(-[a-z0-9]{1,16}){0,3}$(?!\n)", max_length=64, examples=["eu-central"])
]
"""Where a provider keeps and handles what it is sent, in the operator's own words; compared letter by letter."""


@unique
class ProviderKind(StrEnum):
    """The protocol that a provider speaks."""

    OPENAI = (
        "openai"  # chat completions, completions, embeddings, moderations; also vLLM, Ollama, llama-server, Ray Serve
    )
    ANTHROPIC = "anthropic"  # messages
    OIP = "oip"  # Open Inference Protocol v2 over REST: Triton, KServe


@unique
class Engine(StrEnum):
    """What stands behind the protocol `openai`, where that makes a difference to what it is sent."""

    OPENAI = "openai"  # a bound is `max_completion_tokens`
    VLLM = "vllm"  # its prompt cache is shared: each workload gets a `cache_salt` of its own
    OTHER = "other"  # a bound is `max_tokens`, and nothing else is said than the protocol has


class Assessed(Protocol):
    """What is known of a provider's standing."""

    @property
    def region(self) -> str | None:
        """Where it handles what it is sent."""
        ...

    @property
    def agreement(self) -> str | None:
        """The agreement's id, in whatever system keeps it."""
        ...

    @property
    def assessed_on(self) -> date | None:
        """The day of the last assessment, UTC."""
        ...

    @property
    def assessed_until(self) -> date | None:
        """The last day on which it counts, UTC."""
        ...


def obstacle(provider: Assessed, now: datetime) -> str | None:
    """Return why nothing is routed to `provider` at `now` (aware, UTC), for the operator; None: nothing stands against it.

    Asked at each request, not once: an assessment ends by itself.
    """
    today = now.date()
    if provider.assessed_on is None or provider.assessed_until is None:
        return "not routed to: no assessment"
    if today < provider.assessed_on:
        return f"not routed to: assessment begins {provider.assessed_on}"
    if today > provider.assessed_until:
        return f"not routed to: assessment ended {provider.assessed_until}"
    if not provider.agreement:
        return "not routed to: no agreement"
    if not provider.region:
        return "not routed to: no region"
    return None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as an operator sees it: everything but its secret.

    Attributes:
        base_url: scheme, host, port and path before the protocol's own; no trailing slash, and no `/v1`.
        ca: PEM of the authorities to trust instead of the system's.
        has_secret: whether it is asked with one.
        open_to: ids of the tenants whose deployments may name it; None: all.
        owner: who answers for this subprocessor.
        obstacle: why nothing is routed to it now; None: it may be.
    """

    id: UUID
    name: str
    kind: ProviderKind
    engine: Engine
    base_url: str
    ca: str | None
    has_secret: bool
    open_to: list[UUID] | None
    region: str | None
    agreement: str | None
    assessed_on: date | None
    assessed_until: date | None
    owner: str
    version: int
    created_at: datetime
    changed_at: datetime
    obstacle: str | None = None


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A provider as a tenant sees it: whom its data would go to, and where; neither address nor secret."""

    name: str
    kind: ProviderKind
    region: str | None
    owner: str
    assessed_on: date | None
    assessed_until: date | None
    routed: bool


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that a tenant's deployment may name."""

    id: UUID
    name: str
    kind: ProviderKind
