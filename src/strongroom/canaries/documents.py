"""What the canaries room publishes to the feed for the gateways. Fields are only added; golden files hold the bytes."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

CANARY: Final = "canary"


class CanaryDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag="canary/1"):
    """A canary as gateways look for it. The feed entry's id is the canary's; it belongs to its tenant.

    Attributes:
        word: what was planted.
        label: what it is called.
        deployment: in whose instructions it is planted now; None: in a document, or no more.
        until: until when it is recognised at least, in Unix seconds, as another took its place; None: it is planted. It is
            withdrawn with the first change to the tenant's canaries after that.
    """

    word: str
    label: str
    deployment: UUID | None = None
    until: float | None = None

    def __repr__(self) -> str:
        """Show no word."""
        return f"CanaryDocument({self.label})"
