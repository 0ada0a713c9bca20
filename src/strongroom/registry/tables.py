"""The SQL of the registry."""

from __future__ import annotations

from datetime import datetime

from strongroom.kernel.ids import DeploymentId
from strongroom.kernel.principal import Environment
from strongroom.registry.model import Deployment, Format, Operation, Release
from strongroom.store import OperatorTx, Record, TenantTx

_DEPLOYMENT = """SELECT d.id, d.environment, d.name, d.release_digest, d.created_at, r.name AS model, r.version, r.kind
                 FROM registry.deployment d JOIN registry.release r ON r.digest = d.release_digest
                 WHERE d.tenant_id = $1 AND d.deleted_at IS NULL"""


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


async def releases(tx: OperatorTx | TenantTx) -> list[Release]:
    """Return every release, by name and version."""
    rows = await tx.fetch(
        """SELECT digest, name, version, kind, format, bytes, source, admitted_at
           FROM registry.release ORDER BY name, version"""
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
        )
        for row in rows
    ]


async def release_kind(tx: TenantTx, digest: str) -> Operation | None:
    """Return what a release can be asked for, if it is admitted."""
    kind = await tx.fetchval("SELECT kind FROM registry.release WHERE digest = $1", digest)
    return None if kind is None else Operation(kind)


async def release_format(tx: TenantTx, digest: str) -> Format | None:
    """Return how a release's weights are written, if it is admitted."""
    written = await tx.fetchval("SELECT format FROM registry.release WHERE digest = $1", digest)
    return None if written is None else Format(written)


async def tenant_lives(tx: TenantTx) -> bool:
    """Return whether the tenant lives; if so, it does until this transaction ends: its deletion waits."""
    row = await tx.fetchrow(
        "SELECT tenant_id FROM identity.tenant WHERE tenant_id = $1 AND deleted_at IS NULL FOR SHARE", tx.tenant
    )
    return row is not None


async def insert_deployment(
    tx: TenantTx, deployment: DeploymentId, environment: Environment, name: str, digest: str, at: datetime
) -> None:
    """Add a deployment."""
    await tx.execute(
        """INSERT INTO registry.deployment (tenant_id, id, environment, name, release_digest, created_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        tx.tenant,
        deployment,
        str(environment),
        name,
        digest,
        at,
    )


async def deployments(tx: TenantTx) -> list[Deployment]:
    """Return the tenant's living deployments, by environment and name."""
    rows = await tx.fetch(f"{_DEPLOYMENT} ORDER BY d.environment, d.name", tx.tenant)
    return [_deployment(row) for row in rows]


async def deployment_named(tx: TenantTx, environment: Environment, name: str) -> Deployment | None:
    """Return a living deployment by its name."""
    row = await tx.fetchrow(f"{_DEPLOYMENT} AND d.environment = $2 AND d.name = $3", tx.tenant, str(environment), name)
    return None if row is None else _deployment(row)


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


def _deployment(row: Record) -> Deployment:
    return Deployment(
        id=row["id"],
        environment=Environment(row["environment"]),
        name=row["name"],
        release=row["release_digest"],
        model=row["model"],
        version=row["version"],
        kind=Operation(row["kind"]),
        created_at=row["created_at"],
    )
