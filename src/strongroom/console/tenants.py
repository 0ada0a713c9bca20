"""Tenants: which there are, making one, ending one."""

from __future__ import annotations

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.kernel.refusal import Refusal, Refused, invalid
from strongroom.policy import Action, Kind, Resource


async def listing(visit: Visit, problem: Refusal | None = None) -> Answer:
    """List the tenants that the caller may know of."""
    return visit.render(
        "tenants.html",
        status=200 if problem is None else STATUS[problem.kind],
        tenants=await visit.parts.identity.list_tenants(visit.who, visit.ask()),
        may_create=visit.may(Action.TENANT_CREATE, Resource(kind=Kind.TENANT)),
        problem=problem,
        entered=visit.form.entered,
    )


async def create(visit: Visit) -> Answer:
    """Create a tenant."""
    try:
        name = visit.form.name("name")
        await visit.parts.identity.create_tenant(visit.who, name, visit.ask())
    except Refused as no:
        return await listing(visit, mendable(no))
    said = f"Tenant {name} is there, with the environments dev, test and prod. Next, give it a workload."
    return visit.done(f"/tenants/{name}", said, command("tenant", "create", name))


async def confirm(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Say what deleting a tenant ends, and ask for its name."""
    where = await place.of(visit, "delete")
    await visit.parts.identity.show_tenant(visit.who, where.tenant, visit.ask())
    if not visit.may(Action.TENANT_DELETE, Resource(kind=Kind.TENANT, tenant=where.tenant)):
        return visit.go(where.base)
    stale = visit.stale(f"{where.base}/delete")
    if stale is not None:
        return stale
    keys = await visit.parts.identity.list_keys(visit.who, where.tenant, visit.ask())
    deployments = await visit.parts.registry.list_deployments(visit.who, where.tenant, visit.ask())
    return visit.render(
        "tenant-delete.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        active_keys=sum(key.status == "active" for key in keys),
        deployments=len(deployments),
        problem=problem,
        entered=visit.form.entered,
    )


async def delete(visit: Visit) -> Answer:
    """End a tenant whose name was typed out."""
    where = await place.of(visit)
    stale = visit.stale(f"{where.base}/delete")
    if stale is not None:
        return stale
    if visit.form.raw("confirm").strip() != where.name:
        return await confirm(visit, invalid(f"Type {where.name} to confirm.", param="confirm"))
    await visit.parts.end_tenant(visit.who, where.tenant, visit.ask())
    said = f"Tenant {where.name} is gone, and with it its keys, workloads and deployments. Its log stays."
    return visit.done("/tenants", said, command("tenant", "delete", where.name, yes=True))
