"""Who is asking: made by the identity room from a verified credential, passed on as proof.

Never ambient and never built from what a request says about itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique

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
    INFERENCE = "inference"  # a workload that asks models
    EVALUATION = "evaluation"  # a workload that measures models

    @property
    def is_workload(self) -> bool:
        """Whether this role belongs to a workload rather than to a person's account."""
        return self in {Role.INFERENCE, Role.EVALUATION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A verified caller.

    `tenant` is None for accounts of the installation. `environment` and `workload` are set for workloads only.
    """

    role: Role
    name: str
    credential: KeyId
    tenant: TenantId | None = None
    environment: Environment | None = None
    workload: WorkloadId | None = None

    def __str__(self) -> str:
        """Return `role/name`, for the audit log."""
        return f"{self.role}/{self.name}"
