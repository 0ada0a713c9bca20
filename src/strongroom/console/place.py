"""Which tenant a page is about, and what stands around every page about one."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.console.visit import Visit
from strongroom.kernel.ids import TenantId
from strongroom.kernel.principal import Environment


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A tenant, and the environment that the page is narrowed to.

    Attributes:
        tenant: its id, for services.
        name: what it is called, for people and addresses.
        environment: None for all three.
        section: the page among the tenant's pages; empty for the first.
    """

    tenant: TenantId
    name: str
    environment: Environment | None
    section: str

    @property
    def base(self) -> str:
        """The address of the tenant's first page."""
        return f"/tenants/{self.name}"

    @property
    def address(self) -> str:
        """The address of this page, in all environments."""
        return f"{self.base}/{self.section}" if self.section else self.base

    def to(self, section: str = "") -> str:
        """Return the address of another of the tenant's pages, in the same environment."""
        address = f"{self.base}/{section}" if section else self.base
        return f"{address}?environment={self.environment}" if self.environment else address

    def shows(self, environment: Environment) -> bool:
        """Whether the page shows things of `environment`."""
        return self.environment in {None, environment}


async def of(visit: Visit, section: str = "", *, environment: Environment | None = None) -> Place:
    """Return the place that the address names.

    Whether the caller may know of it is asked of the gate by the page, in the first thing it looks up.

    Raises:
        Refused: hidden, when there is no such tenant.
    """
    tenant = await visit.parts.finder.tenant(visit.who, visit.params["tenant"], visit.ask())
    name = visit.parts.directory.tenant_name(tenant) or visit.params["tenant"]
    return Place(tenant=tenant, name=name, environment=environment or visit.environment(), section=section)
