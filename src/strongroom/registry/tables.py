"""The SQL of the registry."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from strongroom.kernel.ids import DeploymentId, TenantId, new_uuid
from strongroom.kernel.principal import Environment
from strongroom.registry.documents import RouteDocument
from strongroom.registry.model import Deployment, Format, Operation, Release, Target
from strongroom.store import OperatorTx, Record, TenantTx

_DEPLOYMENT = """SELECT d.id, d.environment, d.name, coalesce(d.release_digest, d.own_digest) AS digest, d.created_at,
                        coalesce(r.name, o.name) AS model, coalesce(r.version, o.version) AS version,
                        coalesce(r.kind, o.kind, d.kind) AS kind, d.prompt_digest, d.runtime,
                        p.name || '@' || p.version AS prompt
                 FROM registry.deployment d LEFT JOIN registry.release r ON r.digest = d.release_digest
                 LEFT JOIN registry.own_release o ON o.tenant_id = d.tenant_id AND o.digest = d.own_digest
                 LEFT JOIN registry.prompt p ON p.tenant_id = d.tenant_id AND p.digest = d.prompt_digest
                 WHERE d.tenant_id = $1 AND d.deleted_at IS NULL"""
_CLOSED = "(not open to this tenant)"  # a provider that has ended, or is not open any more


async def insert_release(tx: OperatorTx, release: Release) -> None:
    """Add a release; one that is there already stays as it is."""
    await tx.execute(
        """INSERT INTO registry.release (digest, name, version, kind, format, bytes, source, admitted_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (digest) DO NOTHING""",
        release.digest,
        release.name,
        release.version,
        str(release.kind),
        str(release.format),
        release.bytes,
        release.source,
        release.admitted_at,
    )


async def releases(tx: OperatorTx | TenantTx, tenant: TenantId | None = None) -> list[Release]:
    """Return every release of the installation, and those of `tenant`'s own, by name and version."""
    rows = await tx.fetch(
        """SELECT digest, name, version, kind, format, bytes, source, admitted_at, author, null::uuid AS tenant_id
           FROM registry.release WHERE deleted_at IS NULL
           UNION ALL
           SELECT digest, name, version, kind, format, bytes, source, admitted_at, author, tenant_id
           FROM registry.own_release WHERE tenant_id = $1 AND deleted_at IS NULL
           ORDER BY name, version, tenant_id""",
        tenant,
    )
    return [
        Release(
            digest=row["digest"],
            name=row["name"],
            version=row["version"],
            kind=Operation(row["kind"]),
            format=Format(row["format"]),
            bytes=row["bytes"],
            source=row["source"],
            admitted_at=row["admitted_at"],
            tenant=row["tenant_id"],
            author=row["author"],
        )
        for row in rows
    ]


class Deployable(NamedTuple):
    """What deploying needs to know of a release."""

    kind: Operation
    format: Format
    own: bool
    brought: bool


async def deployable(tx: TenantTx, digest: str) -> Deployable | None:
    """Return a living release by its digest: one of the tenant's own, where it has it, else one of the installation."""
    row = await tx.fetchrow(
        """SELECT kind, format, true AS own, true AS brought FROM registry.own_release
           WHERE tenant_id = $1 AND digest = $2 AND deleted_at IS NULL
           UNION ALL
           SELECT kind, format, false, author IS NOT NULL FROM registry.release WHERE digest = $2 AND deleted_at IS NULL
           ORDER BY own DESC LIMIT 1""",
        tx.tenant,
        digest,
    )
    if row is None:
        return None
    return Deployable(Operation(row["kind"]), Format(row["format"]), row["own"], row["brought"])


async def release_format(tx: OperatorTx | TenantTx, digest: str) -> Format | None:
    """Return how a release's weights are written, if it is admitted."""
    written = await tx.fetchval("SELECT format FROM registry.release WHERE digest = $1", digest)
    return None if written is None else Format(written)


async def insert_deployment(
    tx: TenantTx, deployment: DeploymentId, route: RouteDocument, at: datetime, runtime: str | None
) -> None:
    """Add a deployment of a release, with the digests of the prompt before every request, and of the installation."""
    await tx.execute(
        """INSERT INTO registry.deployment
               (tenant_id, id, environment, name, release_digest, own_digest, created_at, prompt_digest, runtime)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        tx.tenant,
        deployment,
        str(route.environment),
        route.name,
        None if route.own else route.release,
        route.release if route.own else None,
        at,
        None if route.prompt is None else route.prompt.digest,
        runtime,
    )


async def insert_outside(tx: TenantTx, deployment: DeploymentId, route: RouteDocument, at: datetime) -> None:
    """Add a deployment that targets outside answer for."""
    await tx.execute(
        """INSERT INTO registry.deployment (tenant_id, id, environment, name, kind, created_at, prompt_digest)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tx.tenant,
        deployment,
        str(route.environment),
        route.name,
        str(route.kind),
        at,
        None if route.prompt is None else route.prompt.digest,
    )
    for position, target in enumerate(route.targets):
        await tx.execute(
            """INSERT INTO registry.target (tenant_id, deployment_id, position, provider_id, model, weight, fallback)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            tx.tenant,
            deployment,
            position,
            target.provider,
            target.model,
            target.weight,
            target.fallback,
        )


async def deployments(tx: TenantTx) -> list[Deployment]:
    """Return the tenant's living deployments, by environment and name."""
    rows = await tx.fetch(f"{_DEPLOYMENT} ORDER BY d.environment, d.name", tx.tenant)
    targets = await _targets(tx)
    return [_deployment(row, targets) for row in rows]


async def deployment_named(tx: TenantTx, environment: Environment, name: str) -> Deployment | None:
    """Return a living deployment by its name."""
    row = await tx.fetchrow(f"{_DEPLOYMENT} AND d.environment = $2 AND d.name = $3", tx.tenant, str(environment), name)
    return None if row is None else _deployment(row, await _targets(tx))


async def end_deployments(tx: TenantTx, at: datetime, deployment: DeploymentId | None = None) -> list[DeploymentId]:
    """End one deployment or (none given) all of the tenant's; return those that were alive."""
    rows = await tx.fetch(
        """UPDATE registry.deployment SET deleted_at = $2
           WHERE tenant_id = $1 AND deleted_at IS NULL AND ($3::uuid IS NULL OR id = $3) RETURNING id""",
        tx.tenant,
        at,
        deployment,
    )
    return [DeploymentId(row["id"]) for row in rows]


async def served(
    tx: TenantTx, deployment: UUID, before: str | None, after: str | None, *, by: str, at: datetime, reason: str = ""
) -> None:
    """Write down what a deployment serves from now on, instead of what; no `after`: it was withdrawn."""
    await tx.execute(
        """INSERT INTO registry.deployment_served (tenant_id, deployment_id, id, before_digest, digest, said_by, reason, at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
        tx.tenant,
        deployment,
        new_uuid(),
        before,
        after,
        by,
        reason[:1000],
        at,
    )


async def _targets(tx: TenantTx) -> dict[UUID, list[Target]]:
    """Return the targets of the tenant's deployments, in their order."""
    rows = await tx.fetch(
        """SELECT t.deployment_id, t.model, t.weight, t.fallback, p.name AS provider
           FROM registry.target t LEFT JOIN providers.provider p ON p.id = t.provider_id
           WHERE t.tenant_id = $1 ORDER BY t.deployment_id, t.position""",
        tx.tenant,
    )
    found: dict[UUID, list[Target]] = {}
    for row in rows:
        target = Target(
            provider=row["provider"] or _CLOSED, model=row["model"], weight=row["weight"], fallback=row["fallback"]
        )
        found.setdefault(row["deployment_id"], []).append(target)
    return found


def _deployment(row: Record, targets: dict[UUID, list[Target]]) -> Deployment:
    return Deployment(
        id=row["id"],
        environment=Environment(row["environment"]),
        name=row["name"],
        release=row["digest"],
        model=row["model"],
        version=row["version"],
        kind=Operation(row["kind"]),
        created_at=row["created_at"],
        targets=targets.get(row["id"], []),
        prompt=row["prompt"],
        prompt_digest=row["prompt_digest"],
        runtime=row["runtime"],
    )
