"""Which models there are and who serves which: releases by digest, deployments by tenant and environment.

Always true here:
- a release is named by the digest of its manifest and never changes; a name and version point at one digest for good;
- a deployment names a release by digest, so nothing mutable ever serves; or it names providers, whose models are theirs
  to keep as they say: no digest stands for what answers there, and the record of a request has none;
- what the gateways route by is published in the transaction that changes it.

- a release is deployed only where `admission/` says that it may be: scanned, signed and approved, each by a statement whose
  signature holds, and promoted in the environment's channel (`channels/`); what is revoked serves nowhere.

- what a deployment tells its model first is a release too (`prompts/`): approved, and pinned by digest.

`scan/` looks at a release's files and `oms/` signs them; both need nothing else of this room.
"""

from strongroom.registry.documents import (
    DEPLOYMENT,
    REVOKED,
    STOPPED,
    RevokedDocument,
    RouteDocument,
    StoppedDocument,
    TargetDocument,
)
from strongroom.registry.model import Deployment, Operation, Release, Target, in_path
from strongroom.registry.service import Registry

__all__ = [
    "DEPLOYMENT",
    "REVOKED",
    "STOPPED",
    "Deployment",
    "Operation",
    "Registry",
    "Release",
    "RevokedDocument",
    "RouteDocument",
    "StoppedDocument",
    "Target",
    "TargetDocument",
    "in_path",
]
