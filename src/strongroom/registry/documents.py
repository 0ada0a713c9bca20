"""What the registry publishes to the feed for the gateways. Fields are only added; golden files hold the bytes."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry.model import Digest, Operation
from strongroom.registry.prompts.model import PinnedDocument

DEPLOYMENT: Final = "deployment"
REVOKED: Final = "revoked-release"
"""A release that may serve nowhere any more; the entry's id is its digest."""


STOPPED: Final = "stopped-deployment"
"""A deployment that lacks what is demanded of it; the entry's id is the deployment's, its tenant the owner."""

SIGNER: Final = "signer:"
"""Before the id of a signer of whom nothing counts any more, in an entry of revocation: what it approved is judged again."""


class StoppedDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="stopped-deployment/1"):
    """A deployment that is not to be asked while it serves `release`: what is demanded of that is not met."""

    release: Digest


class RevokedDocument(msgspec.Struct, frozen=True, kw_only=True, tag_field="v", tag="revoked-release/1"):
    """Why a release may serve nowhere any more."""

    reason: str


class TargetDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that answers for a deployment, by id. Fields as in `Target`."""

    provider: UUID
    model: str
    weight: int
    fallback: int


class RouteDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="v", tag="deployment/1"):
    """A deployment that may be asked. The feed entry's id is the deployment's, its tenant the owner.

    It has a release on workers here, or targets outside.
    """

    environment: Environment
    name: str
    release: Digest | None = None
    kind: Operation
    created: int
    """Unix seconds, as `models.list` shows them."""
    targets: tuple[TargetDocument, ...] = ()
    prompt: PinnedDocument | None = None
    """What the model is told before anybody's request, sealed to this deployment."""
    own: bool = False
    """Whether the release is one of the tenant's own; its worker is then this tenant's alone."""
    brought: bool = False
    """Whether somebody brought the release, so that its worker is started because of this deployment."""
