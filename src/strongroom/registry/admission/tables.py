"""The SQL of evidence about releases: added, never changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from strongroom.kernel.ids import TenantId, new_uuid
from strongroom.registry.admission.keys import RegistryKeys
from strongroom.registry.admission.model import Evidence, EvidenceKind, Found, Subject
from strongroom.registry.admission.ownkeys import Certificate, read_certificates
from strongroom.store import OperatorTx, TenantTx

_MOST = 1000


async def insert(
    tx: OperatorTx, digest: str, kind: EvidenceKind, statement: bytes, account: UUID | None, at: datetime
) -> None:
    """Add a piece of evidence about a release of the installation."""
    await tx.execute(
        """INSERT INTO registry.evidence (release_digest, id, kind, account_id, statement, made_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        digest,
        new_uuid(),
        str(kind),
        account,
        statement,
        at,
    )


async def insert_own(
    tx: TenantTx, digest: str, kind: EvidenceKind, statement: bytes, account: UUID | None, at: datetime
) -> None:
    """Add a piece of evidence about a release of the tenant's own."""
    await tx.execute(
        """INSERT INTO registry.own_evidence (tenant_id, release_digest, id, kind, account_id, statement, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        tx.tenant,
        digest,
        new_uuid(),
        str(kind),
        account,
        statement,
        at,
    )


async def of_release(tx: OperatorTx | TenantTx, digest: str, owner: TenantId | None = None) -> tuple[Evidence, ...]:
    """Return what there is about a release, the installation's or a tenant's own, newest first."""
    if owner is None:
        rows = await tx.fetch(
            """SELECT kind, statement, account_id, made_at FROM registry.evidence
               WHERE release_digest = $1 ORDER BY made_at DESC, id DESC LIMIT $2""",
            digest,
            _MOST,
        )
    else:
        rows = await tx.fetch(
            """SELECT kind, statement, account_id, made_at FROM registry.own_evidence
               WHERE tenant_id = $3 AND release_digest = $1 ORDER BY made_at DESC, id DESC LIMIT $2""",
            digest,
            _MOST,
            owner,
        )
    return tuple(
        Evidence(
            kind=EvidenceKind(row["kind"]),
            statement=row["statement"],
            account=row["account_id"],
            made_at=row["made_at"],
        )
        for row in rows
    )


async def insert_key(tx: OperatorTx, account: UUID, key: str, certificate: bytes, at: datetime) -> None:
    """Add an approver's own key."""
    await tx.execute(
        "INSERT INTO registry.approver_key (account_id, key_id, certificate, made_at) VALUES ($1, $2, $3, $4)",
        account,
        key,
        certificate,
        at,
    )


async def own_keys(tx: OperatorTx | TenantTx, keys: RegistryKeys) -> dict[UUID, list[Certificate]]:
    """Return approvers' own keys by account: those whose certificate the installation signed."""
    rows = await tx.fetch("SELECT certificate FROM registry.approver_key ORDER BY made_at, key_id LIMIT $1", _MOST)
    found: dict[UUID, list[Certificate]] = {}
    for each in read_certificates((row["certificate"] for row in rows), keys.registrars()):
        found.setdefault(each.account, []).append(each)
    return found


async def approvers(tx: OperatorTx | TenantTx) -> frozenset[UUID]:
    """Return the accounts that may approve now."""
    rows = await tx.fetch("SELECT id FROM identity.account WHERE role = 'approver' AND deleted_at IS NULL")
    return frozenset(row["id"] for row in rows)


async def subject_of(tx: OperatorTx | TenantTx, digest: str, tenant: TenantId | None) -> Found | None:
    """Return a living release by its digest: one of the tenant's own, where it has it, else one of the installation."""
    if tenant is not None:
        row = await tx.fetchrow(
            """SELECT digest, name, version FROM registry.own_release
               WHERE tenant_id = $1 AND digest = $2 AND deleted_at IS NULL""",
            tenant,
            digest,
        )
        if row is not None:
            return Found(Subject(digest=row["digest"], name=row["name"], version=row["version"]), tenant)
    row = await tx.fetchrow(
        "SELECT digest, name, version FROM registry.release WHERE digest = $1 AND deleted_at IS NULL", digest
    )
    return None if row is None else Found(Subject(digest=row["digest"], name=row["name"], version=row["version"]), None)


async def subject_named(tx: OperatorTx | TenantTx, name: str, version: str, tenant: TenantId | None) -> Found | None:
    """Return a living release by its name and version: one of the tenant's own first, as `subject_of`."""
    if tenant is not None:
        row = await tx.fetchrow(
            """SELECT digest, name, version FROM registry.own_release
               WHERE tenant_id = $1 AND name = $2 AND version = $3 AND deleted_at IS NULL""",
            tenant,
            name,
            version,
        )
        if row is not None:
            return Found(Subject(digest=row["digest"], name=row["name"], version=row["version"]), tenant)
    row = await tx.fetchrow(
        """SELECT digest, name, version FROM registry.release
           WHERE name = $1 AND version = $2 AND deleted_at IS NULL""",
        name,
        version,
    )
    return None if row is None else Found(Subject(digest=row["digest"], name=row["name"], version=row["version"]), None)
