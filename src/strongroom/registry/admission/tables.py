"""The SQL of evidence about releases: added, never changed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from strongroom.kernel.ids import new_uuid
from strongroom.registry.admission.model import Evidence, EvidenceKind, Subject
from strongroom.store import OperatorTx, TenantTx

_MOST = 1000


async def insert(
    tx: OperatorTx, digest: str, kind: EvidenceKind, statement: bytes, account: UUID | None, at: datetime
) -> None:
    """Add a piece of evidence."""
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


async def of_release(tx: OperatorTx | TenantTx, digest: str) -> tuple[Evidence, ...]:
    """Return what there is about a release, newest first."""
    rows = await tx.fetch(
        """SELECT kind, statement, account_id, made_at FROM registry.evidence
           WHERE release_digest = $1 ORDER BY made_at DESC, id DESC LIMIT $2""",
        digest,
        _MOST,
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


async def approvers(tx: OperatorTx | TenantTx) -> frozenset[UUID]:
    """Return the accounts that may approve now."""
    rows = await tx.fetch("SELECT id FROM identity.account WHERE role = 'approver' AND deleted_at IS NULL")
    return frozenset(row["id"] for row in rows)


async def subject_of(tx: OperatorTx | TenantTx, digest: str) -> Subject | None:
    """Return a release of the catalogue by its digest."""
    row = await tx.fetchrow("SELECT digest, name, version FROM registry.release WHERE digest = $1", digest)
    return None if row is None else Subject(digest=row["digest"], name=row["name"], version=row["version"])


async def subject_named(tx: OperatorTx | TenantTx, name: str, version: str) -> Subject | None:
    """Return a release of the catalogue by its name and version."""
    row = await tx.fetchrow(
        "SELECT digest, name, version FROM registry.release WHERE name = $1 AND version = $2", name, version
    )
    return None if row is None else Subject(digest=row["digest"], name=row["name"], version=row["version"])
