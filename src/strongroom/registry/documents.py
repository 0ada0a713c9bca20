"""What the registry publishes to the feed for the gateways. Fields are only added; golden files hold the bytes."""

from __future__ import annotations

from typing import Final

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry.model import Digest, Operation

DEPLOYMENT: Final = "deployment"


class RouteDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="deployment/1"):
    """A deployment that may be asked. The feed entry's id is the deployment's, its tenant the owner."""

    environment: Environment
    name: str
    release: Digest
    kind: Operation
    created: int
    """Unix seconds, as `models.list` shows them."""
