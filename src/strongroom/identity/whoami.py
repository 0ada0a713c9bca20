"""Who one is, as the installation sees it: the one question that every credential may ask."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from strongroom.identity.directory import Directory
from strongroom.kernel.principal import Environment, Principal, Role
from strongroom.policy import Action, Ask, Gate, Kind, Resource


class Whoami(msgspec.Struct, frozen=True, kw_only=True):
    """A caller. Accounts of the installation have no tenant; only workloads have an environment."""

    role: Role
    name: str
    credential: str
    expires_at: datetime | None
    tenant: UUID | None = None
    tenant_name: str | None = None
    environment: Environment | None = None
    workload: UUID | None = None


async def whoami(gate: Gate, directory: Directory, who: Principal, ask: Ask) -> Whoami:
    """Return what the credential of `who` stands for."""
    resource = Resource(kind=Kind.SELF, id=who.credential, tenant=who.tenant, environment=who.environment)
    permit = gate.permit_platform if who.tenant is None else gate.permit
    async with permit(who, Action.WHOAMI, resource, ask):
        ends = directory.expires_at(who.credential)
    return Whoami(
        role=who.role,
        name=who.name,
        credential=who.credential,
        expires_at=None if ends is None else datetime.fromtimestamp(ends, UTC),
        tenant=who.tenant,
        tenant_name=None if who.tenant is None else directory.tenant_name(who.tenant),
        environment=who.environment,
        workload=who.workload,
    )
