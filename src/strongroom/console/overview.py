"""The first page: what there is, whether it is well, and what to do first."""

from __future__ import annotations

from dataclasses import dataclass

from strongroom.console import health
from strongroom.console.visit import Answer, Visit
from strongroom.kernel.ids import TenantId
from strongroom.policy import Action, Kind, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One number, and where to see what it counts."""

    title: str
    count: int
    href: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do first."""

    title: str
    text: str
    href: str
    done: bool


async def page(visit: Visit) -> Answer:
    """Show what the caller may know of."""
    own = visit.who.tenant
    tiles, steps = await (_installation(visit) if own is None else _tenant(visit, own))
    return visit.render("overview.html", tiles=tiles, steps=steps, health=await health.observe(visit))


async def _installation(visit: Visit) -> tuple[list[Tile], list[Step]]:
    parts, who, ask = visit.parts, visit.who, visit.ask()
    tiles: list[Tile] = []
    steps: list[Step] = []
    if visit.may(Action.TENANT_LIST, Resource(kind=Kind.TENANT)):
        tenants = await parts.identity.list_tenants(who, ask)
        first = tenants[0].name if tenants else ""
        tiles.append(Tile(title="Tenants", count=len(tenants), href="/tenants"))
        steps = [
            Step(
                title="Create a tenant",
                text="A tenant is the wall everything else stands behind: its keys, deployments and log are its own.",
                href="/tenants",
                done=bool(tenants),
            ),
            Step(
                title="Give it a workload and a key",
                text="A workload is a program in one environment. Its key opens that environment's models, no others.",
                href=f"/tenants/{first}" if first else "/tenants",
                done=False,
            ),
            Step(
                title="Deploy a model for it",
                text="A deployment gives a model a name in one of the tenant's environments; without one, nothing answers.",
                href=f"/tenants/{first}/deployments" if first else "/tenants",
                done=False,
            ),
        ]
    if visit.may(Action.MODEL_LIST, Resource(kind=Kind.RELEASE)):
        releases = await parts.registry.list_releases(who, ask)
        tiles.append(Tile(title="Models", count=len(releases), href="/models", note="pinned by digest"))
    if visit.may(Action.ACCOUNT_LIST, Resource(kind=Kind.ACCOUNT)):
        accounts = await parts.accounts.list(who, ask)
        demo = sum(account.demo for account in accounts)
        note = f"{demo} for demonstration" if demo else ""
        tiles.append(Tile(title="Accounts", count=len(accounts), href="/accounts", note=note))
    return tiles, steps


async def _tenant(visit: Visit, own: TenantId) -> tuple[list[Tile], list[Step]]:
    parts, who, ask = visit.parts, visit.who, visit.ask()
    base = f"/tenants/{parts.directory.tenant_name(own)}"
    workloads = await parts.identity.list_workloads(who, own, ask)
    keys = await parts.identity.list_keys(who, own, ask)
    deployments = await parts.registry.list_deployments(who, own, ask)
    active = sum(key.status == "active" for key in keys)
    tiles = [
        Tile(title="Workloads", count=len(workloads), href=base),
        Tile(title="Active keys", count=active, href=f"{base}/keys", note=f"{len(keys)} in all"),
        Tile(title="Deployments", count=len(deployments), href=f"{base}/deployments"),
    ]
    steps = [
        Step(
            title="Create a workload",
            text="A workload is a program in one environment, with somebody who answers for it.",
            href=base,
            done=bool(workloads),
        ),
        Step(
            title="Issue it a key",
            text="The key opens the models of its environment. Its text is shown once, when you issue it.",
            href=f"{base}/keys",
            done=bool(keys),
        ),
        Step(
            title="Deploy a model",
            text="A deployment gives a model a name in one of your environments; without one, nothing answers.",
            href=f"{base}/deployments",
            done=bool(deployments),
        ),
    ]
    return tiles, steps
