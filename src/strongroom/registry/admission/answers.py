"""What admission answers, and what a judgement is made around."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.registry.admission import manifest as manifests
from strongroom.registry.admission.demanded import Policy
from strongroom.registry.admission.model import Found, Risk, Standing, Subject
from strongroom.registry.admission.ownkeys import Certificate
from strongroom.registry.channels.client import Untrusted
from strongroom.registry.channels.model import Content
from strongroom.registry.evidence.model import Outside
from strongroom.registry.serving.model import Serves
from strongroom.store import OperatorTx, TenantTx


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A release with its files, and its standing in each environment."""

    digest: str
    name: str
    version: str
    files: tuple[manifests.File, ...]
    standing: tuple[Standing, ...]
    tenant: UUID | None = None
    """Whose own it is; None: the installation's."""
    serving: tuple[Serves, ...] = ()
    """Deployments that lack something of what is demanded, and go on or are stopped; of a tenant's view, its own."""


class Admitted(NamedTuple):
    """A release that may serve: whose it is (None: the installation's), and its files."""

    subject: Subject
    owner: TenantId | None
    manifest: manifests.Manifest


class Proved(NamedTuple):
    """What a release's newest verdict is about."""

    manifest: manifests.Manifest
    author: str
    risk: Risk
    provenance: Mapping[str, str]


class Around(NamedTuple):
    """What is the same for every release that is judged at a moment."""

    approvers: frozenset[UUID]
    channels: dict[Environment, Content | Untrusted]
    revocations: Content | Untrusted
    own: dict[UUID, list[Certificate]]
    policy: Policy


class Others(Protocol):
    """Tells what others' evidence there is (`EvidenceReader`)."""

    async def outside(self, tx: OperatorTx | TenantTx, found: Found) -> Outside:
        """Return what there is about a release, and about the installation that would serve it."""
        ...
