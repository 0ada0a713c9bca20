"""What is demanded of a release, and what it comes to."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum, unique
from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment
from strongroom.rules.approval import DEFAULTS


@unique
class Risk(StrEnum):
    """How much may go wrong with a release."""

    STANDARD = "standard"
    HIGH = "high"


@unique
class EvidenceKind(StrEnum):
    """What a piece of evidence is."""

    MANIFEST = "manifest"
    SCAN = "scan"
    SIGNATURE = "signature"
    APPROVAL = "approval"


APPROVALS: Final = {
    Risk.STANDARD: DEFAULTS["standard"],
    Risk.HIGH: DEFAULTS["high"],
}
"""How many people must have approved, where the installation's document says nothing else."""


PROVEN: Final = frozenset({"manifest", "scan", "signature", "revocation"})
"""What must be met before anybody approves."""

PROMOTABLE: Final = PROVEN | {"approval", "policy", "evaluation", "cool-off", "evidence", "publisher"}
"""What must be met before it is promoted."""


class OwnKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Whose keys count under an approval.

    Attributes:
        demanded: whether it must be the approver's own.
        trusted: ids of the own keys that count; none: every registered one.
    """

    demanded: bool = False
    trusted: frozenset[str] = frozenset()


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One piece, as it is stored: nothing of it is believed before its signature was verified."""

    kind: EvidenceKind
    statement: bytes
    account: UUID | None
    made_at: datetime


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a release comes with when it is admitted: its manifest, and statements about it.

    Attributes:
        manifest: canonical JSON.
        scan: the verdict, in a DSSE envelope.
        signature: an OMS bundle.
    """

    manifest: bytes
    scan: bytes
    signature: bytes


class Reason(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is demanded, whether it is met, and in plain words why or why not.

    Attributes:
        demand: which.
        met: whether it is met.
        because: why, or why not.
        untold: whether it is not met because it cannot be told, as where a list cannot be read.
    """

    demand: str
    met: bool
    because: str
    untold: bool = False


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a release may be deployed in an environment, for a tenant or for all, and every reason."""

    environment: Environment
    tenant: str | None
    may_serve: bool
    reasons: tuple[Reason, ...]

    def refusal(self) -> str:
        """Return in one sentence what is not met."""
        return " ".join(reason.because for reason in self.reasons if not reason.met)

    def lacks(self, demands: Collection[str]) -> str:
        """Return in one sentence what of `demands` is not met; empty: nothing."""
        return " ".join(reason.because for reason in self.reasons if not reason.met and reason.demand in demands)


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """One approval that was given, and whether it counts.

    Attributes:
        approver: whose it is; empty where that cannot be told, as then for everything else that it would say.
        environment: where.
        tenant: for which tenant, by id; None: for all.
        reason: in the approver's words.
        at: when it came.
        expires: when it ends.
        own_key: whether the approver's own key signed it, and not one that the installation derives.
        counts: whether it counts now.
        because: why not.
    """

    approver: str = ""
    environment: Environment | None = None
    tenant: str | None = None
    reason: str = ""
    at: datetime
    expires: datetime | None = None
    own_key: bool = False
    counts: bool = False
    because: str = ""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The release that is judged, as the catalogue names it."""

    digest: str
    name: str
    version: str

    @property
    def called(self) -> str:
        """Return what signatures call it."""
        return f"{self.name}@{self.version}"


class Found(NamedTuple):
    """A release that there is, and whose it is; None: the installation's."""

    subject: Subject
    owner: TenantId | None
