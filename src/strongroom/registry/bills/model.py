"""What a document about a release is made of."""

from __future__ import annotations

from datetime import datetime

import msgspec

from strongroom.kernel.principal import Environment
from strongroom.registry.admission.manifest import File
from strongroom.registry.admission.model import Risk, Standing
from strongroom.registry.evaluations.model import Evaluated
from strongroom.registry.model import Format, Operation


class ScanFact(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict whose signature holds.

    Attributes:
        passed: whether it is clean.
        ruleset: the digest of the rules it was scanned by.
        current: whether those are today's.
        signer: the id of the scanner's key.
    """

    passed: bool
    ruleset: str
    current: bool
    signer: str


class ApprovalFact(msgspec.Struct, frozen=True, kw_only=True):
    """An approval whose signature holds, whether or not it counts now."""

    approver: str
    environment: Environment
    expires: datetime
    for_one_tenant: bool
    signer: str


class ChannelFact(msgspec.Struct, frozen=True, kw_only=True):
    """Where a release is promoted, as the channel's own metadata says."""

    environment: Environment
    current: bool
    by: str
    at: datetime


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a release.

    Attributes:
        digest: of its manifest.
        name: of it.
        version: of it.
        kind: what it can be asked for.
        format: how its weights are written.
        bytes: of all files.
        source: where it came from, in the words of who brought it.
        author: who brought it; null: nobody's verdict says.
        risk: as the newest verdict says; null: none holds.
        own: whether it is a tenant's own.
        files: of the manifest.
        scan: the newest verdict that holds.
        signers: keys whose model signature over exactly these files holds.
        approvals: those whose signatures hold, newest first.
        channels: where it is promoted.
        evaluations: those of the tenant that count now.
        standing: whether it may serve where, and why.
        at: when all this was so.
    """

    digest: str
    name: str
    version: str
    kind: Operation
    format: Format
    bytes: int
    source: str
    author: str | None
    risk: Risk | None
    own: bool
    files: tuple[File, ...]
    scan: ScanFact | None
    signers: tuple[str, ...]
    approvals: tuple[ApprovalFact, ...]
    channels: tuple[ChannelFact, ...]
    evaluations: tuple[Evaluated, ...]
    standing: tuple[Standing, ...]
    at: datetime

    @property
    def called(self) -> str:
        """Return what people call it."""
        return f"{self.name}@{self.version}"
