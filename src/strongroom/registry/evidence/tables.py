"""The SQL of others' evidence: added, never changed; removed once newer evidence has taken its place."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from strongroom.kernel.ids import TenantId
from strongroom.registry.evidence.model import MOST_KEPT, Taken
from strongroom.store import OperatorTx, TenantTx

_SHOWN = 200


async def insert(tx: OperatorTx | TenantTx, taken: Taken, seal: bytes, sealed: bytes) -> None:
    """Add a piece: of the installation, or of the transaction's tenant.

    Raises:
        Conflict: when the same document is there already.
    """
    if isinstance(tx, TenantTx):
        await tx.execute(
            """INSERT INTO registry.own_outside_evidence
                   (tenant_id, subject_digest, id, about, document, seal, sealed, made_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)""",
            tx.tenant, taken.subject, taken.id, str(taken.about), taken.document, seal, sealed, taken.at,
        )  # fmt: skip
        return
    await tx.execute(
        """INSERT INTO registry.outside_evidence (subject_digest, id, about, document, seal, sealed, made_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        taken.subject, taken.id, str(taken.about), taken.document, seal, sealed, taken.at,
    )  # fmt: skip


async def remove(tx: OperatorTx | TenantTx, piece: UUID) -> None:
    """Remove a piece: of the installation, or of the transaction's tenant."""
    if isinstance(tx, TenantTx):
        await tx.execute("DELETE FROM registry.own_outside_evidence WHERE tenant_id = $1 AND id = $2", tx.tenant, piece)
    else:
        await tx.execute("DELETE FROM registry.outside_evidence WHERE id = $1", piece)


async def count(tx: OperatorTx | TenantTx, subject: str) -> int:
    """Return how many pieces there are about one thing."""
    if isinstance(tx, TenantTx):
        query = "SELECT count(*) FROM registry.own_outside_evidence WHERE tenant_id = $1 AND subject_digest = $2"
        return int(await tx.fetchval(query, tx.tenant, subject))
    return int(await tx.fetchval("SELECT count(*) FROM registry.outside_evidence WHERE subject_digest = $1", subject))


async def seals(tx: OperatorTx | TenantTx, subjects: Collection[str]) -> list[bytes]:
    """Return the seals of the installation's pieces about some digests."""
    rows = await tx.fetch(
        """SELECT seal FROM registry.outside_evidence WHERE subject_digest = any($1::text[])
           ORDER BY made_at DESC, id DESC LIMIT $2""",
        list(subjects),
        MOST_KEPT * max(1, len(subjects)),
    )
    return [row["seal"] for row in rows]


async def own_seals(tx: OperatorTx | TenantTx, owner: TenantId, subject: str) -> list[bytes]:
    """Return the seals of a tenant's pieces about a release of its own."""
    rows = await tx.fetch(
        """SELECT seal FROM registry.own_outside_evidence WHERE tenant_id = $1 AND subject_digest = $2
           ORDER BY made_at DESC, id DESC LIMIT $3""",
        owner,
        subject,
        MOST_KEPT,
    )
    return [row["seal"] for row in rows]


async def newest(tx: OperatorTx | TenantTx) -> list[bytes]:
    """Return the seals of the newest pieces: of the installation, or of the transaction's tenant."""
    if isinstance(tx, TenantTx):
        rows = await tx.fetch(
            """SELECT seal FROM registry.own_outside_evidence WHERE tenant_id = $1
               ORDER BY made_at DESC, id DESC LIMIT $2""",
            tx.tenant, _SHOWN,
        )  # fmt: skip
    else:
        rows = await tx.fetch(
            "SELECT seal FROM registry.outside_evidence ORDER BY made_at DESC, id DESC LIMIT $1", _SHOWN
        )
    return [row["seal"] for row in rows]


async def piece(tx: OperatorTx | TenantTx, piece: UUID) -> tuple[bytes, bytes] | None:
    """Return a piece's seal and its sealed document; None: there is none of the installation, or of the tenant."""
    if isinstance(tx, TenantTx):
        row = await tx.fetchrow(
            "SELECT seal, sealed FROM registry.own_outside_evidence WHERE tenant_id = $1 AND id = $2", tx.tenant, piece
        )
    else:
        row = await tx.fetchrow("SELECT seal, sealed FROM registry.outside_evidence WHERE id = $1", piece)
    return None if row is None else (row["seal"], row["sealed"])
