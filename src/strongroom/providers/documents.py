"""What the providers room publishes to the feed for the gateways. Fields are only added; golden files hold the bytes."""

from __future__ import annotations

from datetime import date
from typing import Final
from uuid import UUID

import msgspec

from strongroom.providers.model import Engine, ProviderKind

PROVIDER: Final = "provider"


class ProviderDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="provider/1"):
    """A provider as gateways reach it. The feed entry's id is the provider's; it belongs to the installation.

    `secret` is sealed (`providers.secrets`); other fields as in `Provider`.
    """

    name: str
    kind: ProviderKind
    engine: Engine
    base_url: str
    ca: str | None
    secret: bytes | None
    secret_version: int
    open_to: tuple[UUID, ...] | None
    region: str | None
    agreement: str | None
    assessed_on: date | None
    assessed_until: date | None

    def __repr__(self) -> str:
        """Name the provider only."""
        return f"ProviderDocument({self.name})"
