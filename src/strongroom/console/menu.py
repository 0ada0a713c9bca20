"""What to offer whom. Asked of the same policies as the gate; a link that is missing here guards nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from strongroom.kernel.principal import Principal
from strongroom.policy import Action, Engine, Kind, Resource

_REST: Final = (
    ("Models", "/models", "models", Action.MODEL_LIST, Kind.RELEASE),
    ("Approvals", "/approvals", "check", Action.MODEL_APPROVE, Kind.RELEASE),
    ("Channels", "/channels", "channels", Action.CHANNEL_READ, Kind.CHANNEL),
    ("Providers", "/providers", "models", Action.PROVIDER_LIST, Kind.PROVIDER),
    ("Proposals", "/proposals", "check", Action.PROPOSAL_READ, Kind.PROPOSAL),
    ("Elevation", "/elevations", "elevation", Action.ELEVATION_READ, Kind.ELEVATION),
    ("Accounts", "/accounts", "accounts", Action.ACCOUNT_LIST, Kind.ACCOUNT),
    ("Audit", "/audit", "audit", Action.AUDIT_READ_PLATFORM, Kind.AUDIT_LOG),
    ("Retention", "/retention", "retention", Action.RETENTION_READ, Kind.AUDIT_LOG),
)
"""What follows the tenants: title, address, icon, and the verb that opens it, of a thing of which kind."""


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
        found += [
            (title, href, icon)
            for title, href, icon, action, about in _REST
            if self.may(who, action, Resource(kind=about, tenant=own if about is Kind.PROPOSAL else None))
        ]
        return [Link(title, href, icon, _is_under(path, href)) for title, href, icon in found]


def _is_under(path: str, href: str) -> bool:
    return path == href or (href != "/" and path.startswith(f"{href}/"))
