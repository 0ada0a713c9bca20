"""Who is asking: made by the identity room from a verified credential, passed on as proof.

Never ambient and never built from what a request says about itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId


@unique
class Environment(StrEnum):
    """Where a workload lives; the three share no identity, key or worker."""

    DEV = "dev"
    TEST = "test"
    PROD = "prod"


@unique
class Role(StrEnum):
    """What a principal is for; a credential holds exactly one."""

    OPERATOR = "operator"  # runs the installation
    APPROVER = "approver"  # says yes to releases and elevations
    TENANT_ADMIN = "tenant-admin"  # administers one tenant
    AUDITOR = "auditor"  # reads the installation and every tenant, until an agreed day
    TENANT_AUDITOR = "tenant-auditor"  # reads one tenant, until an agreed day
    INFERENCE = "inference"  # a workload that asks models
    EVALUATION = "evaluation"  # a workload that measures models
    INGESTION = "ingestion"  # a workload that brings data in
    TRAINING = "training"  # a workload that reads training data and makes releases of it
    SUPPORT = "support"  # a workload that serves tickets: it sees that a thing is there, never what was said
    NOTEBOOK = "notebook"  # a person's interactive session: semi-trusted, never in prod
    DELIVERY = "delivery"  # a link that hands a key over, once

    @property
    def is_workload(self) -> bool:
        """Whether this role is one that a workload can have."""
        return self in WORKLOAD_ROLES

    @property
    def is_placed(self) -> bool:
        """Whether who has it stands in one environment of one tenant: a workload, or a delivery of a workload's key."""
        return self in WORKLOAD_ROLES or self is Role.DELIVERY


WORKLOAD_ROLES: Final = frozenset(
    {Role.INFERENCE, Role.EVALUATION, Role.INGESTION, Role.TRAINING, Role.SUPPORT, Role.NOTEBOOK}
)
"""What a workload may be for. A key holds one of them: one that could do three things does one."""


@unique
class Proof(StrEnum):
    """How a caller shows that it holds the key that its credential is bound to."""

    DPOP = "dpop"  # a signed proof with each request (RFC 9449)
    MTLS = "mtls"  # the certificate of the connection (RFC 8705)
    SIGNATURE = "signature"  # a signature over each request, body and all (RFC 9421)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The key that a credential is bound to (`cnf`, RFC 7800): without proof of it, the credential is worth nothing.

    `thumbprint` has 32 bytes: SHA-256 of the public key as RFC 7638 has it, of the certificate, or of a
    registered signer's SubjectPublicKeyInfo, whose first half is the signer's id.
    """

    proof: Proof
    thumbprint: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Elevation:
    """Power that was asked for and approved: one tenant, these actions, until its credential ends.

    Attributes:
        id: the request that it was approved by.
        ticket: what it is for; each act under it is recorded with this.
        tenant: the one tenant that it reaches.
        actions: the verbs that it covers.
        break_glass: whether nobody had to approve it, and somebody was paged instead.
    """

    id: str
    ticket: str
    tenant: TenantId
    actions: frozenset[str]
    break_glass: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A verified caller.

    `replaced_by`, `replaced_at` and `retires_at` (Unix seconds) are set while its credential has a successor and still counts.
    `elevation` is set for a credential that was made for one, and which does nothing besides.
    `signed_on`: a person who signed on with their own provider; `proven_at`: when (Unix seconds) they proved who they are, if
    that is known. `bound`: its credential has bindings, which hold at each use; `models`: the only ones it may ask, where it is bound to some.
    `tenant` is None for accounts of the installation. `environment` and `workload` are set for those that are
    placed (`Role.is_placed`). Where `confirmation` is set, whoever lets the caller in still owes the check of its proof.
    """

    role: Role
    name: str
    credential: KeyId
    tenant: TenantId | None = None
    environment: Environment | None = None
    workload: WorkloadId | None = None
    replaced_by: KeyId | None = None
    replaced_at: float | None = None
    retires_at: float | None = None
    bound: bool = False
    models: frozenset[str] | None = None
    confirmation: Confirmation | None = None
    elevation: Elevation | None = None
    signed_on: bool = False
    proven_at: float | None = None

    def __str__(self) -> str:
        """Return `role/name`, for the audit log."""
        return f"{self.role}/{self.name}"
