"""What a request to the control API may carry about a provider. A field that is not named here is refused.

A secret comes in `secret` and goes out nowhere: no answer, log or error has it.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.identity.bodies import NameText, OwnerText
from strongroom.providers.model import Engine, ProviderKind, Region
from strongroom.providers.secrets import MAX_SECRET_BYTES

BaseUrl: TypeAlias = Annotated[str, Meta(min_length=8, max_length=512, examples=["https://api.example.com/v1"])]
Agreement: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100, examples=["DPA-2026-014"])]
Pem: TypeAlias = Annotated[str, Meta(min_length=1, max_length=32768, description="PEM of the authorities to trust.")]
SecretText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_SECRET_BYTES)]
TenantText: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63)]
Tenants: TypeAlias = Annotated[list[TenantText], Meta(max_length=1000, description="Tenants by name or id.")]
_LINES: Final = ("name", "base_url", "agreement", "owner", "region")


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of both bodies."""

    def __post_init__(self) -> None:
        """Refuse text that is not one printable line, and days in the wrong order.

        Raises:
            ValueError: naming the field, never its value.
        """
        for name in _LINES:
            text = getattr(self, name, None)
            if text is not None and (not text.isprintable() or not text.strip()):
                raise ValueError(f"`{name}` is one line of printable text")

    def __repr__(self) -> str:
        """Show no field: one of them is a secret."""
        return f"{type(self).__name__}()"


class RegisterProvider(_Body, frozen=True, kw_only=True):
    """A provider to be. Without `open_to` it is open to every tenant; without the rest it is registered, not routed to.

    `approved`: in production, the proposal of exactly this that somebody else has approved.
    """

    name: NameText
    kind: ProviderKind
    base_url: BaseUrl
    owner: OwnerText
    engine: Engine = Engine.OTHER
    ca: Pem | None = None
    secret: SecretText | None = None
    open_to: Tenants | None = None
    region: Region | None = None
    agreement: Agreement | None = None
    assessed_on: date | None = None
    assessed_until: date | None = None
    approved: UUID | None = None


class ChangeProvider(_Body, frozen=True, kw_only=True):
    """What changes of a provider; what is left out stays.

    With another `base_url` the secret must be given anew: a stored one is never sent to a new address. `open_to_all`
    takes the place of `open_to`. `approved`: as for one to be.
    """

    base_url: BaseUrl | None = None
    owner: OwnerText | None = None
    engine: Engine | None = None
    ca: Pem | None = None
    secret: SecretText | None = None
    open_to: Tenants | None = None
    open_to_all: bool = False
    region: Region | None = None
    agreement: Agreement | None = None
    assessed_on: date | None = None
    assessed_until: date | None = None
    approved: UUID | None = None
