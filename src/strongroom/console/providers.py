"""Providers: upstreams outside this machine, why one is not routed to, and which are open to a tenant."""

from __future__ import annotations

from strongroom.console import place
from strongroom.console.visit import Answer, Visit


async def listing(visit: Visit) -> Answer:
    """List the providers of the installation, without secrets."""
    return visit.render("providers.html", providers=await visit.parts.providers.every(visit.who, visit.ask()))


async def offers(visit: Visit) -> Answer:
    """List the providers that a tenant's deployments may name: whom its data would go to, and where."""
    where = await place.of(visit, "providers")
    found = await visit.parts.providers.offers(visit.who, where.tenant, visit.ask())
    return visit.render("offers.html", place=where, offers=found)
