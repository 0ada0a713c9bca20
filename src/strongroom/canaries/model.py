"""The values of planted canaries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from strongroom.kernel.principal import Environment

KEEP_DAYS: Final = 90
"""For how many days a canary is recognised after its successor was planted, if nobody says otherwise."""
MOST: Final = 1000
"""Canaries of one tenant that are recognised at a time."""

Label: TypeAlias = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[ -~]+$(?!\n)")]
KeepDays: TypeAlias = Annotated[int, Meta(ge=1, le=3660)]
Where: TypeAlias = Literal["instructions", "document"]


class PlantedCanary(msgspec.Struct, frozen=True, kw_only=True):
    """One canary.

    Attributes:
        id: what it is told by.
        where: in the instructions of a deployment, or in a document.
        label: the document's name; for a deployment its name.
        environment: of the deployment.
        deployment: its id.
        word: what was planted.
        status: planted, still recognised though another took its place, or recognised no more.
    """

    id: UUID
    where: Where
    label: str
    environment: Environment | None
    deployment: UUID | None
    word: str
    status: Literal["planted", "recognised", "ended"]
    planted_at: datetime
    planted_by: str
    retired_at: datetime | None = None
    recognised_until: datetime | None = None
