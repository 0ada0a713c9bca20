"""What to offer whom. Asked of the same policies as the gate; a link that is missing here guards nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Engine, Kind, Resource


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the menu."""

    title: str
    href: str
    icon: str
    current: bool


class Menu:
    """The menu of whoever is signed in."""

    def __init__(self, engine: Engine) -> None:
        self._engine: Final = engine

    def may(self, who: Principal, action: Action, resource: Resource) -> bool:
        """Whether the policies let `who`; never the last word on it."""
        return self._engine.decide(who, action, resource).allowed

    def links(self, who: Principal, own_tenant: str | None, path: str) -> list[Link]:
        """Return the menu; `own_tenant` is the name of the tenant that `who` belongs to, if any."""
        found = [("Overview", "/", "home")]
        if self.may(who, Action.TENANT_LIST, Resource(kind=Kind.TENANT)):
            found.append(("Tenants", "/tenants", "tenants"))
        own = who.tenant
        if own_tenant is not None and self.may(who, Action.TENANT_READ, Resource(kind=Kind.TENANT, tenant=own)):
            found.append((own_tenant, f"/tenants/{own_tenant}", "tenants"))
        if self.may(who, Action.MODEL_LIST, Resource(kind=Kind.RELEASE)):
            found.append(("Models", "/models", "models"))
        if self.may(who, Action.PROVIDER_LIST, Resource(kind=Kind.PROVIDER)):
            found.append(("Providers", "/providers", "models"))
        if self.may(who, Action.PROPOSAL_READ, Resource(kind=Kind.PROPOSAL, tenant=own)):
            found.append(("Proposals", "/proposals", "check"))
        if self.may(who, Action.ELEVATION_READ, Resource(kind=Kind.ELEVATION)):
            found.append(("Elevation", "/elevations", "elevation"))
        if self.may(who, Action.ACCOUNT_LIST, Resource(kind=Kind.ACCOUNT)):
            found.append(("Accounts", "/accounts", "accounts"))
        if self.may(who, Action.AUDIT_READ_PLATFORM, Resource(kind=Kind.AUDIT_LOG)):
            found.append(("Audit", "/audit", "audit"))
        if self.may(who, Action.RETENTION_READ, Resource(kind=Kind.AUDIT_LOG)):
            found.append(("Retention", "/retention", "retention"))
        return [Link(title, href, icon, _is_under(path, href)) for title, href, icon in found]


def _is_under(path: str, href: str) -> bool:
    return path == href or (href != "/" and path.startswith(f"{href}/"))
