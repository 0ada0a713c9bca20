"""What is answered about channels."""

from __future__ import annotations

from datetime import datetime

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry.channels.model import Channel, Freeze, Promoted, Revoked


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel is.

    Attributes:
        channel: which.
        usable: whether anything is admitted by it now.
        trouble: why not; empty otherwise.
        version: of its list.
        fresh_until: when its timestamp ends, unless it is signed anew.
        promoted: how many releases it names.
        frozen: how many things are frozen in it.
        revoked: how many things it revokes.
    """

    channel: Channel
    usable: bool
    trouble: str
    version: int | None = None
    fresh_until: datetime | None = None
    promoted: int = 0
    frozen: int = 0
    revoked: int = 0


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A channel, with all that it says; tenants by their names where they live."""

    status: Status
    promoted: tuple[Promoted, ...]
    frozen: tuple[Freeze, ...]
    revoked: tuple[Revoked, ...]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that going back concerns.

    Attributes:
        tenant: whose, by name.
        environment: where.
        name: of the deployment.
        moved: whether it serves the older release now; of a drill: whether it would.
        because: why not.
    """

    tenant: str
    environment: Environment
    name: str
    moved: bool
    because: str = ""


class WentBack(msgspec.Struct, frozen=True, kw_only=True):
    """What going back came to.

    Attributes:
        environment: where.
        left: the release that was promoted last, as NAME@VERSION.
        now: the release that is promoted now; of a drill: that would be.
        drill: whether nothing was changed.
        deployments: those that served what was left.
        milliseconds: how long it took.
    """

    environment: Environment
    left: str
    now: str
    drill: bool
    deployments: tuple[Moved, ...]
    milliseconds: int


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """What a revocation stops.

    Attributes:
        revoked: what is revoked.
        releases: digests of the releases that may serve nowhere any more.
        deployments: those that served one of them: their requests are refused from now on.
    """

    revoked: Revoked
    releases: tuple[str, ...]
    deployments: tuple[Moved, ...]
