"""A tenant's first page: its environments and the workloads in them."""

from __future__ import annotations

from strongroom.console import place
from strongroom.console.commands import command
from strongroom.console.visit import STATUS, Answer, Visit, mendable
from strongroom.kernel.principal import Environment, Role
from strongroom.kernel.refusal import Refusal, Refused
from strongroom.policy import Action, Kind, Resource

ROLES = tuple(role for role in Role if role.is_workload)


async def listing(visit: Visit, problem: Refusal | None = None) -> Answer:
    """Show a tenant's environments and workloads."""
    where = await place.of(visit)
    identity, who = visit.parts.identity, visit.who
    environments = await identity.list_environments(who, where.tenant, visit.ask())
    workloads = await identity.list_workloads(who, where.tenant, visit.ask())
    return visit.render(
        "tenant.html",
        status=200 if problem is None else STATUS[problem.kind],
        place=where,
        groups=[
            (each, [workload for workload in workloads if workload.environment is each.name])
            for each in environments
            if where.shows(each.name)
        ],
        roles=ROLES,
        environments=list(Environment),
        may_create=visit.may(Action.WORKLOAD_CREATE, Resource(kind=Kind.WORKLOAD, tenant=where.tenant)),
        may_delete=visit.may(Action.TENANT_DELETE, Resource(kind=Kind.TENANT, tenant=where.tenant)),
        problem=problem,
        entered=visit.form.entered,
    )


async def create(visit: Visit) -> Answer:
    """Create a workload."""
    where, form = await place.of(visit), visit.form
    try:
        name, environment = form.name("name"), form.choice("environment", Environment)
        role, owner = form.choice("role", Role), form.owner("owner")
        await visit.parts.identity.create_workload(
            visit.who, where.tenant, environment=environment, name=name, role=role, owner=owner, ask=visit.ask()
        )
    except Refused as no:
        return await listing(visit, mendable(no))
    did = command("workload", "create", name, tenant=where.name, environment=environment, role=role, owner=owner)
    said = f"Workload {name} is there in {environment}. It can do nothing until it has a key."
    return visit.done(f"{where.base}/keys?environment={environment}&workload={name}", said, did)
