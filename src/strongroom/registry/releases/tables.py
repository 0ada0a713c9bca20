"""The SQL of releases that people bring."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from strongroom.kernel.ids import TenantId
from strongroom.registry.model import Release
from strongroom.store import OperatorTx, TenantTx


class Taken(NamedTuple):
    """A release that has a digest, or a name and version, already."""

    digest: str
    name: str
    version: str
    deleted: bool


async def taken(
    tx: OperatorTx | TenantTx, owner: TenantId | None, *, digest: str = "", name: str = "", version: str = ""
) -> list[Taken]:
    """Return what an owner has under a digest, or a name and version; deleted ones too."""
    if owner is None:
        rows = await tx.fetch(
            """SELECT digest, name, version, deleted_at IS NOT NULL AS deleted FROM registry.release
               WHERE digest = $1 OR (name = $2 AND version = $3)""",
            digest,
            name,
            version,
        )
    else:
        rows = await tx.fetch(
            """SELECT digest, name, version, deleted_at IS NOT NULL AS deleted FROM registry.own_release
               WHERE tenant_id = $4 AND (digest = $1 OR (name = $2 AND version = $3))""",
            digest,
            name,
            version,
            owner,
        )
    return [Taken(row["digest"], row["name"], row["version"], row["deleted"]) for row in rows]


async def insert(tx: OperatorTx | TenantTx, release: Release) -> None:
    """Add a release, or bring back a deleted one of the same files under the name that it is brought by now."""
    values = (
        release.digest,
        release.name,
        release.version,
        str(release.kind),
        str(release.format),
        release.bytes,
        release.source,
        release.admitted_at,
        release.author,
    )
    if isinstance(tx, TenantTx):
        await tx.execute(
            """INSERT INTO registry.own_release
                   (digest, name, version, kind, format, bytes, source, admitted_at, author, tenant_id)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
               ON CONFLICT (tenant_id, digest) DO UPDATE
               SET name = $2, version = $3, kind = $4, format = $5, bytes = $6, source = $7, admitted_at = $8, author = $9,
                   deleted_at = NULL
               WHERE own_release.deleted_at IS NOT NULL""",
            *values,
            tx.tenant,
        )
    else:
        await tx.execute(
            """INSERT INTO registry.release (digest, name, version, kind, format, bytes, source, admitted_at, author)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               ON CONFLICT (digest) DO UPDATE
               SET name = $2, version = $3, kind = $4, format = $5, bytes = $6, source = $7, admitted_at = $8, author = $9,
                   deleted_at = NULL
               WHERE release.deleted_at IS NOT NULL""",
            *values,
        )


async def living(tx: OperatorTx | TenantTx, owner: TenantId | None) -> list[str]:
    """Return the digests of an owner's brought releases that are not deleted."""
    if owner is None:
        rows = await tx.fetch("SELECT digest FROM registry.release WHERE author IS NOT NULL AND deleted_at IS NULL")
    else:
        rows = await tx.fetch(
            "SELECT digest FROM registry.own_release WHERE tenant_id = $1 AND deleted_at IS NULL", owner
        )
    return [row["digest"] for row in rows]


async def owners(tx: OperatorTx) -> list[TenantId | None]:
    """Return everybody who has brought releases: the installation first, then tenants."""
    rows = await tx.fetch("SELECT DISTINCT tenant_id FROM registry.own_release WHERE deleted_at IS NULL")
    return [None, *(TenantId(row["tenant_id"]) for row in rows)]


async def author_of(tx: OperatorTx | TenantTx, digest: str) -> str | None:
    """Return who brought a release of the installation; None: it came with it."""
    found: str | None = await tx.fetchval("SELECT author FROM registry.release WHERE digest = $1", digest)
    return found


async def deployed(tx: OperatorTx | TenantTx, digest: str, owner: TenantId | None) -> int:
    """Return how many deployments a release has, holding it still: none can be added until the transaction ends."""
    if owner is None:
        await tx.execute("SELECT digest FROM registry.release WHERE digest = $1 FOR UPDATE", digest)
        count: int = await tx.fetchval(
            "SELECT count(*) FROM registry.deployment WHERE release_digest = $1 AND deleted_at IS NULL", digest
        )
    else:
        await tx.execute(
            "SELECT digest FROM registry.own_release WHERE tenant_id = $1 AND digest = $2 FOR UPDATE", owner, digest
        )
        count = await tx.fetchval(
            """SELECT count(*) FROM registry.deployment
               WHERE tenant_id = $1 AND own_digest = $2 AND deleted_at IS NULL""",
            owner,
            digest,
        )
    return count


async def delete(tx: OperatorTx | TenantTx, digest: str, owner: TenantId | None, at: datetime) -> None:
    """Make a release a tombstone."""
    if owner is None:
        await tx.execute("UPDATE registry.release SET deleted_at = $2 WHERE digest = $1", digest, at)
    else:
        await tx.execute(
            "UPDATE registry.own_release SET deleted_at = $3 WHERE tenant_id = $1 AND digest = $2", owner, digest, at
        )


async def manifests(tx: OperatorTx | TenantTx, owner: TenantId | None) -> list[bytes]:
    """Return the manifests of an owner's living releases, as they are stored: nothing of them is believed yet."""
    if owner is None:
        rows = await tx.fetch(
            """SELECT e.statement FROM registry.evidence e JOIN registry.release r ON r.digest = e.release_digest
               WHERE e.kind = 'manifest' AND r.deleted_at IS NULL AND r.author IS NOT NULL"""
        )
    else:
        rows = await tx.fetch(
            """SELECT e.statement FROM registry.own_evidence e
               JOIN registry.own_release r ON r.tenant_id = e.tenant_id AND r.digest = e.release_digest
               WHERE e.tenant_id = $1 AND e.kind = 'manifest' AND r.deleted_at IS NULL""",
            owner,
        )
    return [row["statement"] for row in rows]
