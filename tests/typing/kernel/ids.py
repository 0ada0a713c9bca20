"""One kind of id never stands for another, and a principal cannot be changed into somebody else."""

from __future__ import annotations

from uuid import UUID

from strongroom.kernel.ids import KeyId, TenantId, WorkloadId
from strongroom.kernel.principal import Principal, Role


def takes_a_tenant(tenant: TenantId) -> None: ...


def the_right_kind_is_accepted(tenant: TenantId) -> None:
    takes_a_tenant(tenant)


def a_workload_is_not_a_tenant(workload: WorkloadId) -> None:
    takes_a_tenant(workload)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def any_uuid_is_not_a_tenant(anything: UUID) -> None:
    takes_a_tenant(anything)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def text_is_not_a_key(text: str) -> Principal:
    return Principal(role=Role.OPERATOR, name="op", credential=text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_principal_does_not_change_sides(who: Principal, credential: KeyId, tenant: TenantId) -> Principal:
    who.tenant = tenant  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    return Principal(Role.OPERATOR, "op", credential)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
