"""Deployments: which model serves a tenant's workloads, in which environment, by which digest."""

from __future__ import annotations

from strongroom.console import place
from strongroom.console.visit import Answer, Visit


async def listing(visit: Visit) -> Answer:
    """List a tenant's deployments."""
    where = await place.of(visit, "deployments")
    deployments = await visit.parts.registry.list_deployments(visit.who, where.tenant, visit.ask())
    return visit.render(
        "deployments.html", place=where, deployments=[each for each in deployments if where.shows(each.environment)]
    )
