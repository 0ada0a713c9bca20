"""The accounts of people."""

from __future__ import annotations

from strongroom.console.visit import Answer, Visit
from strongroom.identity import Account
from strongroom.kernel.ids import TenantId


async def listing(visit: Visit) -> Answer:
    """List the accounts, with the tenants that some are bound to."""
    accounts = await visit.parts.accounts.list(visit.who, visit.ask())
    return visit.render("accounts.html", accounts=[(each, _tenant_of(visit, each)) for each in accounts])


def _tenant_of(visit: Visit, account: Account) -> str:
    return "" if account.tenant is None else visit.parts.directory.tenant_name(TenantId(account.tenant)) or ""
