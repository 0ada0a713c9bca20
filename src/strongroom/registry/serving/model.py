"""The values of what deployments lack that serve."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import msgspec

from strongroom.kernel.clock import rfc3339
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment

LAPSED: Final = "serving-lapsed"
STOPPED: Final = "serving-stopped"
"""Signals of the entries that tell of it; each opens an incident."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that serves a release here."""

    tenant: TenantId
    deployment: UUID
    environment: Environment
    name: str
    digest: str

    @property
    def called(self) -> str:
        """Return what people call it within its tenant."""
        return f"{self.environment}/{self.name}"


class Lack(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment lacks.

    Attributes:
        digest: of the release that it serves.
        state: whether it goes on (`told`), or is `stopped`.
        because: what is lacking, in sentences.
        since: by each grace that is counted, when that began.
        first_at: when the first thing was found to be lacking.
        until_at: when it is stopped, or was to be; None: it is only told of.
    """

    digest: str
    state: Literal["told", "stopped"]
    because: str
    since: Mapping[str, datetime]
    first_at: datetime
    until_at: datetime | None

    @property
    def said(self) -> str:
        """Return it in a sentence."""
        if self.state == "stopped":
            return f"It is stopped since {rfc3339(self.until_at or self.first_at)}: {self.because}"
        until = "" if self.until_at is None else f", until {rfc3339(self.until_at)}"
        return (
            f"It serves, though not all that is demanded is met, since {rfc3339(self.first_at)}{until}: {self.because}"
        )


class Serves(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A deployment that lacks something, as `explain` tells it; `until`: when it is stopped, if at all."""

    tenant: UUID
    environment: Environment
    deployment: str
    state: Literal["told", "stopped"]
    because: str
    since: datetime
    until: datetime | None = None
    said: str = ""
